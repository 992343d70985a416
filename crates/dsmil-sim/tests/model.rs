//! The model's own behaviour: each quirk of the specification, and that it can be foretold.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Client, id};
use dsmil_protocol::{
    Access, DISCOVERY_BYTES, DeviceId, PERMANENT, Progress, ReadChunkHeader, RequestCode, ScanChunkHeader, State,
    decode_discovery,
};
use dsmil_sim::{COOLEST, Config, Model, WARMEST, device_data};
use nix::errno::Errno;
use proptest::prelude::*;

#[test]
fn a_scan_has_108_records_in_22_chunks_and_knows_five_as_quarantined() {
    let mut client = Client::fielded();
    let scan = client.scan().unwrap();
    assert_eq!(scan.records.len(), 108);
    assert_eq!(client.asked(RequestCode::ScanChunk), 22);
    let count = |state| scan.records.iter().filter(|record| record.state == state).count();
    assert_eq!((count(State::Safe), count(State::Quarantined), count(State::Offline), count(State::Unknown)), (98, 5, 3, 2));
    for record in &scan.records {
        assert_eq!(record.is_quarantined, record.id.is_permanent(), "{}", record.id);
        assert_eq!(record.access == Access::Read, record.state == State::Safe, "{}", record.id);
    }
    assert!(scan.records.iter().any(|record| record.thermal_celsius.is_none()));
    assert!(scan.records.iter().any(|record| record.thermal_celsius.is_some()));
}

#[test]
fn quirk_1_read_start_does_not_check_the_quarantine_and_read_device_does() {
    let mut client = Client::fielded();
    for entry in PERMANENT.iter().filter(|entry| entry.id.is_served()) {
        assert_eq!(client.read(entry.id).unwrap(), client.model.data(entry.id));
        assert_eq!(client.read_device(entry.id).0, Err(Errno::EACCES));
    }
    assert_eq!(client.model.counters().permanent(), 5 * (1 + 3 + 1));
}

#[test]
fn quirk_2_and_3_a_start_replaces_the_open_session_and_complete_always_succeeds() {
    let mut client = Client::fielded();
    client.ask(RequestCode::ScanComplete).unwrap();
    client.ask(RequestCode::ReadComplete).unwrap();
    client.start_read(id(0x8001)).unwrap();
    let first = client.chunk(RequestCode::ReadChunk).unwrap();
    client.start_read(id(0x8002)).unwrap();
    let second = client.chunk(RequestCode::ReadChunk).unwrap();
    let (first, second) = (ReadChunkHeader::of(&first), ReadChunkHeader::of(&second));
    assert_eq!((first.token.get(), second.token.get()), (0x8001, 0x8002));
    assert!(second.session_id.get() > first.session_id.get());
    assert_eq!(second.chunk_index.get(), 0);

    client.ask(RequestCode::ScanStart).unwrap();
    let first = client.chunk(RequestCode::ScanChunk).unwrap();
    client.ask(RequestCode::ScanStart).unwrap();
    let second = client.chunk(RequestCode::ScanChunk).unwrap();
    assert!(ScanChunkHeader::of(&second).session_id.get() > ScanChunkHeader::of(&first).session_id.get());
}

#[test]
fn quirk_4_chunks_without_a_session_or_past_the_last_and_wrong_ids_are_einval() {
    let mut client = Client::fielded();
    assert_eq!(client.chunk(RequestCode::ScanChunk), Err(Errno::EINVAL));
    assert_eq!(client.chunk(RequestCode::ReadChunk), Err(Errno::EINVAL));
    client.scan_without_complete().unwrap();
    assert_eq!(client.chunk(RequestCode::ScanChunk), Err(Errno::EINVAL));
    for wrong in [0, 0x7FFF, 0x806C, 0x8100, 0x8101, 0xFFFF] {
        assert_eq!(client.start_read(id(wrong)), Err(Errno::EINVAL));
        assert_eq!(client.read_device(id(wrong)).0, Err(Errno::EINVAL));
    }
    // A number with more than 16 bits is no id, whatever its low half says.
    assert_eq!(client.request(RequestCode::ReadStart, &mut 0x0001_8003u32.to_ne_bytes()), Err(Errno::EINVAL));
    assert_eq!(client.model.counters().id(id(0x8003)).total(), 0);
    assert_eq!(client.model.counters().id(id(0x8100)).total(), 2);
}

#[test]
fn quirk_4_unknown_codes_and_sizes_are_enotty_and_an_older_driver_lacks_the_chunked_requests() {
    let mut model = Model::new(Config::default());
    let now = Duration::ZERO;
    assert_eq!(model.ioctl(now, 0x5401, &mut [0; 60]).result, Err(Errno::ENOTTY));
    assert_eq!(model.ioctl(now, RequestCode::GetVersion.code(), &mut [0; 8]).result, Err(Errno::ENOTTY));
    assert_eq!(model.counters().unknown(), 2);
    let mut older = Client::new(Config::parse_options("chunked=no,firmware-limit=none").unwrap());
    for request in RequestCode::ALL {
        let result = older.request(request, &mut vec![0; request.size()]);
        assert_eq!(result == Err(Errno::ENOTTY), request.number() >= 6, "{request}");
    }
}

#[test]
fn quirk_5_a_failed_start_leaves_the_older_session_answering_zeros() {
    let mut client = Client::fielded();
    client.start_read(id(0x8003)).unwrap();
    client.chunk(RequestCode::ReadChunk).unwrap();
    assert_eq!(client.start_read(id(0x9000)), Err(Errno::EINVAL));
    for _ in 0..30 {
        let chunk = client.chunk(RequestCode::ReadChunk).unwrap();
        assert_eq!(chunk[..2], 0x8003u16.to_ne_bytes());
        assert!(chunk[2..].iter().all(|byte| *byte == 0));
    }
    client.ask(RequestCode::ReadComplete).unwrap();
    assert_eq!(client.chunk(RequestCode::ReadChunk), Err(Errno::EINVAL));
}

#[test]
fn quirk_6_read_device_fills_the_record_also_when_it_fails() {
    let mut client = Client::fielded();
    let (result, record) = client.read_device(id(0x8009));
    assert_eq!((result, record.state, record.id), (Err(Errno::EACCES), State::Quarantined, id(0x8009)));
    let (result, record) = client.read_device(id(0x9000));
    assert_eq!((result, record.state, record.id), (Err(Errno::EINVAL), State::Error, id(0x9000)));
    client.faults("[[fault]]\non = 'READ_DEVICE'\ndo = 'thermal-limit'\ncelsius = 101");
    let (result, record) = client.read_device(id(0x8004));
    assert_eq!((result, record.state, record.thermal_celsius), (Err(Errno::EBUSY), State::ThermalLimit, Some(101)));
    assert_eq!(client.read_device(id(0x8009)).0, Err(Errno::EACCES), "the quarantine comes first");
}

#[test]
fn quirk_7_a_scan_has_fillers_and_read_device_a_reading() {
    let mut client = Client::fielded();
    let scan = client.scan().unwrap();
    assert!(scan.records.iter().all(|record| record.last_response.is_none()));
    for id in DeviceId::served().filter(|id| !id.is_permanent()) {
        let (result, record) = client.read_device(id);
        assert_eq!(result, Ok(()));
        assert!(record.last_response.is_some(), "{id}");
    }
}

#[test]
fn quirk_8_open_fails_where_the_driver_is_not_initialised() {
    let mut model = Model::new(Config { initialised: false, ..Config::default() });
    assert_eq!(model.open(), Err(Errno::ENODEV));
    assert_eq!(Model::new(Config::default()).open(), Ok(()));
    assert_eq!(model.counters().opens(), 1);
}

#[test]
fn the_firmware_limit_refuses_the_discovery_result_alone() {
    let mut limited = Client::fielded();
    let mut bytes = [0; DISCOVERY_BYTES];
    assert_eq!(limited.request(RequestCode::ScanDevices, &mut bytes), Err(Errno::EMSGSIZE));
    let mut free = Client::new(Config { firmware_limit: None, ..Config::default() });
    free.request(RequestCode::ScanDevices, &mut bytes).unwrap();
    assert_eq!(decode_discovery(&bytes).unwrap(), free.scan().unwrap());
}

#[test]
fn status_version_and_temperature_are_answered() {
    let mut client = Client::new(Config { boot_ms: 5000, ..Config::default() });
    client.now = Duration::from_millis(700);
    assert_eq!(client.status().last_scan_timestamp, 0);
    client.scan().unwrap();
    let status = client.status();
    assert!(status.kernel_module_loaded && status.thermal_safe);
    assert_eq!((status.safe_device_count, status.quarantined_count, status.last_scan_timestamp), (98, 5, 5700));
    let mut celsius = [0; 4];
    client.request(RequestCode::GetThermal, &mut celsius).unwrap();
    assert_eq!(i32::from_ne_bytes(celsius), status.current_temp_celsius);
    let mut version = [0; 4];
    client.request(RequestCode::GetVersion, &mut version).unwrap();
    assert_eq!(u32::from_ne_bytes(version), 0x0001_0000);
}

#[test]
fn reads_of_one_and_of_22_chunks_yield_the_foretold_bytes() {
    let mut config = Config::with_seed(9);
    for (device, bytes) in [(0x8000, 1), (0x8001, 224), (0x8002, 225), (0x8003, 4928)] {
        config.set_data_length(id(device), bytes).unwrap();
    }
    assert!(config.set_data_length(id(0x8004), 0).is_err());
    assert!(config.set_data_length(id(0x8004), 4929).is_err());
    assert!(config.set_data_length(id(0x8100), 1).is_err());
    let mut client = Client::new(config);
    for (device, bytes, chunks) in [(0x8000, 1, 1), (0x8001, 224, 1), (0x8002, 225, 2), (0x8003, 4928, 22), (0x8004, 512, 3)] {
        let before = client.asked(RequestCode::ReadChunk);
        assert_eq!(client.read(id(device)).unwrap(), device_data(9, id(device), bytes));
        assert_eq!(client.asked(RequestCode::ReadChunk) - before, chunks);
    }
}

#[test]
fn the_same_seed_makes_the_same_device_and_another_seed_another() {
    let all = |seed| {
        let mut client = Client::new(Config::with_seed(seed));
        client.now = Duration::from_secs(77);
        (client.scan().unwrap(), client.read(id(0x8042)).unwrap(), client.read_device(id(0x8011)).1)
    };
    assert_eq!(all(7), all(7));
    assert_ne!(all(7).1, all(8).1);
    assert_ne!(all(7).0, all(8).0);
    let data: std::collections::HashSet<_> = DeviceId::served().map(|id| device_data(7, id, 512)).collect();
    assert_eq!(data.len(), 108, "no two devices have the same data");
}

#[test]
fn temperature_moves_smoothly_and_stays_in_bounds() {
    let model = Model::new(Config::with_seed(3));
    for id in DeviceId::served() {
        let at = |second| model.record(Duration::from_secs(second), id).unwrap().thermal_celsius;
        let Some(mut last) = at(0) else {
            assert!((0..600).all(|second| at(second).is_none()));
            continue;
        };
        let (mut low, mut high) = (last, last);
        for second in 1..600 {
            let celsius = at(second).unwrap();
            assert!((last - celsius).abs() <= 1, "{id} jumps at {second} s");
            (low, high, last) = (low.min(celsius), high.max(celsius), celsius);
        }
        assert!(low >= COOLEST && high <= WARMEST && high - low >= 3, "{id}: {low} to {high}");
    }
}

#[test]
fn options_are_read_and_refused_by_name() {
    let config = Config::parse_options("seed=0x10, version=0x020304,initialised=no,boot-ms=9,data=0x8003:7").unwrap();
    assert_eq!((config.seed, config.version, config.initialised, config.boot_ms), (16, 0x0002_0304, false, 9));
    assert_eq!(config.data_length(id(0x8003)), 7);
    assert_eq!(Config::parse_options("").unwrap(), Config::default());
    for wrong in ["seed", "seed=x", "seed=-1", "sed=1", "chunked=maybe", "data=0x8003", "data=1:1", "version=0x1ffffffff"] {
        let error = Config::parse_options(wrong).unwrap_err().to_string();
        assert!(error.contains(wrong.split(':').next().unwrap().split('=').next().unwrap()), "{error}");
    }
}

#[test]
fn counters_tell_what_was_asked_and_when() {
    let mut client = Client::fielded();
    client.now = Duration::from_millis(1234);
    client.read(id(0x8003)).unwrap();
    let counters = client.model.counters();
    let counter = counters.id(id(0x8003));
    assert_eq!((counter.read_start, counter.read_chunk, counter.read_device, counter.total()), (1, 3, 0, 4));
    assert_eq!((counters.sequence(), counters.permanent(), counters.last_request()), (5, 0, client.now));
    let json: serde_json::Value = serde_json::from_str(&counters.to_json()).unwrap();
    assert_eq!(json["ids"]["0x8003"]["total"], 4);
    assert_eq!(json["requests"]["READ_CHUNK"], 3);
    assert_eq!((&json["sequence"], &json["last_request_ms"]), (&5.into(), &1234.into()));
}

proptest! {
    /// Any sequence of any codes and bytes: no panic, and every request is counted once.
    #[test]
    fn nothing_panics_and_the_counters_add_up(
        requests in prop::collection::vec((0usize..14, any::<u32>(), prop::collection::vec(any::<u8>(), 0..64), any::<u64>()), 0..200),
        faults in any::<bool>(),
    ) {
        let mut client = Client::fielded();
        if faults {
            client.faults(common::EVERYTHING);
        }
        let mut named = 0;
        for (choice, other, bytes, ms) in &requests {
            client.now = Duration::from_millis(*ms);
            let request = RequestCode::ALL.get(*choice).copied();
            let size = request.map_or(bytes.len(), RequestCode::size);
            let mut argument: Vec<u8> = bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { size }).collect();
            argument.resize(size, 0);
            // Half of the ids are served ones, so that sessions open.
            if matches!(request, Some(RequestCode::ReadDevice | RequestCode::ReadStart)) && other % 2 == 0 {
                argument[..2].copy_from_slice(&(0x8000 + (other % 108) as u16).to_ne_bytes());
                if request == Some(RequestCode::ReadStart) {
                    argument[2..4].fill(0);
                }
            }
            named += u64::from(request == Some(RequestCode::ReadDevice));
            let _ = client.model.ioctl(client.now, request.map_or(*other, RequestCode::code), &mut argument);
        }
        let counters = client.model.counters();
        prop_assert_eq!(counters.sequence(), requests.len() as u64);
        let by_kind: u64 = RequestCode::ALL.into_iter().map(|request| counters.requests(request)).sum();
        prop_assert_eq!(by_kind + counters.unknown(), requests.len() as u64);
        prop_assert_eq!(counters.ids().map(|(_, counter)| counter.read_device).sum::<u64>(), named);
        let touched: u64 = counters.ids().map(|(_, counter)| counter.total()).sum();
        prop_assert!(touched <= counters.sequence());
    }
}

#[test]
fn a_client_can_go_on_after_the_end() {
    let mut client = Client::fielded();
    assert_eq!(client.scan().unwrap(), client.scan().unwrap());
    let mut machine = dsmil_protocol::ScanTransfer::new();
    client.ask(RequestCode::ScanStart).unwrap();
    let chunk = client.chunk(RequestCode::ScanChunk).unwrap();
    assert_eq!(machine.feed(&chunk), Ok(Progress::More));
}
