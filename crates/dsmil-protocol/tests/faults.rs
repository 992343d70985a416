//! Each way in which an answer can be wrong, at each chunk where it can be: the fault that belongs to it, the
//! chunk, and the bytes that had been accepted.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{Chunk, Machine, SESSION, full_scan, read_chunks, record, run_read, run_scan};
use dsmil_protocol::{
    DISCOVERY_BYTES, DeviceId, DeviceRecord, Fault, ReadChunkHeader, ReadTransfer, ScanChunkHeader, ScanTransfer, State,
    Transfer, TransferError, decode_discovery, encode_discovery,
};

const READ_OF: DeviceId = DeviceId::new(0x8003);
/// What an invalid header can claim where a number has an upper limit.
const HUGE: [u32; 4] = [300, 65_535, 1 << 31, u32::MAX];

/// The chunk with its header changed.
fn scan_header(chunk: &Chunk, change: impl FnOnce(&mut ScanChunkHeader)) -> Chunk {
    let mut header = *ScanChunkHeader::of(chunk);
    change(&mut header);
    header.with_body(&chunk[32..])
}

/// The chunk with its header changed.
fn read_header(chunk: &Chunk, change: impl FnOnce(&mut ReadChunkHeader)) -> Chunk {
    let mut header = *ReadChunkHeader::of(chunk);
    change(&mut header);
    header.with_body(&chunk[32..])
}

/// The chunk with the record in `slot` changed.
fn scan_record(chunk: &Chunk, slot: usize, change: impl FnOnce(&mut DeviceRecord)) -> Chunk {
    let mut chunk = *chunk;
    let place = chunk[32 + 40 * slot..].first_chunk_mut().unwrap();
    let mut record = DeviceRecord::decode(place);
    change(&mut record);
    *place = record.encode();
    chunk
}

/// 22 chunks of 224 bytes.
fn full_read() -> Vec<Chunk> {
    let data: Vec<u8> = (0..4928u32).map(|i| (i % 251) as u8).collect();
    read_chunks(SESSION, READ_OF, &data.chunks(224).collect::<Vec<_>>())
}

/// A transfer whose chunk `at` is wrong.
fn refuse(transfer: Transfer, chunks: &[Chunk], at: usize, wrong: &Chunk, fault: Fault) {
    let (machine, bytes) = match transfer {
        Transfer::Scan => (Machine::Scan(ScanTransfer::new()), 5 * 40),
        Transfer::Read => (Machine::Read(ReadTransfer::new(READ_OF)), 224),
    };
    let error = machine.must_refuse(&chunks[..at], wrong);
    assert_eq!(error, TransferError { transfer, chunk: at as u32, bytes_done: at * bytes, fault });
    let text = error.to_string();
    assert!(text.contains(&format!("{transfer} broke off at chunk {at} after {} bytes", at * bytes)), "{text}");
}

/// The faults that both headers share: session, total and index.
fn refuse_what_both_share(transfer: Transfer, chunks: &[Chunk], set: fn(&Chunk, Option<u64>, Option<u32>, Option<u32>) -> Chunk) {
    for (at, chunk) in chunks.iter().enumerate() {
        let due = at as u32;
        let refuse_total = |total, fault| refuse(transfer, chunks, at, &set(chunk, None, Some(total), None), fault);
        let refuse_index = |index, fault| refuse(transfer, chunks, at, &set(chunk, None, None, Some(index)), fault);
        refuse_total(0, Fault::TotalChunksZero);
        for claimed in [23, 24].into_iter().chain(HUGE) {
            refuse_total(claimed, Fault::TotalChunksTooLarge { claimed });
        }
        for got in (due + 1..24).chain([300, 65_535]) {
            refuse_index(got, Fault::IndexSkipped { expected: due, got });
        }
        if at == 0 {
            continue;
        }
        for got in [0, SESSION - 1, SESSION + 1, SESSION ^ (1 << 63), u64::MAX] {
            let fault = Fault::SessionChanged { expected: SESSION, got };
            refuse(transfer, chunks, at, &set(chunk, Some(got), None, None), fault);
            // A foreign chunk is foreign, whatever else it says.
            refuse(transfer, chunks, at, &set(chunk, Some(got), Some(0), Some(9)), fault);
        }
        for now in 1..22 {
            refuse_total(now, Fault::TotalChunksChanged { first: 22, now });
        }
        refuse_index(due - 1, Fault::IndexRepeated { got: due - 1 });
        for got in 0..due - 1 {
            refuse_index(got, Fault::IndexWentBack { expected: due, got });
        }
    }
}

#[test]
fn a_wrong_session_total_or_index_of_a_scan_is_named() {
    refuse_what_both_share(Transfer::Scan, &full_scan(), |chunk, session, total, index| {
        scan_header(chunk, |header| {
            header.session_id = session.map_or(header.session_id, Into::into);
            header.total_chunks = total.map_or(header.total_chunks, Into::into);
            header.chunk_index = index.map_or(header.chunk_index, Into::into);
        })
    });
    // A scan's index has 32 bits.
    let (chunks, got) = (full_scan(), u32::MAX);
    let wrong = scan_header(&chunks[3], |header| header.chunk_index = got.into());
    refuse(Transfer::Scan, &chunks, 3, &wrong, Fault::IndexSkipped { expected: 3, got });
}

#[test]
fn a_wrong_session_total_or_index_of_a_read_is_named() {
    refuse_what_both_share(Transfer::Read, &full_read(), |chunk, session, total, index| {
        read_header(chunk, |header| {
            header.session_id = session.map_or(header.session_id, Into::into);
            header.total_chunks = total.map_or(header.total_chunks, Into::into);
            header.chunk_index = index.map_or(header.chunk_index, |index| (index as u16).into());
        })
    });
}

#[test]
fn a_wrong_number_or_size_of_a_scan_chunk_is_named() {
    let chunks = full_scan();
    for (at, chunk) in chunks.iter().enumerate() {
        for claimed in [6, 7].into_iter().chain(HUGE) {
            // With the size that would belong to it, as far as that can be said, and with the right one.
            for size in [claimed.wrapping_mul(40).wrapping_add(32), 232] {
                let wrong = scan_header(chunk, |header| {
                    header.devices_in_chunk = claimed.into();
                    header.chunk_size = size.into();
                });
                refuse(Transfer::Scan, &chunks, at, &wrong, Fault::DevicesInChunkTooLarge { claimed });
            }
        }
        let expected = ScanChunkHeader::of(chunk).chunk_size.get();
        for claimed in [0, 31, 32, expected - 40, expected - 1, expected + 1, 256].into_iter().chain(HUGE) {
            let wrong = scan_header(chunk, |header| header.chunk_size = claimed.into());
            refuse(Transfer::Scan, &chunks, at, &wrong, Fault::ChunkSizeMismatch { claimed, expected });
        }
    }
}

#[test]
fn a_wrong_record_in_a_scan_is_named_and_nothing_of_its_chunk_counts() {
    let chunks = full_scan();
    for (at, chunk) in chunks.iter().enumerate() {
        for slot in 0..ScanChunkHeader::of(chunk).devices_in_chunk.get() as usize {
            for raw in [0, 0x7FFF, 0x806C, 0x8100, 0x8101, u16::MAX] {
                let id = DeviceId::new(raw);
                let wrong = scan_record(chunk, slot, |record| record.id = id);
                refuse(Transfer::Scan, &chunks, at, &wrong, Fault::IdOutOfRange { id });
            }
            let ordinal = at * 5 + slot;
            for earlier in [0, ordinal.saturating_sub(1)] {
                let twice = DeviceId::served().nth(earlier).map(record).unwrap();
                if earlier < ordinal {
                    let wrong = scan_record(chunk, slot, |record| *record = twice);
                    refuse(Transfer::Scan, &chunks, at, &wrong, Fault::DuplicateId { id: twice.id });
                }
            }
        }
    }
}

#[test]
fn a_permanent_id_that_is_passed_off_as_safe_is_named() {
    let chunks = full_scan();
    for id in DeviceId::served().filter(|id| id.is_permanent()) {
        let (at, slot) = (id.ordinal().unwrap() / 5, id.ordinal().unwrap() % 5);
        let refuse = |change: &dyn Fn(&mut DeviceRecord)| {
            let wrong = scan_record(&chunks[at], slot, change);
            refuse(Transfer::Scan, &chunks, at, &wrong, Fault::QuarantinedMarkedSafe { id });
        };
        refuse(&|record| record.is_quarantined = false);
        for number in [0, 1, 2, 4, 5, 6, u32::MAX] {
            refuse(&|record| record.state = State::from_number(number));
        }
        refuse(&|record| (record.is_quarantined, record.state) = (false, State::Safe));
    }
}

#[test]
fn a_wrong_token_size_or_offset_of_a_read_chunk_is_named() {
    let chunks = full_read();
    for (at, chunk) in chunks.iter().enumerate() {
        for raw in [0, 0x8002, 0x8004, 0x0380, u16::MAX] {
            let fault = Fault::TokenMismatch { expected: READ_OF, got: DeviceId::new(raw) };
            refuse(Transfer::Read, &chunks, at, &read_header(chunk, |header| header.token = raw.into()), fault);
        }
        // The leftover of an older session: zeros under its token (quirk 5 of the protocol).
        let leftover = read_header(&[0; 256], |header| header.token = 0x8005.into());
        let fault = Fault::TokenMismatch { expected: READ_OF, got: DeviceId::new(0x8005) };
        refuse(Transfer::Read, &chunks, at, &leftover, fault);
        for claimed in [0, 225, 256].into_iter().chain(HUGE) {
            let wrong = read_header(chunk, |header| header.chunk_size = claimed.into());
            refuse(Transfer::Read, &chunks, at, &wrong, Fault::ChunkSizeOutOfRange { claimed });
        }
        let expected = at as u32 * 224;
        for got in [expected.wrapping_sub(1), expected + 1, expected + 224, u32::MAX] {
            let wrong = read_header(chunk, |header| header.data_offset = got.into());
            refuse(Transfer::Read, &chunks, at, &wrong, Fault::OffsetMismatch { expected, got });
        }
    }
}

#[test]
fn a_chunk_after_the_last_takes_the_result_away() {
    for (transfer, machine, chunks, bytes) in [
        (Transfer::Scan, Machine::Scan(ScanTransfer::new()), full_scan(), 108 * 40),
        (Transfer::Read, Machine::Read(ReadTransfer::new(READ_OF)), full_read(), 4928),
    ] {
        let error = machine.must_refuse(&chunks, &chunks[21]);
        assert_eq!(error, TransferError { transfer, chunk: 22, bytes_done: bytes, fault: Fault::AfterEnd });
    }
}

#[test]
fn a_transfer_that_stops_early_has_no_result() {
    for chunks in 0..22 {
        assert_eq!(run_scan(&full_scan()[..chunks]), Ok(None));
        assert_eq!(run_read(READ_OF, &full_read()[..chunks]), Ok(None));
    }
    assert_eq!(run_scan(&full_scan()).unwrap().unwrap().records.len(), 108);
    assert_eq!(run_read(READ_OF, &full_read()).unwrap().unwrap().len(), 4928);
}

#[test]
fn a_wrong_discovery_result_is_named() {
    let records: Vec<_> = DeviceId::served().map(record).collect();
    let refuse = |bytes: &[u8; DISCOVERY_BYTES], bytes_done, fault| {
        let error = TransferError { transfer: Transfer::Scan, chunk: 0, bytes_done, fault };
        assert_eq!(decode_discovery(bytes), Err(error));
    };
    for claimed in [109, 110].into_iter().chain(HUGE) {
        let mut bytes = encode_discovery(&records, 7);
        bytes[..4].copy_from_slice(&claimed.to_ne_bytes());
        refuse(&bytes, 0, Fault::DeviceCountTooLarge { claimed });
    }
    let with = |nth: usize, change: &dyn Fn(&mut DeviceRecord)| {
        let mut records = records.clone();
        change(&mut records[nth]);
        encode_discovery(&records, 7)
    };
    for (nth, DeviceRecord { id: own, .. }) in records.iter().copied().enumerate() {
        let id = DeviceId::new(0x806C);
        refuse(&with(nth, &|record| record.id = id), nth * 40, Fault::IdOutOfRange { id });
        let id = DeviceId::FIRST;
        if nth > 0 {
            refuse(&with(nth, &|record| record.id = id), nth * 40, Fault::DuplicateId { id });
        }
        let id = own;
        if id.is_permanent() {
            refuse(&with(nth, &|record| record.state = State::Safe), nth * 40, Fault::QuarantinedMarkedSafe { id });
            refuse(&with(nth, &|record| record.is_quarantined = false), nth * 40, Fault::QuarantinedMarkedSafe { id });
        }
    }
}

/// One of each; `of_the_source` below sees to it that none is missing.
fn one_of_each() -> Vec<Fault> {
    let id = DeviceId::FIRST;
    vec![
        Fault::SessionChanged { expected: 1, got: 2 },
        Fault::TokenMismatch { expected: id, got: DeviceId::LAST },
        Fault::TotalChunksZero,
        Fault::TotalChunksTooLarge { claimed: 23 },
        Fault::TotalChunksChanged { first: 22, now: 21 },
        Fault::IndexRepeated { got: 1 },
        Fault::IndexSkipped { expected: 1, got: 2 },
        Fault::IndexWentBack { expected: 2, got: 0 },
        Fault::DevicesInChunkTooLarge { claimed: 6 },
        Fault::ChunkSizeMismatch { claimed: 1, expected: 32 },
        Fault::ChunkSizeOutOfRange { claimed: 300 },
        Fault::OffsetMismatch { expected: 224, got: 0 },
        Fault::DeviceCountTooLarge { claimed: 109 },
        Fault::IdOutOfRange { id },
        Fault::DuplicateId { id },
        Fault::QuarantinedMarkedSafe { id },
        Fault::WrongRecord { expected: id, got: DeviceId::LAST },
        Fault::AfterEnd,
    ]
}

#[test]
fn every_fault_has_a_name_and_a_text_of_its_own() {
    let faults = one_of_each();
    let names: BTreeSet<_> = faults.iter().map(Fault::name).collect();
    let texts: BTreeSet<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!((names.len(), texts.len()), (faults.len(), faults.len()));
    // The enum may grow, so no match here can be exhaustive: the names are counted in the source.
    let (_, name_fn) = include_str!("../src/error.rs").split_once("pub const fn name").unwrap();
    let of_the_source: BTreeSet<_> = name_fn
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::") && line.contains("=> \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert_eq!(names, of_the_source);
}

#[test]
fn only_what_another_process_explains_is_worth_another_try() {
    let foreign: BTreeSet<_> = one_of_each().iter().filter(|fault| fault.is_foreign()).map(Fault::name).collect();
    assert_eq!(foreign, ["index-skipped", "session-changed", "token-mismatch"].into());
}
