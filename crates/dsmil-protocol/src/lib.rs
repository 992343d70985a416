//! The wire format of `dsmil-72dev`: bytes to meaning and back.
//!
//! This crate does no I/O, reads no clock and starts no thread. It knows the [ids](DeviceId) and
//! [groups](Group), the eleven [requests](RequestCode), the records, and two transfer machines,
//! [`ScanTransfer`] and [`ReadTransfer`], which are fed one 256-byte chunk at a time and answer
//! *more*, *done* or a [named error](TransferError) that tells how far they got.
//!
//! Nothing here trusts the driver: no length, count or index that it sends is used before it has been
//! checked, and no allocation depends on what it claims.

#![forbid(unsafe_code)]

mod chunk;
mod error;
mod group;
mod id;
mod read;
mod record;
mod request;
mod scan;
mod status;

pub use chunk::{ReadChunkHeader, ScanChunkHeader};
pub use error::{Fault, ParseIdError, Transfer, TransferError};
pub use group::{Group, OutsideRange};
pub use id::{DeviceId, PERMANENT, Permanent};
pub use read::ReadTransfer;
pub use record::{Access, DeviceRecord, State};
pub use request::{Direction, RequestCode};
pub use scan::{Progress, Scan, ScanTransfer, decode_discovery, encode_discovery};
pub use status::{SystemStatus, Version};

/// Bytes of a chunk, header and padding included.
pub const CHUNK_BYTES: usize = 256;
/// Bytes of a chunk's header.
pub const CHUNK_HEADER_BYTES: usize = 32;
/// The most chunks that one transfer may have.
pub const MAX_CHUNKS: u32 = 22;
/// The most device records in one scan chunk.
pub const RECORDS_PER_CHUNK: u32 = 5;
/// Bytes of a device record.
pub const RECORD_BYTES: usize = 40;
/// The most payload bytes in one read chunk.
pub const READ_PAYLOAD_BYTES: usize = 224;
/// The most bytes that one chunked read can yield: 22 chunks of 224.
pub const MAX_READ_BYTES: usize = MAX_CHUNKS as usize * READ_PAYLOAD_BYTES;
/// How many devices the driver serves.
pub const DEVICE_COUNT: usize = 108;
/// Bytes of a system status.
pub const STATUS_BYTES: usize = 24;
/// Bytes of the discovery result that SCAN_DEVICES fills.
pub const DISCOVERY_BYTES: usize = 24 + DEVICE_COUNT * RECORD_BYTES;
/// The most bytes that the firmware behind the fielded driver moves in one call.
pub const FIRMWARE_LIMIT_BYTES: usize = 272;
/// What the driver puts into `last_response` in a scan: a filler, not a reading.
pub const RESPONSE_FILLER: u32 = 0xDEAD_BEEF;
