//! The door: every request of the library goes through [`Door::ask`], and nothing else calls a backend.
//!
//! In front of each single request it checks, in this order, that this is still the process that
//! opened the device, that the emergency stop is not pulled, whether this is a dry run, and the time.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dsmil_protocol::{DeviceRecord, RequestCode};
use dsmil_quarantine::Request;
use nix::errno::Errno;

use crate::backend::{Backend, BackendError};
use crate::latency::Latency;
use crate::options::{InterruptCheck, Limits};
use crate::sys::{Deadline, process_mark};
use crate::{Error, RunDir, stop};

/// Calls longer than this are followed by a question to the caller whether to go on.
const LONG_CALL: Duration = Duration::from_millis(20);

/// Where a transfer stands, for messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) chunk: Option<u32>,
    pub(crate) bytes_done: usize,
}

#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) run: Arc<RunDir>,
    pub(crate) limits: Limits,
    pub(crate) latency: Latency,
    pub(crate) dry_run: bool,
    pub(crate) interrupt: Interrupt,
    /// The process that opened the device.
    pub(crate) opened_by: u32,
    /// When the operation in progress must be over.
    pub(crate) operation: Operation,
}

/// The operation that a request belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) what: &'static str,
    pub(crate) id: Option<dsmil_protocol::DeviceId>,
    pub(crate) begun: Instant,
    pub(crate) deadline: Instant,
}

/// The caller's wish to break off.
pub(crate) struct Interrupt(pub(crate) Option<InterruptCheck>);

impl std::fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Interrupt").field(&self.0.is_some()).finish()
    }
}

/// What one call came to.
enum Called {
    Answered,
    Failed(Errno),
    Interrupted,
}

impl Door {
    /// Asks for one thing, as often as the limits allow if it fails for a moment. EINTR is not a failure.
    pub(crate) fn ask(&mut self, request: &Request, argument: &mut [u8], place: Place) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            self.check(request)?;
            match self.call(request, argument)? {
                Called::Answered => return Ok(()),
                Called::Interrupted => {}
                Called::Failed(errno) => {
                    tries += 1;
                    if !is_passing(errno) || tries >= self.limits.tries {
                        return Err(failure(request, errno, argument, tries, place));
                    }
                    tracing::debug!(request = request.code().name(), %errno, tries, "trying again");
                    self.pause(tries);
                }
            }
        }
    }

    /// Everything that must hold before a request, at the cost of two loads and a look at the clock.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Error> {
        self.check_process()?;
        if self.run.is_stopped()
            && let Some(record) = stop::current(&self.run)
        {
            return Err(Error::Stopped(Box::new(record)));
        }
        if self.dry_run {
            return Err(Error::DryRun { request: request.code(), id: request.id() });
        }
        Ok(())
    }

    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if process_mark() == Ok(self.opened_by) { Ok(()) } else { Err(Error::Forked { opened_by: self.opened_by }) }
    }

    /// One call to the backend, watched and measured.
    fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<Called, Error> {
        let code = request.code();
        let begun = Instant::now();
        if begun >= self.operation.deadline {
            return Err(self.late_operation(begun, false));
        }
        let limit = self.limits.call_deadline;
        let span = tracing::trace_span!("request", name = code.name(), id = request.id().map(u16::from));
        let watch = Deadline::watch((begun + limit).min(self.operation.deadline));
        let answer = span.in_scope(|| self.backend.call(request, argument));
        let fired = watch.end();
        let ended = Instant::now();
        let took = ended - begun;
        self.latency.request(code, took);
        tracing::trace!(parent: &span, took_ns = took.as_nanos() as u64, ok = answer.is_ok(), "answered");
        let called = match answer {
            Ok(()) => Called::Answered,
            Err(BackendError::Errno(Errno::EINTR)) => Called::Interrupted,
            Err(BackendError::Errno(errno)) => Called::Failed(errno),
            Err(BackendError::Other(error)) => return Err(error),
        };
        if took > limit {
            let interrupted = fired && matches!(called, Called::Interrupted);
            return Err(Error::Deadline { what: code.name(), id: request.id(), limit, elapsed: took, interrupted });
        }
        if matches!(called, Called::Interrupted) && ended >= self.operation.deadline {
            return Err(self.late_operation(ended, fired));
        }
        self.ask_caller(code, took, &called)?;
        Ok(called)
    }

    fn ask_caller(&self, request: RequestCode, took: Duration, called: &Called) -> Result<(), Error> {
        let is_due = took > LONG_CALL || matches!(called, Called::Interrupted);
        match &self.interrupt.0 {
            Some(wants_out) if is_due && wants_out() => Err(Error::Interrupted { request }),
            _ => Ok(()),
        }
    }

    fn late_operation(&self, now: Instant, interrupted: bool) -> Error {
        let Operation { what, id, begun, deadline } = self.operation;
        Error::Deadline { what, id, limit: deadline - begun, elapsed: now - begun, interrupted }
    }

    /// The pause before the next try: twice as long each time, and never past the deadline.
    pub(crate) fn pause(&self, tries: u32) {
        let pause = self.limits.back_off.saturating_mul(1 << (tries - 1).min(6));
        thread::sleep(pause.min(self.operation.deadline.saturating_duration_since(Instant::now())));
    }
}

/// Whether the same request may well succeed a moment later.
fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::EIO | Errno::EAGAIN | Errno::EBUSY)
}

fn failure(request: &Request, errno: Errno, argument: &[u8], attempts: u32, place: Place) -> Error {
    let (code, id) = (request.code(), request.id());
    match errno {
        Errno::ENODEV | Errno::ENXIO | Errno::ENOTCONN => Error::Vanished { request: code, id, errno },
        Errno::ENOTTY => Error::Unsupported { request: code },
        _ => {
            // READ_DEVICE fills its record on failure too: good for the reason, and for nothing else.
            let record = argument.try_into().ok().filter(|_| code == RequestCode::ReadDevice).map(DeviceRecord::decode);
            let state = record.map(|record| record.state);
            Error::Request { request: code, id, errno, attempts, state, chunk: place.chunk, bytes_done: place.bytes_done }
        }
    }
}
