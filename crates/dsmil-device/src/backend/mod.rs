//! Backends: what answers the requests. One is chosen by a string, see [`BackendSpec`].

mod kernel;
mod record;
mod replay;
mod sim;
mod spec;
mod trace;

use std::fmt::Debug;
use std::fs::File;
use std::sync::Arc;

use dsmil_quarantine::Request;
use nix::errno::Errno;

use crate::Error;

pub(crate) use kernel::not_a_device;
pub use sim::SharedModel;
pub(crate) use sim::SimBackend;
pub use spec::{BackendSpec, DEFAULT_DEVICE, DEVICE_VARIABLE};

/// Why a backend has no answer.
#[derive(Debug)]
pub(crate) enum BackendError {
    /// The driver or the kernel answered so.
    Errno(Errno),
    /// The backend itself is at fault: a trace that can't be written, or that says otherwise.
    Other(Error),
}

impl From<Errno> for BackendError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// What answers requests: a driver, or something in its place. It is reached through a
/// [`Device`](crate::Device) alone, which has checked everything before.
pub(crate) trait Backend: Send + Debug {
    /// Carries out one request. What goes in is the request's ([`Request::fill`]); what comes out is
    /// left in `argument`, which has exactly the request's size and may be filled on failure too.
    ///
    /// # Errors
    /// The driver's errno, EINTR included; or the backend's own fault.
    fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError>;

    /// The open file whose lock means having the turn; `None` where nobody else can be in the way.
    fn file(&self) -> Option<&Arc<File>> {
        None
    }

    /// The simulated driver behind it, if it is one in this process.
    fn model(&self) -> Option<&SharedModel> {
        None
    }
}

/// Opens what a specification names. No request is made yet.
pub(crate) fn open(spec: &BackendSpec) -> Result<Box<dyn Backend>, Error> {
    Ok(match spec {
        BackendSpec::Path(path) => Box::new(kernel::KernelBackend::open(path)?),
        BackendSpec::Sim(options) => Box::new(SimBackend::from_options(options)?),
        BackendSpec::Record { file, inner } => Box::new(record::RecordBackend::create(file, open(inner)?, inner)?),
        BackendSpec::Replay(file) => Box::new(replay::ReplayBackend::open(file)?),
    })
}
