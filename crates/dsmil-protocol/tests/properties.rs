//! What holds for every input: arbitrary bytes do no harm, and what is valid goes out and comes in again the
//! same.

#![allow(clippy::unwrap_used)]

mod common;
mod harness;

use common::{Chunk, read_chunks, run_read, run_scan, scan_chunks};
use dsmil_protocol::{
    Access, DISCOVERY_BYTES, DeviceId, DeviceRecord, Progress, RESPONSE_FILLER, Scan, ScanTransfer, State, SystemStatus, Version,
    decode_discovery, encode_discovery,
};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

/// A record of this id with anything in the other fields, except that the permanent ids are marked.
fn record_of(id: DeviceId) -> impl Strategy<Value = DeviceRecord> {
    let rest = (0..9u32, any::<u32>(), any::<bool>(), any::<u32>(), any::<u64>(), any::<i32>());
    rest.prop_map(move |(state, access, is_quarantined, response, timestamp, celsius)| DeviceRecord {
        id,
        state: if id.is_permanent() { State::Quarantined } else { State::from_number(state) },
        access: Access::from_number(access % 5),
        is_quarantined: is_quarantined || id.is_permanent(),
        last_response: (response != RESPONSE_FILLER && response % 4 != 0).then_some(response),
        timestamp,
        thermal_celsius: (celsius != -1 && celsius % 4 != 0).then_some(celsius),
    })
}

/// Records of some of the served ids, in any order.
fn records() -> impl Strategy<Value = Vec<DeviceRecord>> {
    let ids = subsequence(DeviceId::served().collect::<Vec<_>>(), 0..=108).prop_shuffle();
    ids.prop_flat_map(|ids| ids.into_iter().map(record_of).collect::<Vec<_>>())
}

/// A scan of 1 to 22 chunks with 0 to 5 devices each, empty chunks in any place: (session, records, chunks).
fn scan() -> impl Strategy<Value = (u64, Vec<DeviceRecord>, Vec<Chunk>)> {
    let counts = prop_oneof![prop::collection::vec(0..=5usize, 1..=22), prop::collection::vec(4..=5usize, 22)];
    (any::<u64>(), records(), counts).prop_map(|(session, records, counts)| {
        let mut rest = records.as_slice();
        let mut parts = Vec::new();
        for count in counts {
            let (part, after) = rest.split_at(count.min(rest.len()));
            parts.push(part);
            rest = after;
        }
        let chunks = scan_chunks(session, &parts);
        (session, parts.concat(), chunks)
    })
}

/// A read of 1 to 22 chunks of 1 to 224 bytes: (device, data, chunks).
fn read() -> impl Strategy<Value = (DeviceId, Vec<u8>, Vec<Chunk>)> {
    let sizes = prop_oneof![
        prop::collection::vec(1..=224usize, 1..=22),
        // As the driver cuts: whole chunks and a rest.
        (0..22usize, 1..=224usize).prop_map(|(whole, rest)| [vec![224; whole], vec![rest]].concat()),
    ];
    (any::<u16>(), any::<u64>(), sizes, any::<u8>()).prop_map(|(id, session, sizes, salt)| {
        let data: Vec<u8> = (0..sizes.iter().sum()).map(|i: usize| (i * 7 + i / 251) as u8 ^ salt).collect();
        let mut rest = data.as_slice();
        let mut parts = Vec::new();
        for size in sizes {
            let (part, after) = rest.split_at(size);
            parts.push(part);
            rest = after;
        }
        let id = DeviceId::new(id);
        let chunks = read_chunks(session, id, &parts);
        (id, data, chunks)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        harness::scan(&bytes);
        harness::read(&bytes);
        // The same once more as the driver would send them, without any script.
        let (chunks, _) = bytes.as_chunks();
        if let Ok(Some(whole)) = run_scan(chunks) {
            prop_assert!(whole.records.len() <= 108);
        }
        if let Ok(Some(data)) = run_read(DeviceId::FIRST, chunks) {
            prop_assert!((1..=4928).contains(&data.len()));
        }
    }

    #[test]
    fn a_valid_scan_comes_in_as_it_went_out((session, records, chunks) in scan()) {
        let mut machine = ScanTransfer::new();
        let mut bytes = 0;
        for (nth, chunk) in chunks.iter().enumerate() {
            let last = nth + 1 == chunks.len();
            prop_assert_eq!(machine.feed(chunk), Ok(if last { Progress::Done } else { Progress::More }));
            prop_assert_eq!(machine.session_id(), Some(session));
            prop_assert_eq!(machine.chunks_done() as usize, nth + 1);
            prop_assert!(machine.bytes_done() >= bytes);
            bytes = machine.bytes_done();
        }
        prop_assert_eq!(bytes, records.len() * 40);
        let scan = machine.finish().unwrap();
        for record in &records {
            prop_assert_eq!(scan.get(record.id), Some(record));
        }
        prop_assert_eq!(scan, Scan { records });
    }

    #[test]
    fn a_valid_read_comes_in_as_it_went_out((id, data, chunks) in read()) {
        prop_assert_eq!(run_read(id, &chunks), Ok(Some(data)));
    }

    /// What the protocol doesn't guard can change; nothing else can, and nothing moves.
    #[test]
    fn one_changed_byte_is_refused_or_changes_one_record(
        (_, records, chunks) in scan(), which in any::<Index>(), at in 0..256usize, flip in 1..=255u8,
    ) {
        let mut changed = chunks.clone();
        let which = which.index(chunks.len());
        changed[which][at] ^= flip;
        if let Ok(Some(scan)) = run_scan(&changed) {
            prop_assert_eq!(scan.records.len(), records.len());
            let others = scan.records.iter().zip(&records).filter(|(now, then)| now != then).count();
            prop_assert!(others <= 1);
            // A single chunk's session is all that a header can change unseen; a total of the first, never.
            let header_changed = at < 16 || (16..24).contains(&at) && chunks.len() > 1;
            prop_assert!(!header_changed);
            prop_assert!(at >= 32 || others == 0);
        }
    }

    #[test]
    fn one_changed_byte_is_refused_or_changes_one_byte(
        (id, data, chunks) in read(), which in any::<Index>(), at in 0..256usize, flip in 1..=255u8,
    ) {
        let mut changed = chunks.clone();
        let which = which.index(chunks.len());
        changed[which][at] ^= flip;
        if let Ok(Some(now)) = run_read(id, &changed) {
            // Only the last chunk's size can change unseen: no offset follows it.
            if (12..16).contains(&at) {
                prop_assert_eq!(which + 1, chunks.len());
            } else {
                prop_assert_eq!(now.len(), data.len());
                let others = now.iter().zip(&data).filter(|(now, then)| now != then).count();
                prop_assert!(others <= usize::from(at >= 32));
                prop_assert!(at >= 24 || (at >= 16 && chunks.len() == 1));
            }
        }
    }

    #[test]
    fn a_discovery_result_comes_in_as_it_went_out(records in records(), timestamp in any::<u64>()) {
        let bytes = encode_discovery(&records, timestamp);
        prop_assert_eq!(decode_discovery(&bytes), Ok(Scan { records }));
    }

    #[test]
    fn any_discovery_bytes_do_no_harm(claimed in 0..120u32, bytes in prop::collection::vec(any::<u8>(), DISCOVERY_BYTES)) {
        let mut bytes: [u8; DISCOVERY_BYTES] = bytes.try_into().unwrap();
        prop_assert!(decode_discovery(&bytes).is_err() || u32::from_ne_bytes(*bytes.first_chunk().unwrap()) <= 108);
        bytes[..4].copy_from_slice(&claimed.to_ne_bytes());
        if let Ok(scan) = decode_discovery(&bytes) {
            prop_assert_eq!(scan.records.len(), claimed as usize);
            prop_assert!(scan.records.iter().all(|record| record.id.is_served()));
        }
    }

    /// Read, written and read again, any 40 bytes mean the same; the fillers and the padding do not survive.
    #[test]
    fn a_record_keeps_its_meaning(bytes in prop::array::uniform32(any::<u8>()), tail in any::<u64>()) {
        let mut whole = [0; 40];
        whole[..32].copy_from_slice(&bytes);
        whole[32..].copy_from_slice(&tail.to_ne_bytes());
        let record = DeviceRecord::decode(&whole);
        prop_assert_eq!(DeviceRecord::decode(&record.encode()), record);
        let padding: Vec<_> = [2..4, 13..16, 20..24, 36..40].into_iter().flatten().collect();
        for (at, (now, then)) in record.encode().into_iter().zip(whole).enumerate() {
            let expected = if padding.contains(&at) { 0 } else if at == 12 { u8::from(then != 0) } else { then };
            prop_assert_eq!(now, expected);
        }
    }

    #[test]
    fn a_status_keeps_its_meaning(bytes in prop::array::uniform24(any::<u8>())) {
        let status = SystemStatus::decode(&bytes);
        prop_assert_eq!(SystemStatus::decode(&status.encode()), status);
        prop_assert_eq!(&status.encode()[4..], &bytes[4..]);
        prop_assert_eq!((status.kernel_module_loaded, status.thermal_safe), (bytes[0] != 0, bytes[1] != 0));
    }

    #[test]
    fn a_version_reads_as_its_three_numbers(major in any::<u8>(), minor in any::<u8>(), patch in any::<u8>()) {
        let version = Version(u32::from_be_bytes([0, major, minor, patch]));
        prop_assert_eq!((version.major(), version.minor(), version.patch()), (major, minor, patch));
        prop_assert_eq!(version.to_string(), format!("{major}.{minor}.{patch}"));
    }
}

#[test]
fn every_length_of_a_read_comes_in_again() {
    let data: Vec<u8> = (0..4928u32).map(|i| (i % 253) as u8).collect();
    for length in 1..=data.len() {
        let chunks = read_chunks(7, DeviceId::FIRST, &data[..length].chunks(224).collect::<Vec<_>>());
        assert_eq!(run_read(DeviceId::FIRST, &chunks).unwrap().as_deref(), Some(&data[..length]));
    }
}
