//! Parses and checks a scan of 108 devices in 22 chunks, as often as the argument says.
//! `scripts/callgrind.sh parse_22_chunks` counts the instructions.

use std::hint::black_box;

use dsmil_protocol::{Access, CHUNK_BYTES, DeviceId, DeviceRecord, ScanChunkHeader, ScanTransfer, State};

fn record(id: DeviceId) -> DeviceRecord {
    let never = id.is_permanent();
    DeviceRecord {
        id,
        state: if never { State::Quarantined } else { State::Safe },
        access: if never { Access::None } else { Access::Read },
        is_quarantined: never,
        last_response: None,
        timestamp: 1_000,
        thermal_celsius: Some(41),
    }
}

fn chunks() -> Vec<[u8; CHUNK_BYTES]> {
    let ids: Vec<_> = DeviceId::served().collect();
    let parts = ids.chunks(5);
    let total = parts.len() as u32;
    let chunk = |(index, ids): (usize, &[DeviceId])| {
        let body: Vec<u8> = ids.iter().flat_map(|id| record(*id).encode()).collect();
        let header = ScanChunkHeader {
            chunk_index: (index as u32).into(),
            total_chunks: total.into(),
            devices_in_chunk: (ids.len() as u32).into(),
            chunk_size: (32 + body.len() as u32).into(),
            session_id: 7.into(),
            reserved: [0; 8],
        };
        header.with_body(&body)
    };
    parts.enumerate().map(chunk).collect()
}

fn main() {
    let times: u32 = std::env::args().nth(1).and_then(|times| times.parse().ok()).unwrap_or(1);
    let chunks = chunks();
    for _ in 0..times {
        let mut machine = ScanTransfer::new();
        for chunk in black_box(&chunks) {
            machine.feed(chunk).expect("the chunk is valid");
        }
        assert_eq!(black_box(machine.finish()).map(|scan| scan.records.len()), Some(108));
    }
}
