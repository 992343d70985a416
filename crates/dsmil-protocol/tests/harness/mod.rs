//! The harness of the fuzz targets and of `fuzz_harness.rs`: arbitrary bytes become a sequence of chunks,
//! a machine is fed with them, and a second, plain reading of the specification says of each chunk whether
//! it had to be accepted.
//!
//! The bytes are a script of operations. Most operations make the chunk that is due, right in every field,
//! and overwrite none or a few of its fields: a fuzzer that had to guess 32 bytes of header would never get
//! past chunk 0. One operation in eight feeds 256 bytes as they stand.
//!
//! The file stands alone (the fuzz crate includes it by its path) and works out every length and offset from
//! literals, so that a wrong constant in the crate can't hide itself.

// Two tests and the fuzz crate include it, and each uses a part.
#![allow(dead_code, unreachable_pub)]

use dsmil_protocol::{
    Access, DeviceId, DeviceRecord, Fault, Progress, ReadTransfer, ScanTransfer, State, Transfer, TransferError,
};

/// How a transfer went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many chunks were accepted.
    pub chunks: u32,
    /// Whether the transfer came to its end. What the script feeds after that takes the result away again.
    pub whole: bool,
    /// The name of the first fault.
    pub fault: Option<&'static str>,
}

/// The script; after its end it yields zeros.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        head
    }

    fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        let given = self.take(8);
        bytes[..given.len()].copy_from_slice(given);
        u64::from_le_bytes(bytes)
    }

    /// A total that is mostly possible, so that transfers end.
    fn total(&mut self) -> u32 {
        match self.byte() {
            byte @ ..240 => 1 + u32::from(byte) % 22,
            _ => 22,
        }
    }

    /// A value for a field: near `due`, at an edge of what the specification allows, or anything.
    fn value(&mut self, due: u64) -> u64 {
        const EDGES: [u64; 16] = [0, 1, 5, 6, 22, 23, 32, 72, 224, 225, 232, 0x8009, 0x806B, 0x806C, u32::MAX as u64, u64::MAX];
        match self.byte() {
            byte @ ..64 => EDGES[usize::from(byte) % EDGES.len()],
            byte @ 64..160 => due.wrapping_add(u64::from(byte % 8)).wrapping_sub(4),
            _ => self.number(),
        }
    }

    /// Overwrites one of the fields `(offset, bytes)` of a chunk.
    fn overwrite(&mut self, chunk: &mut [u8; 256], fields: &[(usize, usize)], due: u64) {
        let (at, width) = fields[usize::from(self.byte()) % fields.len()];
        let value = self.value(due).to_le_bytes();
        chunk[at..at + width].copy_from_slice(&value[..width]);
    }

    /// 256 bytes as they stand, filled with zeros.
    fn raw(&mut self) -> [u8; 256] {
        let mut chunk = [0; 256];
        let given = self.take(256);
        chunk[..given.len()].copy_from_slice(given);
        chunk
    }
}

/// The driver's byte order is this machine's; the script's is little-endian so that a corpus is portable.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |eight| u64::from_ne_bytes(*eight))
}

/// What the chunks accepted so far amount to, by the plain reading.
struct Model {
    session: u64,
    total: u32,
    due: u32,
    failed: bool,
    records: Vec<DeviceRecord>,
    data: Vec<u8>,
}

impl Model {
    fn new() -> Self {
        Self { session: 0, total: 0, due: 0, failed: false, records: Vec::new(), data: Vec::new() }
    }

    fn is_over(&self) -> bool {
        self.failed || (self.due > 0 && self.due == self.total)
    }

    fn is_whole(&self) -> bool {
        self.is_over() && !self.failed
    }

    fn follows(&self, session: u64, total: u32, index: u32) -> bool {
        !self.is_over()
            && (1..=22).contains(&total)
            && index == self.due
            && (self.due == 0 || (session == self.session && total == self.total))
    }

    fn advance(&mut self, session: u64, total: u32) -> Progress {
        (self.session, self.total, self.due) = (session, total, self.due + 1);
        if self.due == total { Progress::Done } else { Progress::More }
    }

    /// `None` where the chunk must be refused.
    fn scan_chunk(&mut self, chunk: &[u8; 256]) -> Option<Progress> {
        let (session, total, devices) = (u64_at(chunk, 16), u32_at(chunk, 4), u32_at(chunk, 8));
        if !self.follows(session, total, u32_at(chunk, 0)) || devices > 5 || u32_at(chunk, 12) != 32 + 40 * devices {
            return None;
        }
        let mut new = Vec::new();
        for bytes in chunk[32..232].as_chunks::<40>().0.iter().take(devices as usize) {
            let id = u16_at(bytes, 0);
            let never = matches!(id, 0x8009 | 0x800A | 0x800B | 0x8019 | 0x8029);
            let marked = u32_at(bytes, 4) == 3 && bytes[12] != 0;
            let again = self.records.iter().chain(&new).any(|record: &DeviceRecord| record.id.get() == id);
            if !(0x8000..=0x806B).contains(&id) || again || (never && !marked) {
                return None;
            }
            new.push(DeviceRecord::decode(bytes));
        }
        self.records.append(&mut new);
        Some(self.advance(session, total))
    }

    /// `None` where the chunk must be refused.
    fn read_chunk(&mut self, id: u16, chunk: &[u8; 256]) -> Option<Progress> {
        let (session, total, size) = (u64_at(chunk, 16), u32_at(chunk, 4), u32_at(chunk, 12));
        let right = u16_at(chunk, 0) == id
            && self.follows(session, total, u16_at(chunk, 2).into())
            && (1..=224).contains(&size)
            && u32_at(chunk, 8) as usize == self.data.len();
        if !right {
            return None;
        }
        self.data.extend_from_slice(&chunk[32..32 + size as usize]);
        Some(self.advance(session, total))
    }

    /// Compares what a machine answered with what it had to, and with where it stands now.
    fn judge(
        &mut self,
        answer: Result<Progress, TransferError>,
        right: Option<Progress>,
        before: (Transfer, u32, usize),
        now: (u32, usize),
        outcome: &mut Outcome,
    ) {
        let (transfer, chunks, bytes) = before;
        assert_eq!(answer.ok(), right, "{answer:?}");
        if let Err(error) = answer {
            assert_eq!((error.transfer, error.chunk, error.bytes_done), before, "{error}");
            assert_eq!(error.fault == Fault::AfterEnd, self.is_over(), "{error}");
            assert_eq!(now, (chunks, bytes), "a refused chunk left something behind");
            self.failed = true;
            outcome.fault.get_or_insert(error.fault.name());
        } else {
            let most = if transfer == Transfer::Scan { 108 * 40 } else { 22 * 224 };
            assert_eq!(now.0, chunks + 1);
            assert!(now.1 >= bytes && now.1 <= most && now.0 <= 22, "{now:?}");
            outcome.chunks = now.0;
        }
    }
}

/// Makes the scan chunks that are due.
struct ScanDriver {
    session: u64,
    total: u32,
    /// The ids go round, so that a long script repeats one.
    next: u16,
}

impl ScanDriver {
    fn chunk(&mut self, index: u32, devices: u8, script: &mut Script<'_>) -> [u8; 256] {
        let mut chunk = [0; 256];
        chunk[0..4].copy_from_slice(&index.to_ne_bytes());
        chunk[4..8].copy_from_slice(&self.total.to_ne_bytes());
        chunk[8..12].copy_from_slice(&u32::from(devices).to_ne_bytes());
        chunk[12..16].copy_from_slice(&(32 + 40 * u32::from(devices)).to_ne_bytes());
        chunk[16..24].copy_from_slice(&self.session.to_ne_bytes());
        for slot in chunk[32..232].as_chunks_mut::<40>().0.iter_mut().take(devices.into()) {
            let id = DeviceId::new(0x8000 + self.next % 108);
            self.next += 1;
            let never = id.is_permanent();
            let state = if never { State::Quarantined } else { State::from_number(script.byte().into()) };
            let record = DeviceRecord {
                id,
                state,
                access: if never { Access::None } else { Access::Read },
                is_quarantined: never,
                last_response: None,
                timestamp: self.next.into(),
                thermal_celsius: Some(script.byte().into()),
            };
            slot.copy_from_slice(&record.encode());
        }
        chunk
    }
}

/// Feeds a scan with the chunks that the script makes, and checks every answer.
pub fn scan(bytes: &[u8]) -> Outcome {
    /// The header's fields, and id, state and mark of the first and the fifth record.
    const FIELDS: [(usize, usize); 11] =
        [(0, 4), (4, 4), (8, 4), (12, 4), (16, 8), (32, 2), (36, 4), (44, 1), (192, 2), (196, 4), (204, 1)];
    let mut script = Script(bytes);
    let mut driver = ScanDriver { session: script.number(), total: script.total(), next: u16::from(script.byte()) };
    let (mut machine, mut model, mut outcome) = (ScanTransfer::new(), Model::new(), Outcome::default());
    let mut chunks = 0;
    while let Some(operation) = script.next() {
        let mut chunk = match operation % 8 {
            0 => script.raw(),
            _ => driver.chunk(model.due, 5 - (operation >> 3) % 6, &mut script),
        };
        for _ in 0..(operation % 8).saturating_sub(5) {
            script.overwrite(&mut chunk, &FIELDS, model.due.into());
        }
        let before = (Transfer::Scan, machine.chunks_done(), machine.bytes_done());
        let answer = machine.feed(&chunk);
        let right = model.scan_chunk(&chunk);
        model.judge(answer, right, before, (machine.chunks_done(), machine.bytes_done()), &mut outcome);
        assert_eq!(machine.session_id(), (model.due > 0).then_some(model.session));
        if answer == Ok(Progress::Done) || answer.is_err() {
            outcome.whole |= model.is_whole();
            let result = machine.clone().finish();
            assert_eq!(result.as_ref().map(|scan| &scan.records), model.is_whole().then_some(&model.records));
        }
        chunks += 1;
        // A few chunks more than a transfer has: after the end, and after an error, all are refused.
        if chunks == 26 {
            break;
        }
    }
    assert_eq!(machine.finish().map(|scan| scan.records), model.is_whole().then_some(model.records));
    outcome
}

/// Feeds a read with the chunks that the script makes, and checks every answer.
pub fn read(bytes: &[u8]) -> Outcome {
    const FIELDS: [(usize, usize); 6] = [(0, 2), (2, 2), (4, 4), (8, 4), (12, 4), (16, 8)];
    let mut script = Script(bytes);
    let (session, total) = (script.number(), script.total());
    let id = 0x8000 + u16::from(script.byte());
    let (mut machine, mut model, mut outcome) = (ReadTransfer::new(DeviceId::new(id)), Model::new(), Outcome::default());
    let mut chunks = 0;
    while let Some(operation) = script.next() {
        let done = model.data.len();
        let mut chunk = if operation % 8 == 0 {
            script.raw()
        } else {
            let size = 224 - u32::from(script.byte()) % 224;
            let mut chunk = [operation; 256];
            chunk[0..2].copy_from_slice(&id.to_ne_bytes());
            chunk[2..4].copy_from_slice(&(model.due as u16).to_ne_bytes());
            chunk[4..8].copy_from_slice(&total.to_ne_bytes());
            chunk[8..12].copy_from_slice(&(done as u32).to_ne_bytes());
            chunk[12..16].copy_from_slice(&size.to_ne_bytes());
            chunk[16..24].copy_from_slice(&session.to_ne_bytes());
            chunk
        };
        for _ in 0..(operation % 8).saturating_sub(5) {
            script.overwrite(&mut chunk, &FIELDS, model.due.into());
        }
        let before = (Transfer::Read, machine.chunks_done(), machine.bytes_done());
        let answer = machine.feed(&chunk);
        let right = model.read_chunk(id, &chunk);
        model.judge(answer, right, before, (machine.chunks_done(), machine.bytes_done()), &mut outcome);
        assert_eq!(machine.session_id(), (model.due > 0).then_some(model.session));
        if answer == Ok(Progress::Done) || answer.is_err() {
            outcome.whole |= model.is_whole();
            assert_eq!(machine.clone().finish().as_ref(), model.is_whole().then_some(&model.data));
        }
        chunks += 1;
        if chunks == 26 {
            break;
        }
    }
    assert_eq!(machine.finish(), model.is_whole().then_some(model.data));
    outcome
}
