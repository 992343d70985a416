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
    /// One bit an id.
    seen: u128,
}

impl Gathered {
    fn new() -> Self {
        Self { records: Vec::with_capacity(DEVICE_COUNT), seen: 0 }
    }

    #[inline]
    fn bytes(&self) -> usize {
        self.records.len() * RECORD_BYTES
    }

    #[inline]
    fn add(&mut self, bytes: &[u8; RECORD_BYTES]) -> Result<(), Fault> {
        let record = DeviceRecord::decode(bytes);
        let id = record.id;
        let Some(ordinal) = id.ordinal() else {
            return Err(Fault::IdOutOfRange { id });
        };
        let bit = 1u128 << ordinal;
        if self.seen & bit != 0 {
            return Err(Fault::DuplicateId { id });
        }
        if id.is_permanent() && !(record.is_quarantined && record.state == crate::State::Quarantined) {
            return Err(Fault::QuarantinedMarkedSafe { id });
        }
        self.seen |= bit;
        self.records.push(record);
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
        if devices > RECORDS_PER_CHUNK {
            return Err(Fault::DevicesInChunkTooLarge { claimed: devices });
        }
        let expected = CHUNK_HEADER_BYTES as u32 + devices * RECORD_BYTES as u32;
        if header.chunk_size.get() != expected {
            return Err(Fault::ChunkSizeMismatch { claimed: header.chunk_size.get(), expected });
        }
        let (records, _) = body.as_chunks::<RECORD_BYTES>();
        for record in records.iter().take(devices as usize) {
            self.gathered.add(record)?;
        }
        self.sequence.advance(session, total);
        Ok(if self.sequence.is_done() { Progress::Done } else { Progress::More })
    }
}

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
    if claimed as usize > DEVICE_COUNT {
        return Err(at(Fault::DeviceCountTooLarge { claimed }, 0));
    }
    let (records, _) = body.as_chunks::<RECORD_BYTES>();
    for record in records.iter().take(claimed as usize) {
        let bytes_done = gathered.bytes();
        gathered.add(record).map_err(|fault| at(fault, bytes_done))?;
    }
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
