//! The chunked read: up to 22 chunks of one device's data, put together and checked.

use crate::chunk::{Sequence, split};
use crate::{
    CHUNK_BYTES, DeviceId, Fault, MAX_READ_BYTES, Progress, READ_PAYLOAD_BYTES, ReadChunkHeader, Transfer, TransferError,
};

/// The machine for a chunked read. Feed it each READ_CHUNK answer in turn.
#[derive(Clone, Debug)]
pub struct ReadTransfer {
    id: DeviceId,
    sequence: Sequence,
    /// Room for the longest read is taken at the start, whatever the driver will claim.
    data: Vec<u8>,
    failed: bool,
}

impl ReadTransfer {
    /// A machine that expects chunk 0 of this device.
    pub fn new(id: DeviceId) -> Self {
        Self { id, sequence: Sequence::new(), data: Vec::with_capacity(MAX_READ_BYTES), failed: false }
    }

    /// Checks one chunk and takes its payload.
    ///
    /// # Errors
    /// A [`TransferError`] that names the fault; the machine then accepts nothing more.
    #[inline]
    pub fn feed(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, TransferError> {
        let (at, bytes_done) = (self.sequence.due(), self.data.len());
        self.take(chunk).map_err(|fault| {
            self.failed = true;
            TransferError { transfer: Transfer::Read, chunk: at, bytes_done, fault }
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

    /// Payload bytes accepted so far.
    pub fn bytes_done(&self) -> usize {
        self.data.len()
    }

    /// The device's data, 1 to 4,928 bytes; `None` unless the last chunk has been accepted.
    pub fn finish(self) -> Option<Vec<u8>> {
        (!self.failed && self.sequence.is_done()).then_some(self.data)
    }

    #[inline]
    fn take(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, Fault> {
        if self.failed || self.sequence.is_done() {
            return Err(Fault::AfterEnd);
        }
        let (header, body) = split::<ReadChunkHeader>(chunk);
        // The token first: an older session's leftovers come under the old token, with zeros behind it.
        let got = DeviceId::new(header.token.get());
        if got != self.id {
            return Err(Fault::TokenMismatch { expected: self.id, got });
        }
        let (session, total) = (header.session_id.get(), header.total_chunks.get());
        self.sequence.check(session, total, header.chunk_index.get().into())?;
        let size = header.chunk_size.get();
        let Some(payload) = body.get(..size as usize).filter(|payload| !payload.is_empty()) else {
            return Err(Fault::ChunkSizeOutOfRange { claimed: size });
        };
        debug_assert!(payload.len() <= READ_PAYLOAD_BYTES);
        // At most 22 chunks of 224 bytes were accepted, so that this fits a u32.
        let expected = self.data.len() as u32;
        if header.data_offset.get() != expected {
            return Err(Fault::OffsetMismatch { expected, got: header.data_offset.get() });
        }
        self.data.extend_from_slice(payload);
        self.sequence.advance(session, total);
        Ok(if self.sequence.is_done() { Progress::Done } else { Progress::More })
    }
}
