//! What the command ends with: the one place that turns failures into numbers.

use dsmil::Error;
use dsmil::sim::SimError;

use crate::failure::Failure;

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Any failure that has no number of its own.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// The quarantine denies it.
    Denied = 3,
    /// The device or the protocol failed.
    Device = 4,
    /// The emergency stop is pulled.
    Stopped = 5,
    /// A deadline passed.
    Deadline = 6,
    /// A gate says hold or no-go.
    NoGo = 7,
    /// A gate says roll back.
    RollBack = 8,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Device(error) => Self::of_device(error),
            Failure::Usage(_) | Failure::Sim(SimError::Option { .. }) => Self::Usage,
            _ => Self::Failed,
        }
    }

    pub(crate) fn of_device(error: &Error) -> Self {
        match error {
            Error::Denied { .. } => Self::Denied,
            Error::Stopped(_) => Self::Stopped,
            Error::DryRun { .. } => Self::Done,
            Error::Deadline { .. } => Self::Deadline,
            Error::Busy { .. }
            | Error::Contended { .. }
            | Error::Protocol { .. }
            | Error::Record { .. }
            | Error::Request { .. }
            | Error::Vanished { .. }
            | Error::Unsupported { .. }
            | Error::Open { .. }
            | Error::Trace { .. } => Self::Device,
            Error::Spec { .. } | Error::Argument { .. } => Self::Usage,
            _ => Self::Failed,
        }
    }
}
