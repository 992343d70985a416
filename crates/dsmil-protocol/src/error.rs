//! The crate's errors: what a driver can get wrong, one name for each.

use std::fmt;

use thiserror::Error;

use crate::{DeviceId, MAX_CHUNKS, READ_PAYLOAD_BYTES, RECORDS_PER_CHUNK};

/// A text that is not a device id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a device id: write it as 0x8003 or 32771, from 0 to 65535")]
pub struct ParseIdError {
    /// The text.
    pub text: String,
}

/// The two kinds of transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// A scan of all devices.
    Scan,
    /// A read of one device.
    Read,
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scan => "scan",
            Self::Read => "read",
        })
    }
}

/// A transfer that broke off: what was wrong, and how far it had got. What came before the fault is
/// not given out: a part is never returned as if it were the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{transfer} broke off at chunk {chunk} after {bytes_done} bytes: {fault}")]
pub struct TransferError {
    /// Which transfer.
    pub transfer: Transfer,
    /// The index of the chunk that was wrong, counted from 0 by us and not by the driver.
    pub chunk: u32,
    /// Payload bytes accepted before it: record bytes for a scan, data bytes for a read.
    pub bytes_done: usize,
    /// What was wrong.
    pub fault: Fault,
}

/// What was wrong with an answer of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// Another process's START replaced the session in the middle of the transfer.
    #[error("session {got} where session {expected} was open: another process started a transfer")]
    SessionChanged {
        /// The session of the first chunk.
        expected: u64,
        /// The session of this chunk.
        got: u64,
    },
    /// A read chunk of another device: a foreign session, or the leftover of an older one.
    #[error("data of {got} where {expected} was asked for: another process's session, or an older one")]
    TokenMismatch {
        /// The device that was asked for.
        expected: DeviceId,
        /// The device whose data came.
        got: DeviceId,
    },
    /// `total_chunks` is 0.
    #[error("the driver claims a transfer of 0 chunks")]
    TotalChunksZero,
    /// `total_chunks` is over 22.
    #[error("the driver claims {claimed} chunks; a transfer has at most {MAX_CHUNKS}")]
    TotalChunksTooLarge {
        /// What the driver claims.
        claimed: u32,
    },
    /// `total_chunks` is another than in the first chunk.
    #[error("the driver claims {now} chunks, and claimed {first} in the first")]
    TotalChunksChanged {
        /// What the first chunk said.
        first: u32,
        /// What this one says.
        now: u32,
    },
    /// The index of the chunk before came again.
    #[error("chunk index {got} came twice")]
    IndexRepeated {
        /// The index.
        got: u32,
    },
    /// An index was left out.
    #[error("chunk index {got} where {expected} was due: chunks were left out")]
    IndexSkipped {
        /// The index that was due.
        expected: u32,
        /// The index that came.
        got: u32,
    },
    /// The index went back by more than one.
    #[error("chunk index {got} where {expected} was due: the index went back")]
    IndexWentBack {
        /// The index that was due.
        expected: u32,
        /// The index that came.
        got: u32,
    },
    /// `devices_in_chunk` is over 5.
    #[error("the driver claims {claimed} devices in a chunk; at most {RECORDS_PER_CHUNK} fit")]
    DevicesInChunkTooLarge {
        /// What the driver claims.
        claimed: u32,
    },
    /// A scan's `chunk_size` is not 32 + 40 × `devices_in_chunk`.
    #[error("chunk_size is {claimed} and should be {expected}")]
    ChunkSizeMismatch {
        /// What the driver claims.
        claimed: u32,
        /// What its number of devices makes.
        expected: u32,
    },
    /// A read's `chunk_size` is 0 or over 224.
    #[error("chunk_size is {claimed} and should be 1 to {READ_PAYLOAD_BYTES}")]
    ChunkSizeOutOfRange {
        /// What the driver claims.
        claimed: u32,
    },
    /// A read's `data_offset` is not where the chunk before ended.
    #[error("data_offset is {got} and the bytes before end at {expected}")]
    OffsetMismatch {
        /// Where the chunk before ended.
        expected: u32,
        /// What the driver claims.
        got: u32,
    },
    /// `total_devices_found` of a discovery result is over 108.
    #[error("the driver claims {claimed} devices; it serves 108")]
    DeviceCountTooLarge {
        /// What the driver claims.
        claimed: u32,
    },
    /// A record of an id that the driver does not serve.
    #[error("a record of {id}, which the driver does not serve")]
    IdOutOfRange {
        /// The id.
        id: DeviceId,
    },
    /// The same id twice in one scan.
    #[error("{id} came twice")]
    DuplicateId {
        /// The id.
        id: DeviceId,
    },
    /// One of the permanently quarantined ids is not marked as quarantined.
    #[error("{id} is quarantined for ever, and the driver does not mark it so")]
    QuarantinedMarkedSafe {
        /// The id.
        id: DeviceId,
    },
    /// The record of another device than the one that READ_DEVICE asked for.
    #[error("the record of {got} where {expected} was asked for")]
    WrongRecord {
        /// The device that was asked for.
        expected: DeviceId,
        /// The device whose record came.
        got: DeviceId,
    },
    /// A chunk was fed after the last one, or after an error.
    #[error("the transfer had already ended")]
    AfterEnd,
}

impl Fault {
    /// The fault's name, stable: `session-changed`, `total-chunks-zero` and so on.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionChanged { .. } => "session-changed",
            Self::TokenMismatch { .. } => "token-mismatch",
            Self::TotalChunksZero => "total-chunks-zero",
            Self::TotalChunksTooLarge { .. } => "total-chunks-too-large",
            Self::TotalChunksChanged { .. } => "total-chunks-changed",
            Self::IndexRepeated { .. } => "index-repeated",
            Self::IndexSkipped { .. } => "index-skipped",
            Self::IndexWentBack { .. } => "index-went-back",
            Self::DevicesInChunkTooLarge { .. } => "devices-in-chunk-too-large",
            Self::ChunkSizeMismatch { .. } => "chunk-size-mismatch",
            Self::ChunkSizeOutOfRange { .. } => "chunk-size-out-of-range",
            Self::OffsetMismatch { .. } => "offset-mismatch",
            Self::DeviceCountTooLarge { .. } => "device-count-too-large",
            Self::IdOutOfRange { .. } => "id-out-of-range",
            Self::DuplicateId { .. } => "duplicate-id",
            Self::QuarantinedMarkedSafe { .. } => "quarantined-marked-safe",
            Self::WrongRecord { .. } => "wrong-record",
            Self::AfterEnd => "after-end",
        }
    }

    /// Whether another process's session explains it, so that the whole transfer is worth repeating.
    /// An index that skips or repeats under the *same* session is explained so too: that process may
    /// have taken a chunk.
    pub const fn is_foreign(&self) -> bool {
        matches!(self, Self::SessionChanged { .. } | Self::TokenMismatch { .. } | Self::IndexSkipped { .. })
    }
}
