//! Valid transfers, made from their contents.

// Each test uses a part of it.
#![allow(dead_code, unreachable_pub)]

use dsmil_protocol::{
    Access, CHUNK_BYTES, DeviceId, DeviceRecord, Fault, Progress, ReadChunkHeader, ReadTransfer, Scan, ScanChunkHeader,
    ScanTransfer, State, TransferError,
};

/// The session of the transfers made here.
pub const SESSION: u64 = 0x0102_0304_0506_0708;

/// One chunk.
pub type Chunk = [u8; CHUNK_BYTES];

/// A plausible record, marked as the driver marks the permanent ids.
pub fn record(id: DeviceId) -> DeviceRecord {
    let never = id.is_permanent();
    DeviceRecord {
        id,
        state: if never { State::Quarantined } else { State::Safe },
        access: if never { Access::None } else { Access::Read },
        is_quarantined: never,
        last_response: None,
        timestamp: 12_345,
        thermal_celsius: Some(41),
    }
}

/// The chunks of a scan: one for each part.
pub fn scan_chunks(session: u64, parts: &[&[DeviceRecord]]) -> Vec<Chunk> {
    let chunk = |(index, records): (usize, &&[DeviceRecord])| {
        let body: Vec<u8> = records.iter().flat_map(DeviceRecord::encode).collect();
        let header = ScanChunkHeader {
            chunk_index: (index as u32).into(),
            total_chunks: (parts.len() as u32).into(),
            devices_in_chunk: (records.len() as u32).into(),
            chunk_size: (32 + body.len() as u32).into(),
            session_id: session.into(),
            reserved: [0; 8],
        };
        header.with_body(&body)
    };
    parts.iter().enumerate().map(chunk).collect()
}

/// The 22 chunks of a scan of all 108 devices.
pub fn full_scan() -> Vec<Chunk> {
    let records: Vec<_> = DeviceId::served().map(record).collect();
    scan_chunks(SESSION, &records.chunks(5).collect::<Vec<_>>())
}

/// The chunks of a read: one for each part.
pub fn read_chunks(session: u64, id: DeviceId, parts: &[&[u8]]) -> Vec<Chunk> {
    let mut offset = 0;
    let chunk = |(index, data): (usize, &&[u8])| {
        let header = ReadChunkHeader {
            token: id.get().into(),
            chunk_index: (index as u16).into(),
            total_chunks: (parts.len() as u32).into(),
            data_offset: (offset as u32).into(),
            chunk_size: (data.len() as u32).into(),
            session_id: session.into(),
            reserved: [0; 8],
        };
        offset += data.len();
        header.with_body(data)
    };
    parts.iter().enumerate().map(chunk).collect()
}

/// A machine of either kind, so that one test can say what holds for both.
#[derive(Clone)]
pub enum Machine {
    /// A chunked scan.
    Scan(ScanTransfer),
    /// A chunked read.
    Read(ReadTransfer),
}

impl Machine {
    pub fn feed(&mut self, chunk: &Chunk) -> Result<Progress, TransferError> {
        match self {
            Self::Scan(machine) => machine.feed(chunk),
            Self::Read(machine) => machine.feed(chunk),
        }
    }

    pub fn bytes_done(&self) -> usize {
        match self {
            Self::Scan(machine) => machine.bytes_done(),
            Self::Read(machine) => machine.bytes_done(),
        }
    }

    pub fn chunks_done(&self) -> u32 {
        match self {
            Self::Scan(machine) => machine.chunks_done(),
            Self::Read(machine) => machine.chunks_done(),
        }
    }

    /// Whether a result comes out.
    pub fn is_whole(&self) -> bool {
        match self.clone() {
            Self::Scan(machine) => machine.finish().is_some(),
            Self::Read(machine) => machine.finish().is_some(),
        }
    }

    /// Feeds chunks that must each be accepted, and `wrong`, which must be refused; then everything must be
    /// refused, and no result may come out.
    pub fn must_refuse(mut self, right: &[Chunk], wrong: &Chunk) -> TransferError {
        for chunk in right {
            self.feed(chunk).unwrap();
        }
        let before = (self.chunks_done(), self.bytes_done());
        let error = self.feed(wrong).unwrap_err();
        assert_eq!((error.chunk, error.bytes_done), before);
        assert_eq!((self.chunks_done(), self.bytes_done()), before, "a refused chunk left something behind");
        assert!(!self.is_whole());
        for chunk in right.iter().chain([wrong]) {
            assert_eq!(self.feed(chunk).unwrap_err().fault, Fault::AfterEnd);
        }
        assert!(!self.is_whole());
        error
    }
}

/// Feeds every chunk of a scan and takes the result.
pub fn run_scan(chunks: &[Chunk]) -> Result<Option<Scan>, TransferError> {
    let mut machine = ScanTransfer::new();
    chunks.iter().try_for_each(|chunk| machine.feed(chunk).map(drop))?;
    Ok(machine.finish())
}

/// Feeds every chunk of a read and takes the result.
pub fn run_read(id: DeviceId, chunks: &[Chunk]) -> Result<Option<Vec<u8>>, TransferError> {
    let mut machine = ReadTransfer::new(id);
    chunks.iter().try_for_each(|chunk| machine.feed(chunk).map(drop))?;
    Ok(machine.finish())
}
