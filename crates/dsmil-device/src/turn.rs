//! Turns: who uses the library waits until nobody else who does is in the middle of a transfer.
//!
//! The lock is `flock` on the device file itself, so that it needs no agreement on another path: it
//! holds between processes, between handles of one process, and ends with the process, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::clock::Moment;
use crate::options::Interrupt;
use crate::sys::Watch;

/// The turn, given up when dropped. Nothing to hold where nobody else can be in the way.
#[derive(Debug)]
pub(crate) struct Turn {
    file: Option<Arc<File>>,
}

impl Turn {
    /// No turn: for who asks nothing.
    pub(crate) const fn none() -> Self {
        Self { file: None }
    }

    /// Waits for the turn, under the watch of the operation that wants it. A signal that the program gets
    /// meanwhile is a reason to ask the caller whether to go on.
    pub(crate) fn take(
        file: Option<&Arc<File>>,
        timeout: Duration,
        device: &str,
        watch: &Watch,
        interrupt: &Interrupt,
    ) -> Result<Self, Error> {
        let Some(file) = file else {
            return Ok(Self::none());
        };
        let begun = Moment::now();
        match file.try_lock() {
            Ok(()) => return Ok(Self { file: Some(Arc::clone(file)) }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(cannot_lock(device, &error)),
        }
        watch.begin(begun.after(timeout));
        let locked = loop {
            match file.lock() {
                Ok(()) => break Ok(Self { file: Some(Arc::clone(file)) }),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => break Err(cannot_lock(device, &error)),
                Err(_) if begun.elapsed() >= timeout => {
                    break Err(Error::Busy { device: device.to_owned(), waited: begun.elapsed() });
                }
                Err(_) if interrupt.is_wanted() => break Err(Error::Interrupted { during: "waiting for the turn" }),
                Err(_) => {}
            }
        };
        watch.rest();
        locked
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // It can fail only for a file that is not open.
            let _ = file.unlock();
        }
    }
}

fn cannot_lock(device: &str, error: &io::Error) -> Error {
    Error::Open {
        path: device.into(),
        kind: crate::OpenFailure::Other(nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0))),
        what: format!("its lock cannot be taken: {error}"),
        remedy: "use a device file on which flock works".into(),
    }
}
