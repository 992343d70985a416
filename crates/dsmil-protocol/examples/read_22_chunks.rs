//! Parses and checks a read of 4,928 bytes in 22 chunks, as often as the argument says.
//! `scripts/callgrind.sh read_22_chunks` counts the instructions.

use std::hint::black_box;

use dsmil_protocol::{CHUNK_BYTES, DeviceId, MAX_CHUNKS, READ_PAYLOAD_BYTES, ReadChunkHeader, ReadTransfer};

fn chunk(index: u16) -> [u8; CHUNK_BYTES] {
    let header = ReadChunkHeader {
        token: DeviceId::FIRST.get().into(),
        chunk_index: index.into(),
        total_chunks: MAX_CHUNKS.into(),
        data_offset: (u32::from(index) * READ_PAYLOAD_BYTES as u32).into(),
        chunk_size: (READ_PAYLOAD_BYTES as u32).into(),
        session_id: 7.into(),
        reserved: [0; 8],
    };
    header.with_body(&[index as u8; READ_PAYLOAD_BYTES])
}

fn main() {
    let times: u32 = std::env::args().nth(1).and_then(|times| times.parse().ok()).unwrap_or(1);
    let chunks: Vec<_> = (0..MAX_CHUNKS as u16).map(chunk).collect();
    for _ in 0..times {
        let mut machine = ReadTransfer::new(DeviceId::FIRST);
        for chunk in black_box(&chunks) {
            machine.feed(chunk).expect("the chunk is valid");
        }
        assert_eq!(black_box(machine.finish()).map(|data| data.len()), Some(4928));
    }
}
