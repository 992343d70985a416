//! The scan: 22 chunks of device records, or one discovery result, put together and checked.

use zerocopy::byteorder::{NativeEndian, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::chunk::{Sequence, split};
use crate::{
    CHUNK_BYTES, CHUNK_HEADER_BYTES, DEVICE_COUNT, DISCOVERY_BYTES, DeviceId, DeviceRecord, Fault, RECORD_BYTES,
    RECORDS_PER_CHUNK, ScanChunkHeader, Transfer, TransferError,
};

/// What a transfer machine answers to an accepted chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Feed the next chunk.
    More,
    /// That was the last one.
    Done,
}

/// A whole scan.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scan {
    /// The records in the order in which they came; every id is served by the driver and occurs once.
    pub records: Vec<DeviceRecord>,
}

/// Records that passed: each id served, none twice, none of the permanent ids passed off as safe.
#[derive(Clone, Debug)]
struct Gathered {
    /// Room for all 108 is taken at the start, whatever the driver will claim.
    records: Vec<DeviceRecord>,
    /// What is known of the id with this ordinal. Bytes and not bits: a store is cheaper than a shift
    /// of 128 bits.
    seen: [Seen; DEVICE_COUNT],
}

/// One look tells whether an id is as most are: new, and free to be what it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Seen {
    NotYet,
    /// Not yet, and it must be marked as quarantined when it comes.
    MustBeMarked,
    Came,
}

const NOTHING_SEEN: [Seen; DEVICE_COUNT] = {
    let mut seen = [Seen::NotYet; DEVICE_COUNT];
    let mut i = 0;
    while i < crate::PERMANENT.len() {
        if let Some(ordinal) = crate::PERMANENT[i].id.ordinal() {
            seen[ordinal] = Seen::MustBeMarked;
        }
        i += 1;
    }
    seen
};

impl Gathered {
    fn new() -> Self {
        Self { records: Vec::with_capacity(DEVICE_COUNT), seen: NOTHING_SEEN }
    }

    #[inline]
    fn bytes(&self) -> usize {
        self.records.len() * RECORD_BYTES
    }

    /// Takes all of these records or none. Judging every one before any is decoded keeps the registers
    /// free in both loops, and leaves nothing to take back.
    ///
    /// # Errors
    /// The position of the first record that is wrong, and what is wrong with it.
    #[inline]
    fn add(&mut self, records: &[[u8; RECORD_BYTES]]) -> Result<(), (usize, Fault)> {
        for (position, record) in records.iter().enumerate() {
            self.judge(record).map_err(|fault| (position, fault))?;
        }
        self.records.extend(records.iter().map(DeviceRecord::decode));
        Ok(())
    }

    #[inline]
    fn judge(&mut self, record: &[u8; RECORD_BYTES]) -> Result<(), Fault> {
        let id = DeviceRecord::id_of(record);
        let Some(ordinal) = id.ordinal() else {
            return Err(Fault::IdOutOfRange { id });
        };
        match self.seen[ordinal] {
            Seen::NotYet => {}
            Seen::Came => return Err(Fault::DuplicateId { id }),
            Seen::MustBeMarked if DeviceRecord::decode(record).is_marked() => {}
            Seen::MustBeMarked => return Err(Fault::QuarantinedMarkedSafe { id }),
        }
        self.seen[ordinal] = Seen::Came;
        Ok(())
    }
}

/// The machine for a chunked scan. Feed it each SCAN_CHUNK answer in turn.
#[derive(Clone, Debug)]
pub struct ScanTransfer {
    sequence: Sequence,
    gathered: Gathered,
    failed: bool,
}

impl Default for ScanTransfer {
    fn default() -> Self {
        Self::new()
    }
}

impl ScanTransfer {
    /// A machine that expects chunk 0.
    pub fn new() -> Self {
        Self { sequence: Sequence::new(), gathered: Gathered::new(), failed: false }
    }

    /// Checks one chunk and takes its records.
    ///
    /// # Errors
    /// A [`TransferError`] that names the fault; the machine then accepts nothing more.
    #[inline]
    pub fn feed(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, TransferError> {
        let (at, bytes_done) = (self.sequence.due(), self.gathered.bytes());
        self.take(chunk).map_err(|fault| {
            self.failed = true;
            TransferError { transfer: Transfer::Scan, chunk: at, bytes_done, fault }
        })
    }

    /// The session of the transfer; `None` before the first chunk.
    pub const fn session_id(&self) -> Option<u64> {
        self.sequence.session()
    }

    /// The index of the chunk that is due.
    pub const fn chunks_done(&self) -> u32 {
        self.sequence.due()
    }

    /// Record bytes accepted so far.
    pub fn bytes_done(&self) -> usize {
        self.gathered.bytes()
    }

    /// The whole scan; `None` unless the last chunk has been accepted.
    pub fn finish(self) -> Option<Scan> {
        (!self.failed && self.sequence.is_done()).then_some(Scan { records: self.gathered.records })
    }

    #[inline]
    fn take(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, Fault> {
        if self.failed || self.sequence.is_done() {
            return Err(Fault::AfterEnd);
        }
        let (header, body) = split::<ScanChunkHeader>(chunk);
        let (session, total) = (header.session_id.get(), header.total_chunks.get());
        self.sequence.check(session, total, header.chunk_index.get())?;
        let devices = header.devices_in_chunk.get();
        // The body has room for five records: what it can't have is what it mustn't.
        let Some(records) = body.as_chunks::<RECORD_BYTES>().0.get(..devices as usize) else {
            return Err(Fault::DevicesInChunkTooLarge { claimed: devices });
        };
        let expected = CHUNK_HEADER_BYTES as u32 + devices * RECORD_BYTES as u32;
        if header.chunk_size.get() != expected {
            return Err(Fault::ChunkSizeMismatch { claimed: header.chunk_size.get(), expected });
        }
        self.gathered.add(records).map_err(|(_, fault)| fault)?;
        self.sequence.advance(session, total);
        Ok(if self.sequence.is_done() { Progress::Done } else { Progress::More })
    }
}

const _: () = assert!((CHUNK_BYTES - CHUNK_HEADER_BYTES) / RECORD_BYTES == RECORDS_PER_CHUNK as usize);

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct DiscoveryHeader {
    total_devices_found: U32<NativeEndian>,
    safe_devices_found: U32<NativeEndian>,
    quarantined_devices_found: U32<NativeEndian>,
    padding: [u8; 4],
    last_scan_timestamp: U64<NativeEndian>,
}

/// Reads the result of SCAN_DEVICES, under the same checks as a chunked scan.
///
/// # Errors
/// A [`TransferError`] at chunk 0 that names the fault.
pub fn decode_discovery(bytes: &[u8; DISCOVERY_BYTES]) -> Result<Scan, TransferError> {
    let mut gathered = Gathered::new();
    let at = |fault, bytes_done| TransferError { transfer: Transfer::Scan, chunk: 0, bytes_done, fault };
    let Ok((header, body)) = DiscoveryHeader::ref_from_prefix(bytes) else {
        unreachable!("a discovery header is 24 bytes and a result 4344")
    };
    let claimed = header.total_devices_found.get();
    let Some(records) = body.as_chunks::<RECORD_BYTES>().0.get(..claimed as usize) else {
        return Err(at(Fault::DeviceCountTooLarge { claimed }, 0));
    };
    gathered.add(records).map_err(|(position, fault)| at(fault, position * RECORD_BYTES))?;
    Ok(Scan { records: gathered.records })
}

/// Writes a discovery result of at most 108 records (more are left out), as a driver does.
pub fn encode_discovery(records: &[DeviceRecord], last_scan_timestamp: u64) -> [u8; DISCOVERY_BYTES] {
    let records = &records[..records.len().min(DEVICE_COUNT)];
    let count = |state| records.iter().filter(|record| record.state == state).count() as u32;
    let header = DiscoveryHeader {
        total_devices_found: (records.len() as u32).into(),
        safe_devices_found: count(crate::State::Safe).into(),
        quarantined_devices_found: count(crate::State::Quarantined).into(),
        padding: [0; 4],
        last_scan_timestamp: last_scan_timestamp.into(),
    };
    let mut bytes = [0; DISCOVERY_BYTES];
    let (head, body) = bytes.split_at_mut(size_of::<DiscoveryHeader>());
    head.copy_from_slice(header.as_bytes());
    for (slot, record) in body.chunks_exact_mut(RECORD_BYTES).zip(records) {
        slot.copy_from_slice(&record.encode());
    }
    bytes
}

impl Scan {
    /// The record of one device, if the scan has it.
    pub fn get(&self, id: DeviceId) -> Option<&DeviceRecord> {
        self.records.iter().find(|record| record.id == id)
    }
}
