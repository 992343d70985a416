//! The two chunked transfers, begun again when another program breaks them.

use dsmil_protocol::{
    CHUNK_BYTES, DISCOVERY_BYTES, Fault, Progress, ReadTransfer, Scan, ScanTransfer, Transfer, TransferError, decode_discovery,
};
use dsmil_quarantine::{Cleared, Request};
use nix::errno::Errno;

use crate::Error;
use crate::door::{Door, Place};
use crate::error::Interference;

/// Why one attempt came to nothing.
enum Broken {
    /// Another program did it; worth beginning again.
    By(Interference),
    /// Chunks were lost; worth beginning again too.
    Lost(TransferError),
    /// Not worth it.
    For(Error),
}

/// A machine that takes chunks; what a scan and a read have in common.
trait Machine {
    const TRANSFER: Transfer;
    fn feed(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, TransferError>;
    fn chunks_done(&self) -> u32;
    fn bytes_done(&self) -> usize;
}

macro_rules! machine {
    ($machine:ident, $transfer:expr) => {
        impl Machine for $machine {
            const TRANSFER: Transfer = $transfer;
            #[inline]
            fn feed(&mut self, chunk: &[u8; CHUNK_BYTES]) -> Result<Progress, TransferError> {
                Self::feed(self, chunk)
            }
            #[inline]
            fn chunks_done(&self) -> u32 {
                Self::chunks_done(self)
            }
            #[inline]
            fn bytes_done(&self) -> usize {
                Self::bytes_done(self)
            }
        }
    };
}

machine!(ScanTransfer, Transfer::Scan);
machine!(ReadTransfer, Transfer::Read);

impl Door {
    /// SCAN_DEVICES: the whole table in one call, no session that anybody could break.
    pub(crate) fn scan_at_once(&mut self) -> Result<Scan, Error> {
        let mut result = [0; DISCOVERY_BYTES];
        self.ask(&Request::SCAN_DEVICES, &mut result, Place::default())?;
        decode_discovery(&result).map_err(|source| Error::Protocol { id: None, source })
    }

    /// A chunked scan. The caller holds the turn.
    pub(crate) fn scan_in_chunks(&mut self) -> Result<Scan, Error> {
        self.repeat(|door| {
            let session = [&Request::SCAN_START, &Request::SCAN_CHUNK, &Request::SCAN_COMPLETE];
            door.run_session(session, ScanTransfer::new())?.finish().ok_or_else(Broken::unfinished::<ScanTransfer>)
        })
    }

    /// A chunked read of a device that `clear` clears, anew for each attempt. The caller holds the turn.
    pub(crate) fn read_in_chunks(&mut self, clear: impl Fn() -> Result<Cleared, Error>) -> Result<Vec<u8>, Error> {
        self.repeat(|door| {
            let cleared = clear().map_err(Broken::For)?;
            let session = [Request::read_start(&cleared), Request::read_chunk(&cleared), Request::read_complete(&cleared)];
            let machine = ReadTransfer::new(cleared.id());
            door.run_session(session.each_ref(), machine)?.finish().ok_or_else(Broken::unfinished::<ReadTransfer>)
        })
    }

    /// Makes attempts until one succeeds, one fails for good, or there were enough.
    fn repeat<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Result<T, Broken>) -> Result<T, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let broken = match attempt(self) {
                Ok(whole) => return Ok(whole),
                Err(broken) => broken,
            };
            let is_last = attempts >= self.limits.attempts;
            match broken {
                Broken::For(error) => return Err(error),
                Broken::Lost(source) if is_last => return Err(Error::Protocol { id: self.operation.id, source }),
                Broken::By(last) if is_last => {
                    let transfer = if self.operation.id.is_some() { Transfer::Read } else { Transfer::Scan };
                    return Err(Error::Contended { transfer, id: self.operation.id, attempts, last });
                }
                Broken::Lost(fault) => tracing::warn!(%fault, attempts, "chunks were lost: beginning again"),
                Broken::By(interference) => {
                    tracing::warn!(%interference, attempts, "another program interfered: beginning again");
                }
            }
            self.pause(attempts);
        }
    }

    /// START, CHUNK until the machine is done, COMPLETE.
    fn run_session<M: Machine>(&mut self, [start, chunk, complete]: [&Request; 3], mut machine: M) -> Result<M, Broken> {
        let mut argument = [0; 4];
        // A START that failed opened nothing: an older session may still be there, and would answer
        // zeros under its old token. No chunk is asked for.
        self.ask(start, &mut argument[..start.code().size()], Place::default()).map_err(Broken::For)?;
        let mut buffer = [0; CHUNK_BYTES];
        loop {
            let place = Place { chunk: Some(machine.chunks_done()), bytes_done: machine.bytes_done() };
            let progress = match self.ask(chunk, &mut buffer, place) {
                Ok(()) => machine.feed(&buffer).map_err(|error| self.wrong_chunk(complete, error)),
                Err(error) => Err(self.failed_chunk(complete, error, place)),
            };
            if progress? == Progress::Done {
                break;
            }
        }
        // The data is whole and checked; that the session could not be closed changes nothing about it.
        self.close_session(complete);
        Ok(machine)
    }

    /// A chunk that came and is wrong. Our own session is closed; another program's is left alone.
    fn wrong_chunk(&mut self, complete: &Request, error: TransferError) -> Broken {
        match error.fault {
            Fault::SessionChanged { .. } | Fault::TokenMismatch { .. } => Broken::By(Interference::Session(error)),
            Fault::IndexSkipped { .. } => Broken::Lost(error),
            _ => {
                self.close_session(complete);
                Broken::For(Error::Protocol { id: self.operation.id, source: error })
            }
        }
    }

    /// A chunk that did not come. EINVAL means that there is no session any more: somebody ended it.
    fn failed_chunk(&mut self, complete: &Request, error: Error, place: Place) -> Broken {
        match error {
            Error::Request { errno: Errno::EINVAL, bytes_done, .. } => {
                Broken::By(Interference::Closed { chunk: place.chunk.unwrap_or(0), bytes_done })
            }
            Error::Request { .. } => {
                self.close_session(complete);
                Broken::For(error)
            }
            // Stopped, out of time, gone: nothing more is asked.
            _ => Broken::For(error),
        }
    }

    fn close_session(&mut self, complete: &Request) {
        if let Err(error) = self.ask(complete, &mut [], Place::default()) {
            tracing::debug!(%error, "the session was not closed; the next START replaces it");
        }
    }
}

impl Broken {
    /// Done and yet not whole: the machine can't say so, but nothing is given out if it ever did.
    fn unfinished<M: Machine>() -> Self {
        Self::Lost(TransferError { transfer: M::TRANSFER, chunk: 0, bytes_done: 0, fault: Fault::AfterEnd })
    }
}
