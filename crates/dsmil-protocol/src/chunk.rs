//! The headers of the two kinds of chunk. Packed on the wire; every field at the offset that the
//! specification gives.

use zerocopy::byteorder::{NativeEndian, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{CHUNK_BYTES, CHUNK_HEADER_BYTES};

/// The header of a scan chunk, as it came: nothing in it has been checked.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ScanChunkHeader {
    /// The chunk's index in its transfer, from 0.
    pub chunk_index: U32<NativeEndian>,
    /// How many chunks the transfer has.
    pub total_chunks: U32<NativeEndian>,
    /// How many records follow (0 to 5).
    pub devices_in_chunk: U32<NativeEndian>,
    /// 32 + 40 × `devices_in_chunk`.
    pub chunk_size: U32<NativeEndian>,
    /// The driver's number for the session.
    pub session_id: U64<NativeEndian>,
    /// Ignored on read, zero on write.
    pub reserved: [u8; 8],
}

/// The header of a read chunk, as it came: nothing in it has been checked.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ReadChunkHeader {
    /// The device whose data follow.
    pub token: U16<NativeEndian>,
    /// The chunk's index in its transfer, from 0.
    pub chunk_index: U16<NativeEndian>,
    /// How many chunks the transfer has.
    pub total_chunks: U32<NativeEndian>,
    /// Where the payload lies in the device's data.
    pub data_offset: U32<NativeEndian>,
    /// Payload bytes (1 to 224).
    pub chunk_size: U32<NativeEndian>,
    /// The driver's number for the session.
    pub session_id: U64<NativeEndian>,
    /// Ignored on read, zero on write.
    pub reserved: [u8; 8],
}

const _: () = assert!(size_of::<ScanChunkHeader>() == CHUNK_HEADER_BYTES);
const _: () = assert!(size_of::<ReadChunkHeader>() == CHUNK_HEADER_BYTES);

/// Splits a chunk into its header and its 224 bytes of body.
#[inline]
pub(crate) fn split<H: FromBytes + KnownLayout + Immutable + Unaligned>(chunk: &[u8; CHUNK_BYTES]) -> (&H, &[u8]) {
    match H::ref_from_prefix(chunk) {
        Ok(parts) => parts,
        Err(_) => unreachable!("a header is 32 bytes and a chunk 256"),
    }
}

macro_rules! compose {
    ($header:ident) => {
        impl $header {
            /// The header of a chunk, whatever stands in it.
            pub fn of(chunk: &[u8; CHUNK_BYTES]) -> &Self {
                split(chunk).0
            }

            /// A whole chunk: this header, then `body`, cut or filled with zeros to 224 bytes.
            pub fn with_body(&self, body: &[u8]) -> [u8; CHUNK_BYTES] {
                let mut chunk = [0; CHUNK_BYTES];
                chunk[..CHUNK_HEADER_BYTES].copy_from_slice(self.as_bytes());
                let n = body.len().min(CHUNK_BYTES - CHUNK_HEADER_BYTES);
                chunk[CHUNK_HEADER_BYTES..CHUNK_HEADER_BYTES + n].copy_from_slice(&body[..n]);
                chunk
            }
        }
    };
}

compose!(ScanChunkHeader);
compose!(ReadChunkHeader);

/// What both machines follow: the session, the number of chunks, and the index that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    session: u64,
    total: u32,
    due: u32,
}

impl Sequence {
    pub(crate) const fn new() -> Self {
        Self { session: 0, total: 0, due: 0 }
    }

    /// The index of the chunk that is due.
    #[inline]
    pub(crate) const fn due(&self) -> u32 {
        self.due
    }

    /// The session of the first chunk; `None` before it.
    pub(crate) const fn session(&self) -> Option<u64> {
        if self.due == 0 { None } else { Some(self.session) }
    }

    /// Whether the last chunk has been accepted.
    #[inline]
    pub(crate) const fn is_done(&self) -> bool {
        self.due != 0 && self.due == self.total
    }

    /// Checks what both headers have in common. Foreign sessions are looked for first: the rest of a
    /// foreign chunk says nothing about ours.
    #[inline]
    pub(crate) fn check(&self, session: u64, total: u32, index: u32) -> Result<(), crate::Fault> {
        use crate::Fault;
        if self.due != 0 && session != self.session {
            return Err(Fault::SessionChanged { expected: self.session, got: session });
        }
        if total == 0 {
            return Err(Fault::TotalChunksZero);
        }
        if total > crate::MAX_CHUNKS {
            return Err(Fault::TotalChunksTooLarge { claimed: total });
        }
        if self.due != 0 && total != self.total {
            return Err(Fault::TotalChunksChanged { first: self.total, now: total });
        }
        if index != self.due {
            return Err(match self.due.checked_sub(index) {
                Some(1) => Fault::IndexRepeated { got: index },
                Some(_) => Fault::IndexWentBack { expected: self.due, got: index },
                None => Fault::IndexSkipped { expected: self.due, got: index },
            });
        }
        Ok(())
    }

    /// Counts a chunk that passed every check.
    #[inline]
    pub(crate) const fn advance(&mut self, session: u64, total: u32) {
        self.session = session;
        self.total = total;
        self.due += 1;
    }
}
