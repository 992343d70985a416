//! Backends: what answers the requests. One is chosen by a string, see [`BackendSpec`].

mod kernel;
mod record;
mod replay;
mod sim;
mod spec;
mod trace;

use std::fs::File;
use std::sync::Arc;

use dsmil_quarantine::Request;
use nix::errno::Errno;

use crate::Error;

use self::kernel::KernelBackend;
use self::record::RecordBackend;
use self::replay::ReplayBackend;
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
/// [`Device`](crate::Device) alone, which has checked everything before. A closed set, so that the way from the
/// door to `ioctl` is a straight one.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A device file.
    Kernel(KernelBackend),
    /// The simulated device in this process.
    Sim(SimBackend),
    /// Another backend, written down.
    Record(Box<RecordBackend>),
    /// A trace.
    Replay(ReplayBackend),
}

impl Backend {
    /// Opens what a specification names. No request is made yet.
    pub(crate) fn open(spec: &BackendSpec) -> Result<Self, Error> {
        Ok(match spec {
            BackendSpec::Path(path) => Self::Kernel(KernelBackend::open(path)?),
            BackendSpec::Sim(options) => Self::Sim(SimBackend::from_options(options)?),
            BackendSpec::Record { file, inner } => {
                Self::Record(Box::new(RecordBackend::create(file, Self::open(inner)?, inner)?))
            }
            BackendSpec::Replay(file) => Self::Replay(ReplayBackend::open(file)?),
        })
    }

    /// Carries out one request. What goes in is the request's ([`Request::fill`]); what comes out is
    /// left in `argument`, which has exactly the request's size and may be filled on failure too.
    ///
    /// # Errors
    /// The driver's errno, EINTR included; or the backend's own fault.
    #[inline]
    pub(crate) fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
        match self {
            Self::Kernel(kernel) => kernel.call(request, argument),
            Self::Sim(sim) => sim.call(request, argument),
            Self::Record(record) => record.call(request, argument),
            Self::Replay(replay) => replay.call(request, argument),
        }
    }

    /// The open file whose lock means having the turn; `None` where nobody else can be in the way.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        match self {
            Self::Kernel(kernel) => Some(kernel.file()),
            Self::Record(record) => record.inner().file(),
            Self::Sim(_) | Self::Replay(_) => None,
        }
    }

    /// The simulated driver behind it, if it is one in this process.
    pub(crate) fn model(&self) -> Option<&SharedModel> {
        match self {
            Self::Sim(sim) => Some(sim.model()),
            Self::Record(record) => record.inner().model(),
            Self::Kernel(_) | Self::Replay(_) => None,
        }
    }
}
