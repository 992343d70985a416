//! The crate's errors. Each names the operation, the device, how far it got, and what to do.

use std::path::PathBuf;
use std::time::Duration;

use dsmil_protocol::{DeviceId, Fault, RequestCode, State, Transfer, TransferError};
use dsmil_quarantine::Denied;
use nix::errno::Errno;
use thiserror::Error;

use crate::StopRecord;

/// What can go wrong between a caller and the device.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The quarantine forbids it. Nothing was asked.
    #[error("{denied}{}", unrecorded.as_ref().map(|why| format!(" (and the denial could not be audited: {why})")).unwrap_or_default())]
    Denied {
        /// Which rule, and why.
        denied: Box<Denied>,
        /// Why the audit log has no record of it, if it hasn't.
        unrecorded: Option<String>,
    },
    /// The emergency stop is pulled. Nothing was asked.
    #[error("emergency stop: {0}; `dsmil stop --clear` ends it")]
    Stopped(Box<StopRecord>),
    /// A dry run: everything was checked, and here the request would have been made.
    #[error("dry run: {request}{} passed every check and was not asked", of(*id))]
    DryRun {
        /// The request.
        request: RequestCode,
        /// The device, for a request that names one.
        id: Option<DeviceId>,
    },
    /// A call, or a transfer with its repetitions, took longer than it may.
    #[error("{what}{} took {elapsed:?}; the deadline is {limit:?}{}", of(*id), if *interrupted { ", and it was interrupted" } else { "" })]
    Deadline {
        /// What took so long: a request or a transfer.
        what: &'static str,
        /// The device, where one is concerned.
        id: Option<DeviceId>,
        /// The deadline.
        limit: Duration,
        /// How long it had taken.
        elapsed: Duration,
        /// The call was still stuck in the kernel and was got out of there.
        interrupted: bool,
    },
    /// Other users of this library held the device for longer than a turn may be waited for.
    #[error("no turn within {waited:?}: another process or thread holds {device}; see who has it open, or wait longer")]
    Busy {
        /// The device file or backend.
        device: String,
        /// How long was waited.
        waited: Duration,
    },
    /// A program that doesn't use this library keeps replacing the session.
    #[error("{transfer}{}: {attempts} attempts were broken by another program's session (last: {last}); stop that program", of(*id))]
    Contended {
        /// Scan or read.
        transfer: Transfer,
        /// The device, for a read.
        id: Option<DeviceId>,
        /// How many times it was tried.
        attempts: u32,
        /// What broke the last one.
        last: Interference,
    },
    /// The driver's answer is wrong. What came before it is not given out.
    #[error("the driver's answer{} is wrong: {source}", of(*id))]
    Protocol {
        /// The device, where one is concerned.
        id: Option<DeviceId>,
        /// What was wrong, at which chunk, after how many bytes.
        #[source]
        source: TransferError,
    },
    /// The record that READ_DEVICE filled is wrong.
    #[error("the record of {id} is wrong: {fault}")]
    Record {
        /// The device.
        id: DeviceId,
        /// What was wrong.
        fault: Fault,
    },
    /// The driver or the kernel refused a request.
    #[error("{request}{} failed after {attempts} tries: {errno}{}{}", of(*id), state.map(|s| format!("; the device's state is {s}")).unwrap_or_default(), progress(*chunk, *bytes_done))]
    Request {
        /// The request.
        request: RequestCode,
        /// The device, for a request that names one.
        id: Option<DeviceId>,
        /// The answer.
        errno: Errno,
        /// How many times it was asked.
        attempts: u32,
        /// What READ_DEVICE put into the record all the same.
        state: Option<State>,
        /// The chunk that was due in a transfer.
        chunk: Option<u32>,
        /// Payload bytes accepted before it.
        bytes_done: usize,
    },
    /// The device went away (ENODEV, ENXIO) in the middle. Not tried again.
    #[error("the device went away during {request}{}: {errno}; open it again once the driver is back", of(*id))]
    Vanished {
        /// The request.
        request: RequestCode,
        /// The device, for a request that names one.
        id: Option<DeviceId>,
        /// ENODEV or ENXIO.
        errno: Errno,
    },
    /// The driver doesn't know the request (ENOTTY).
    #[error("this driver has no {request}: it is an older one; `dsmil probe` shows what it has")]
    Unsupported {
        /// The request.
        request: RequestCode,
    },
    /// The caller's own check (Ctrl-C in Python) asked to break off.
    #[error("broken off by the caller: {during}")]
    Interrupted {
        /// What was going on: the request, or a wait.
        during: &'static str,
    },
    /// The device could not be opened.
    #[error("cannot open {path}: {what}; {remedy}")]
    Open {
        /// The path.
        path: PathBuf,
        /// Which kind of failure.
        kind: OpenFailure,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The string that names a backend makes no sense.
    #[error("device {spec:?}: {what}; write a path, sim:, sim:seed=7, record:FILE,BACKEND or replay:FILE")]
    Spec {
        /// The string.
        spec: String,
        /// What is wrong.
        what: String,
    },
    /// An option or argument is out of its range.
    #[error("{name}: {what}")]
    Argument {
        /// The option.
        name: &'static str,
        /// What is wrong and what is right.
        what: String,
    },
    /// The run directory, without which there is no access, is missing or cannot be trusted.
    #[error("run directory {}: {what}; no access without it: {remedy}", path.display())]
    RunDirectory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The handle was opened by another process: this one is its child by `fork`.
    #[error("this handle was opened by process {opened_by} and not by this one, which is its child: open the device again here")]
    Forked {
        /// The process that opened it.
        opened_by: u32,
    },
    /// The handle is closed.
    #[error("the device is closed")]
    Closed,
    /// A trace file could not be written or read, or the program asks for something else than the trace.
    #[error("trace {}{}: {what}", path.display(), if *line > 0 { format!(", line {line}") } else { String::new() })]
    Trace {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 where the file as a whole is meant.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The audit log could not be written, and what was to be done may not be done without it.
    #[error("audit log: {0}; what was asked for was not done, since it may not be done unrecorded")]
    Audit(#[from] dsmil_audit::AuditError),
    /// The list of isolations could not be read or written.
    #[error("isolations in {}: {what}", path.display())]
    Isolations {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Why a device could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFailure {
    /// There is no such file.
    Missing,
    /// The user may not.
    Refused,
    /// It is something else.
    NotADevice,
    /// The driver is loaded but not initialised (ENODEV).
    NotInitialised,
    /// Something else that the system says.
    Other(Errno),
}

/// What another program did to a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Interference {
    /// It put its own session in place of ours.
    #[error("{0}")]
    Session(TransferError),
    /// It ended our session: a chunk was answered with EINVAL.
    #[error("the session was closed before chunk {chunk}, after {bytes_done} bytes")]
    Closed {
        /// The chunk that was due.
        chunk: u32,
        /// Payload bytes accepted before it.
        bytes_done: usize,
    },
}

fn of(id: Option<DeviceId>) -> String {
    id.map(|id| format!(" of {id}")).unwrap_or_default()
}

fn progress(chunk: Option<u32>, bytes_done: usize) -> String {
    chunk.map(|chunk| format!("; chunk {chunk} was due, {bytes_done} bytes were done")).unwrap_or_default()
}

impl Error {
    /// The error's stable name, the same in every language; the conformance cases use it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "denied",
            Self::Stopped(_) => "stopped",
            Self::DryRun { .. } => "dry-run",
            Self::Deadline { .. } => "deadline",
            Self::Busy { .. } => "busy",
            Self::Contended { .. } => "contended",
            Self::Protocol { .. } => "protocol",
            Self::Record { .. } => "record",
            Self::Request { .. } => "request",
            Self::Vanished { .. } => "vanished",
            Self::Unsupported { .. } => "unsupported",
            Self::Interrupted { .. } => "interrupted",
            Self::Open { kind, .. } => match kind {
                OpenFailure::Missing => "open-missing",
                OpenFailure::Refused => "open-refused",
                OpenFailure::NotADevice => "not-a-device",
                OpenFailure::NotInitialised => "not-initialised",
                OpenFailure::Other(_) => "open-failed",
            },
            Self::Spec { .. } => "spec",
            Self::Argument { .. } => "argument",
            Self::RunDirectory { .. } => "run-directory",
            Self::Forked { .. } => "forked",
            Self::Closed => "closed",
            Self::Trace { .. } => "trace",
            Self::Audit(_) => "audit",
            Self::Isolations { .. } => "isolations",
        }
    }

    /// The named fault of the driver's answer, if that is what went wrong.
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Protocol { source, .. } | Self::Contended { last: Interference::Session(source), .. } => Some(source.fault),
            Self::Record { fault, .. } => Some(*fault),
            _ => None,
        }
    }

    /// The errno that comes nearest, for interfaces that have nothing finer.
    pub fn errno(&self) -> Option<Errno> {
        Some(match self {
            Self::Denied { .. } => Errno::EACCES,
            Self::Deadline { .. } => Errno::ETIMEDOUT,
            Self::Busy { .. } | Self::Contended { .. } => Errno::EBUSY,
            Self::Protocol { .. } | Self::Record { .. } => Errno::EPROTO,
            Self::Request { errno, .. } | Self::Vanished { errno, .. } => *errno,
            Self::Unsupported { .. } => Errno::ENOTTY,
            Self::Interrupted { .. } => Errno::EINTR,
            Self::Open { kind, .. } => match kind {
                OpenFailure::Missing => Errno::ENOENT,
                OpenFailure::Refused => Errno::EACCES,
                OpenFailure::NotADevice => Errno::ENOTTY,
                OpenFailure::NotInitialised => Errno::ENODEV,
                OpenFailure::Other(errno) => *errno,
            },
            Self::Closed => Errno::EBADF,
            Self::Spec { .. } | Self::Argument { .. } => Errno::EINVAL,
            _ => return None,
        })
    }

    /// The device that was concerned, if one was.
    pub fn id(&self) -> Option<DeviceId> {
        match self {
            Self::Denied { denied, .. } => Some(denied.id),
            Self::DryRun { id, .. }
            | Self::Deadline { id, .. }
            | Self::Contended { id, .. }
            | Self::Protocol { id, .. }
            | Self::Request { id, .. }
            | Self::Vanished { id, .. } => *id,
            Self::Record { id, .. } => Some(*id),
            _ => None,
        }
    }
}
