//! Each fault, seen by the transfer machines under its name; and the file that sets them.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Client, End, id};
use dsmil_protocol::{DISCOVERY_BYTES, Fault, READ_PAYLOAD_BYTES, RequestCode, State, decode_discovery};
use dsmil_sim::{Action, Config, FaultRule, Faults, SimError};
use nix::errno::Errno;

fn fault(keys: &str) -> Client {
    let mut client = Client::fielded();
    client.faults(&format!("[[fault]]\n{keys}"));
    client
}

fn scan_with(keys: &str) -> End {
    fault(keys).scan().unwrap_err()
}

fn read_with(keys: &str) -> End {
    fault(keys).read(id(0x8003)).unwrap_err()
}

fn set_scan(skip: u64, field: &str, value: i64) -> End {
    scan_with(&format!("on = 'SCAN_CHUNK'\nskip = {skip}\ntimes = 1\ndo = 'set'\nfield = '{field}'\nvalue = {value}"))
}

fn set_read(skip: u64, field: &str, value: i64) -> End {
    read_with(&format!("on = 'READ_CHUNK'\nskip = {skip}\ntimes = 1\ndo = 'set'\nfield = '{field}'\nvalue = {value}"))
}

#[test]
fn every_hostile_value_of_a_scan_header_is_reached() {
    let is = |end, fault| assert_eq!(end, End::Fault(fault));
    is(set_scan(0, "total_chunks", 0), Fault::TotalChunksZero);
    is(set_scan(0, "total_chunks", 4294967295), Fault::TotalChunksTooLarge { claimed: u32::MAX });
    is(set_scan(0, "total_chunks", -1), Fault::TotalChunksTooLarge { claimed: u32::MAX });
    is(set_scan(3, "total_chunks", 21), Fault::TotalChunksChanged { first: 22, now: 21 });
    is(set_scan(2, "devices_in_chunk", 6), Fault::DevicesInChunkTooLarge { claimed: 6 });
    is(set_scan(2, "chunk_size", 300), Fault::ChunkSizeMismatch { claimed: 300, expected: 232 });
    is(set_scan(4, "chunk_index", 3), Fault::IndexRepeated { got: 3 });
    is(set_scan(4, "chunk_index", 5), Fault::IndexSkipped { expected: 4, got: 5 });
    is(set_scan(4, "chunk_index", 1), Fault::IndexWentBack { expected: 4, got: 1 });
    is(set_scan(4, "session_id", -1), Fault::SessionChanged { expected: 1, got: u64::MAX });
}

#[test]
fn every_hostile_value_of_a_read_header_is_reached() {
    let is = |end, fault| assert_eq!(end, End::Fault(fault));
    is(set_read(0, "token", 0x8009), Fault::TokenMismatch { expected: id(0x8003), got: id(0x8009) });
    is(set_read(0, "total_chunks", 0), Fault::TotalChunksZero);
    is(set_read(0, "total_chunks", 23), Fault::TotalChunksTooLarge { claimed: 23 });
    is(set_read(1, "chunk_index", 2), Fault::IndexSkipped { expected: 1, got: 2 });
    is(set_read(1, "chunk_index", 0), Fault::IndexRepeated { got: 0 });
    is(set_read(1, "data_offset", 223), Fault::OffsetMismatch { expected: 224, got: 223 });
    is(set_read(1, "chunk_size", 0), Fault::ChunkSizeOutOfRange { claimed: 0 });
    let over = READ_PAYLOAD_BYTES as u32 + 1;
    is(set_read(1, "chunk_size", over.into()), Fault::ChunkSizeOutOfRange { claimed: over });
    is(set_read(1, "session_id", 77), Fault::SessionChanged { expected: 1, got: 77 });
}

#[test]
fn every_hostile_value_of_a_record_is_reached() {
    let twice = "on = 'SCAN_CHUNK'\nskip = 1\ntimes = 1\ndo = 'set'\nfield = 'device_id'\nrecord = 2\nvalue = 0x8000";
    assert_eq!(scan_with(twice), End::Fault(Fault::DuplicateId { id: id(0x8000) }));
    let beyond = "on = 'SCAN_CHUNK'\ndo = 'set'\nfield = 'id'\nrecord = 4\nvalue = 0x9000";
    assert_eq!(scan_with(beyond), End::Fault(Fault::IdOutOfRange { id: id(0x9000) }));
    let safe = "on = 'SCAN_CHUNK'\nid = 0x8019\ndo = 'set'\nfield = 'state'\nvalue = 2";
    assert_eq!(scan_with(safe), End::Fault(Fault::QuarantinedMarkedSafe { id: id(0x8019) }));
    let other = "on = 'READ_DEVICE'\ndo = 'set'\nfield = 'device_id'\nvalue = 0x8001";
    assert_eq!(fault(other).read_device(id(0x8003)).1.id, id(0x8001));
    let state = "on = 'SCAN_CHUNK'\nid = 0x8003\ndo = 'set'\nfield = 'state'\nvalue = 99";
    assert_eq!(fault(state).scan().unwrap().get(id(0x8003)).unwrap().state, State::Other(99));
}

#[test]
fn hostile_values_reach_the_discovery_result_and_the_status() {
    let mut client = Client::new(Config { firmware_limit: None, ..Config::default() });
    client.faults("[[fault]]\non = 'SCAN_DEVICES'\ndo = 'set'\nfield = 'total_devices_found'\nvalue = 109");
    let mut bytes = [0; DISCOVERY_BYTES];
    client.request(RequestCode::ScanDevices, &mut bytes).unwrap();
    assert_eq!(decode_discovery(&bytes).unwrap_err().fault, Fault::DeviceCountTooLarge { claimed: 109 });
    client.faults("[[fault]]\non = 'GET_STATUS'\ndo = 'set'\nfield = 'safe_device_count'\nvalue = 7");
    assert_eq!(client.status().safe_device_count, 7);
}

#[test]
fn drop_loses_a_chunk_and_the_driver_moves_on() {
    let mut client = fault("on = 'SCAN_CHUNK'\nskip = 2\ntimes = 1\ndo = 'drop'");
    client.ask(RequestCode::ScanStart).unwrap();
    let mut machine = dsmil_protocol::ScanTransfer::new();
    for _ in 0..2 {
        machine.feed(&client.chunk(RequestCode::ScanChunk).unwrap()).unwrap();
    }
    let mut untouched = [7; 256];
    assert_eq!(client.request(RequestCode::ScanChunk, &mut untouched), Err(Errno::EIO));
    assert_eq!(untouched, [7; 256]);
    let next = client.chunk(RequestCode::ScanChunk).unwrap();
    assert_eq!(machine.feed(&next).unwrap_err().fault, Fault::IndexSkipped { expected: 2, got: 3 });
}

#[test]
fn delay_is_told_and_changes_nothing_else() {
    let mut client = fault("on = 'READ_DEVICE'\nid = 0x8003\ndo = 'delay'\nms = 150");
    let mut bytes = dsmil_protocol::DeviceRecord::request(id(0x8003));
    let answer = client.answer(RequestCode::ReadDevice, &mut bytes);
    assert_eq!((answer.result, answer.delay), (Ok(()), Duration::from_millis(150)));
    assert!(dsmil_protocol::DeviceRecord::decode(&bytes).last_response.is_some());
    let mut bytes = dsmil_protocol::DeviceRecord::request(id(0x8004));
    assert_eq!(client.answer(RequestCode::ReadDevice, &mut bytes).delay, Duration::ZERO);
}

#[test]
fn repeat_brings_the_chunk_before_and_then_the_one_that_is_due() {
    let keys = "on = 'SCAN_CHUNK'\nskip = 2\ntimes = 1\ndo = 'repeat'";
    // The first chunk has none before it, so that the third request that matches is the fourth.
    assert_eq!(scan_with(keys), End::Fault(Fault::IndexRepeated { got: 2 }));
    let mut client = fault("on = 'READ_CHUNK'\ntimes = 1\ndo = 'repeat'");
    client.start_read(id(0x8003)).unwrap();
    let first = client.chunk(RequestCode::ReadChunk).unwrap();
    assert_eq!(client.chunk(RequestCode::ReadChunk).unwrap(), first);
    let second = client.chunk(RequestCode::ReadChunk).unwrap();
    assert_eq!(dsmil_protocol::ReadChunkHeader::of(&second).chunk_index.get(), 1);
}

#[test]
fn reorder_swaps_two_chunks_and_loses_none() {
    let mut client = fault("on = 'SCAN_CHUNK'\nskip = 3\ntimes = 1\ndo = 'reorder'");
    client.ask(RequestCode::ScanStart).unwrap();
    let index = |chunk: [u8; 256]| dsmil_protocol::ScanChunkHeader::of(&chunk).chunk_index.get();
    let order: Vec<u32> = (0..22).map(|_| index(client.chunk(RequestCode::ScanChunk).unwrap())).collect();
    assert_eq!(order[..6], [0, 1, 2, 4, 3, 5]);
    assert_eq!(order[21], 21);
    assert_eq!(client.chunk(RequestCode::ScanChunk), Err(Errno::EINVAL));
    let keys = "on = 'SCAN_CHUNK'\nskip = 3\ndo = 'reorder'";
    assert_eq!(scan_with(keys), End::Fault(Fault::IndexSkipped { expected: 3, got: 4 }));
}

#[test]
fn corrupt_flips_bits_where_it_says() {
    let keys = "on = 'SCAN_CHUNK'\nskip = 2\ntimes = 1\ndo = 'corrupt'\noffset = 12\nxor = [0, 1]";
    assert_eq!(scan_with(keys), End::Fault(Fault::ChunkSizeMismatch { claimed: 232 + 256, expected: 232 }));
    let mut client = fault("on = 'READ_CHUNK'\ntimes = 1\ndo = 'corrupt'\noffset = 32\nxor = 0x80");
    let mut expected = client.model.data(id(0x8003));
    expected[0] ^= 0x80;
    assert_eq!(client.read(id(0x8003)).unwrap(), expected, "the wire has no checksum over the data");
}

#[test]
fn fail_acts_on_the_first_requests_and_carries_nothing_out() {
    let mut client = fault("on = 'SCAN_CHUNK'\ntimes = 2\ndo = 'fail'\nerrno = 'EAGAIN'");
    client.ask(RequestCode::ScanStart).unwrap();
    assert_eq!(client.chunk(RequestCode::ScanChunk), Err(Errno::EAGAIN));
    assert_eq!(client.chunk(RequestCode::ScanChunk), Err(Errno::EAGAIN));
    let chunk = client.chunk(RequestCode::ScanChunk).unwrap();
    assert_eq!(dsmil_protocol::ScanChunkHeader::of(&chunk).chunk_index.get(), 0);
    let (result, record) = fault("on = 'READ_DEVICE'\ndo = 'fail'\nerrno = 16").read_device(id(0x8001));
    assert_eq!((result, record.state), (Err(Errno::EBUSY), State::ThermalLimit));
}

#[test]
fn interrupt_is_eintr() {
    assert_eq!(scan_with("on = 'any'\nskip = 4\ndo = 'interrupt'"), End::Refused(Errno::EINTR));
}

#[test]
fn vanish_is_for_ever_until_other_faults_are_set() {
    let mut client = fault("on = 'SCAN_CHUNK'\nskip = 10\ntimes = 1\ndo = 'vanish'\nerrno = 'ENXIO'");
    assert_eq!(client.scan(), Err(End::Refused(Errno::ENXIO)));
    assert_eq!(client.asked(RequestCode::ScanChunk), 11);
    assert_eq!(client.ask(RequestCode::ScanStart), Err(Errno::ENXIO));
    assert_eq!(client.model.open(), Err(Errno::ENXIO));
    client.faults("");
    assert_eq!(client.model.open(), Ok(()));
    assert!(client.scan().is_ok());
    assert_eq!(scan_with("on = 'any'\ndo = 'vanish'"), End::Refused(Errno::ENODEV));
}

#[test]
fn foreign_session_replaces_ours() {
    let once = "on = 'SCAN_CHUNK'\nskip = 5\ntimes = 1\ndo = 'foreign-session'";
    assert_eq!(scan_with(once), End::Fault(Fault::SessionChanged { expected: 1, got: 2 }));
    let read = "on = 'READ_CHUNK'\nskip = 1\ntimes = 1\ndo = 'foreign-session'\ntoken = '0x8001'";
    assert_eq!(read_with(read), End::Fault(Fault::TokenMismatch { expected: id(0x8003), got: id(0x8001) }));
    let same = "on = 'READ_CHUNK'\nskip = 1\ntimes = 1\ndo = 'foreign-session'\ntoken = '0x8003'";
    assert_eq!(read_with(same), End::Fault(Fault::SessionChanged { expected: 1, got: 2 }));
    let at_start = "on = 'SCAN_START'\ndo = 'foreign-session'\nchunks = 1";
    assert_eq!(scan_with(at_start), End::Fault(Fault::IndexSkipped { expected: 0, got: 1 }));
    // The other process took all of it.
    assert_eq!(scan_with("on = 'SCAN_START'\ndo = 'foreign-session'\nchunks = 22"), End::Refused(Errno::EINVAL));
    let mut again = fault(once);
    assert!(again.scan().is_err());
    assert!(again.scan().is_ok(), "it happened once");
}

#[test]
fn thermal_limit_shows_wherever_the_device_does() {
    let mut client = fault("on = 'any'\nid = 0x8005\ndo = 'thermal-limit'\ncelsius = 104");
    let (result, record) = client.read_device(id(0x8005));
    assert_eq!((result, record.state, record.thermal_celsius), (Err(Errno::EBUSY), State::ThermalLimit, Some(104)));
    assert_eq!(client.read_device(id(0x8006)).0, Ok(()));
    let scan = client.scan().unwrap();
    assert_eq!(scan.records.iter().filter(|record| record.state == State::ThermalLimit).count(), 1);
    assert!(client.status().thermal_safe, "one device is not the system");

    let mut client = fault("on = 'any'\ndo = 'thermal-limit'");
    let status = client.status();
    assert_eq!((status.thermal_safe, status.current_temp_celsius), (false, 100));
    let mut celsius = [0; 4];
    client.request(RequestCode::GetThermal, &mut celsius).unwrap();
    assert_eq!(i32::from_ne_bytes(celsius), 100);
    let scan = client.scan().unwrap();
    assert_eq!(scan.records.iter().filter(|record| record.state == State::Quarantined).count(), 5);
    assert_eq!(scan.records.iter().filter(|record| record.state == State::ThermalLimit).count(), 103);
}

#[test]
fn no_sensor_is_eio_and_minus_one() {
    let mut client = fault("on = 'any'\ndo = 'no-sensor'");
    assert_eq!(client.request(RequestCode::GetThermal, &mut [0; 4]), Err(Errno::EIO));
    assert!(client.scan().unwrap().records.iter().all(|record| record.thermal_celsius.is_none()));
    assert_eq!(client.read_device(id(0x8000)).1.thermal_celsius, None);
}

#[test]
fn a_call_sets_what_a_file_sets() {
    let rules = vec![FaultRule::on(RequestCode::ReadDevice, Action::Fail(Errno::EIO)).of(id(0x8003)).after(1).times(2)];
    let faults = Faults::from(rules);
    let text = "[[fault]]\non='READ_DEVICE'\nid='0x8003'\nskip=1\ntimes=2\ndo='fail'\nerrno='EIO'";
    assert_eq!(faults, Faults::parse(text, Path::new("f")).unwrap());
    let mut client = Client::fielded();
    client.model.set_faults(faults);
    let results: Vec<_> = (0..4).map(|_| client.read_device(id(0x8003)).0.is_ok()).collect();
    assert_eq!(results, [true, false, false, true]);
    assert_eq!(FaultRule::any(Action::Interrupt).on, None);
}

#[test]
fn what_is_written_is_read_again() {
    let faults = Faults::parse(common::EVERYTHING, Path::new("f")).unwrap();
    assert_eq!(Faults::parse(&faults.to_toml(), Path::new("g")).unwrap(), faults);
    assert_eq!(Faults::none().to_toml(), "");
}

#[test]
fn a_wrong_file_is_refused_with_its_line_and_key() {
    let cases = [
        ("[[fault]]\non = 'any'\ndo = 'explode'", 3, "do", "explode"),
        ("[[fault]]\non = 'SCAN'\ndo = 'drop'", 2, "on", "SCAN"),
        ("# a\n\n[[fault]]\ndo = 'drop'", 3, "on", "missing"),
        ("[[fault]]\non = 'any'\ndo = 'drop'\nmss = 4", 4, "mss", "not known"),
        ("[[fault]]\non = 'any'\ndo = 'drop'\nms = 4", 4, "ms", "no use"),
        ("[[fault]]\non = 'any'\ndo = 'delay'\nms = 'long'", 4, "ms", "long"),
        ("[[fault]]\non = 'any'\ndo = 'fail'\nerrno = 'EWHAT'", 4, "errno", "EWHAT"),
        ("[[fault]]\non = 'any'\ndo = 'fail'\nerrno = 0", 4, "errno", "0"),
        ("[[fault]]\non = 'any'\nid = 0x18000\ndo = 'drop'", 3, "id", "98304"),
        ("[[fault]]\non = 'any'\nskip = -1\ndo = 'drop'", 3, "skip", "-1"),
        ("[[fault]]\non = 'GET_VERSION'\ndo = 'set'\nfield = 'token'\nvalue = 1", 4, "field", "token"),
        ("[[fault]]\non = 'READ_CHUNK'\ndo = 'set'\nfield = 'token'\nvalue = 65536", 5, "value", "65536"),
        ("[[fault]]\non = 'READ_CHUNK'\ndo = 'set'\nfield = 'token'\nvalue = 1\nrecord = 0", 1, "record", "no field of a record"),
        ("[[fault]]\non = 'any'\ndo = 'corrupt'\noffset = 0\nxor = [0, 256]", 5, "xor", "256"),
        ("[[fault]]\non = 'any'\ndo = 'foreign-session'\ntoken = 0x8100", 4, "token", "33024"),
        ("[[faults]]\non = 'any'", 1, "faults", "unknown field"),
        ("[[fault]]\non = any", 2, "on", ""),
        ("fault = 3", 1, "fault", ""),
    ];
    for (text, expected_line, expected_key, part) in cases {
        match Faults::parse(text, Path::new("some/faults.toml")) {
            Err(SimError::Faults { path, line, key, why }) => {
                assert_eq!(
                    (path.as_path(), line, key.as_str()),
                    (Path::new("some/faults.toml"), expected_line, expected_key),
                    "{why}"
                );
                assert!(why.contains(part), "{text}: {why}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let missing = Faults::load(Path::new("there/is/no/such.toml")).unwrap_err();
    assert!(missing.to_string().contains("such.toml"));
}

/// Every file that ships does what its first line says.
#[test]
fn the_files_that_ship_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults");
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in &names {
        let mut client = Client::fielded();
        client.model.set_faults(Faults::load(&folder.join(name)).unwrap());
        let scan = client.scan();
        let end = scan.as_ref().err();
        match name.as_str() {
            "bit-flips.toml" => assert!(matches!(end, Some(End::Fault(Fault::ChunkSizeMismatch { .. })))),
            "busy-for-a-moment.toml" => {
                assert_eq!(end, Some(&End::Refused(Errno::EIO)));
                assert_eq!(client.read(id(0x8003)), Err(End::Refused(Errno::EAGAIN)));
                assert!(client.read(id(0x8003)).is_ok());
            }
            "foreign-session.toml" => {
                assert!(matches!(end, Some(End::Fault(Fault::SessionChanged { .. }))));
                assert!(matches!(client.read(id(0x8003)), Err(End::Fault(Fault::TokenMismatch { .. }))));
                assert!(client.scan().is_ok() && client.read(id(0x8003)).is_ok());
            }
            "hostile-counts.toml" => {
                assert!(matches!(end, Some(End::Fault(Fault::TotalChunksTooLarge { .. }))));
                assert_eq!(client.read(id(0x8003)), Err(End::Fault(Fault::TotalChunksZero)));
            }
            "interrupted.toml" => {
                assert_eq!(end, Some(&End::Refused(Errno::EINTR)));
                assert!(client.scan().is_err() && client.scan().is_ok());
            }
            "lost-chunk.toml" => assert_eq!(end, Some(&End::Refused(Errno::EIO))),
            "no-sensor.toml" => assert!(scan.unwrap().records.iter().all(|record| record.thermal_celsius.is_none())),
            "out-of-order.toml" => {
                assert!(matches!(end, Some(End::Fault(Fault::IndexSkipped { .. }))));
                assert!(matches!(client.read(id(0x8003)), Err(End::Fault(Fault::IndexRepeated { .. }))));
            }
            "quarantined-marked-safe.toml" => {
                assert_eq!(end, Some(&End::Fault(Fault::QuarantinedMarkedSafe { id: id(0x8009) })));
            }
            "slow.toml" => {
                let mut bytes = dsmil_protocol::DeviceRecord::request(id(0x8003));
                assert_eq!(client.answer(RequestCode::ReadDevice, &mut bytes).delay, Duration::from_millis(150));
            }
            "thermal-limit.toml" => {
                assert_eq!(client.read_device(id(0x8005)).0, Err(Errno::EBUSY));
                assert!(!client.status().thermal_safe);
            }
            "vanish.toml" => assert_eq!(end, Some(&End::Refused(Errno::ENXIO))),
            other => panic!("{other} has no test"),
        }
    }
    assert_eq!(names.len(), 12);
}
