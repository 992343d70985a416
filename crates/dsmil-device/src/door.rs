//! The door: every request of the library goes through [`Door::ask`], and nothing else calls a backend.
//!
//! In front of each single request it checks, in this order, that this is still the process that
//! opened the device, that the emergency stop is not pulled, whether this is a dry run, and the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use dsmil_protocol::{DeviceId, DeviceRecord, RequestCode};
use dsmil_quarantine::Request;
use nix::errno::Errno;

use crate::backend::{Backend, BackendError};
use crate::clock::{Moment, nanos};
use crate::latency::Latency;
use crate::options::{Interrupt, Limits};
use crate::sys::Watch;
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
    pub(crate) backend: Backend,
    pub(crate) run: Arc<RunDir>,
    pub(crate) limits: Limits,
    pub(crate) latency: Latency,
    pub(crate) dry_run: bool,
    pub(crate) interrupt: Interrupt,
    /// The mark of the process that opened the device, and where this process has its own.
    pub(crate) opened_by: u32,
    pub(crate) process: &'static AtomicU32,
    /// When the operation in progress must be over.
    pub(crate) operation: Operation,
}

/// The operation that a request belongs to.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) what: &'static str,
    pub(crate) id: Option<DeviceId>,
    pub(crate) begun: Moment,
    pub(crate) deadline: Moment,
    /// The end of the request before, which is where the next one begins.
    pub(crate) last: Moment,
    pub(crate) watch: Watch,
    /// How long one call may take, and how long one takes that nothing need be said of.
    pub(crate) call_ns: u64,
    pub(crate) usual_ns: u64,
}

impl Operation {
    /// One that begins now, with its limits. Its thread is watched.
    pub(crate) fn begin(what: &'static str, id: Option<DeviceId>, limits: &Limits, begun: Moment) -> Self {
        let call_ns = nanos(limits.call_deadline);
        Self {
            what,
            id,
            begun,
            deadline: begun.after(limits.transfer_deadline),
            last: begun,
            watch: Watch::this_thread(),
            call_ns,
            usual_ns: call_ns.min(nanos(LONG_CALL)),
        }
    }

    /// None in progress.
    pub(crate) fn none() -> Self {
        let (never, watch) = (Moment::EPOCH, Watch::nothing());
        Self { what: "none", id: None, begun: never, deadline: never, last: never, watch, call_ns: 0, usual_ns: 0 }
    }

    /// Starts the clock again: what came before was waiting for the turn.
    pub(crate) fn restart(&mut self) {
        let limit = self.deadline.since(self.begun);
        self.begun = Moment::now();
        self.deadline = self.begun.after(limit);
        self.last = self.begun;
    }
}

/// What one call came to.
enum Called {
    Answered,
    Failed(Errno),
    Interrupted,
}

impl Door {
    // All of the way from here to the ioctl is inlined into the loop that gathers chunks: after a call the
    // processor's caches and branch predictors are the kernel's, and each jump costs what it costs cold.
    /// Asks for one thing, as often as the limits allow if it fails for a moment. EINTR is not a failure.
    #[expect(clippy::inline_always, reason = "1 % of a scan, measured")]
    #[inline(always)]
    pub(crate) fn ask(&mut self, request: &Request, argument: &mut [u8], place: Place) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            self.check(request)?;
            match self.call(request, argument)? {
                Called::Answered => return Ok(()),
                Called::Interrupted => {}
                Called::Failed(errno) => {
                    tries += 1;
                    self.after_failure(request, errno, argument, tries, place)?;
                }
            }
        }
    }

    /// A pause before the next try, if there is one to be.
    #[cold]
    fn after_failure(&mut self, request: &Request, errno: Errno, argument: &[u8], tries: u32, place: Place) -> Result<(), Error> {
        if !is_passing(errno) || tries >= self.limits.tries {
            return Err(failure(request, errno, argument, tries, place));
        }
        tracing::debug!(request = request.code().name(), %errno, tries, "trying again");
        self.pause(tries);
        Ok(())
    }

    /// Everything that must hold before a request, at the cost of two loads and a look at the clock.
    #[inline]
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

    #[inline]
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        let here = self.process.load(Ordering::Acquire);
        if here == self.opened_by { Ok(()) } else { Err(Error::Forked { opened_by: self.opened_by }) }
    }

    /// One call to the backend, watched and measured.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn call(&mut self, request: &Request, argument: &mut [u8]) -> Result<Called, Error> {
        let begun = self.operation.last;
        if begun >= self.operation.deadline {
            return Err(self.late_operation(begun, false));
        }
        self.operation.watch.begin(begun.after_nanos(self.operation.call_ns).min(self.operation.deadline));
        let answer = if tracing::level_enabled!(tracing::Level::TRACE) {
            call_in_span(&mut self.backend, request, argument)
        } else {
            self.backend.call(request, argument)
        };
        let ended = Moment::now();
        self.operation.last = ended;
        let took_ns = ended.nanos_since(begun);
        self.latency.request(request.code(), took_ns);
        if answer.is_ok() && took_ns <= self.operation.usual_ns {
            return Ok(Called::Answered);
        }
        self.unusual_call(request, answer, Duration::from_nanos(took_ns))
    }

    /// A call that failed, was interrupted or took long.
    #[cold]
    fn unusual_call(&self, request: &Request, answer: Result<(), BackendError>, took: Duration) -> Result<Called, Error> {
        let called = match answer {
            Ok(()) => Called::Answered,
            Err(BackendError::Errno(Errno::EINTR)) => Called::Interrupted,
            Err(BackendError::Errno(errno)) => Called::Failed(errno),
            Err(BackendError::Other(error)) => return Err(error),
        };
        self.operation.watch.rest();
        let interrupted = matches!(called, Called::Interrupted);
        let limit = self.limits.call_deadline;
        if took > limit {
            return Err(Error::Deadline { what: request.code().name(), id: request.id(), limit, elapsed: took, interrupted });
        }
        if interrupted && self.operation.last >= self.operation.deadline {
            return Err(self.late_operation(self.operation.last, true));
        }
        if (took > LONG_CALL || interrupted) && self.interrupt.is_wanted() {
            return Err(Error::Interrupted { during: request.code().name() });
        }
        Ok(called)
    }

    fn late_operation(&self, now: Moment, interrupted: bool) -> Error {
        let Operation { what, id, begun, deadline, .. } = self.operation;
        Error::Deadline { what, id, limit: deadline.since(begun), elapsed: now.since(begun), interrupted }
    }

    /// The pause before the next try: twice as long each time, and never past the deadline.
    pub(crate) fn pause(&mut self, tries: u32) {
        let pause = self.limits.back_off.saturating_mul(1 << (tries - 1).min(6));
        thread::sleep(pause.min(self.operation.deadline.since(Moment::now())));
        self.operation.last = Moment::now();
    }
}

/// The same call with a span around it, for whoever listens.
#[cold]
fn call_in_span(backend: &mut Backend, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
    let span = tracing::trace_span!("request", name = request.code().name(), id = request.id().map(u16::from));
    span.in_scope(|| {
        let begun = Moment::now();
        let answer = backend.call(request, argument);
        tracing::trace!(took_ns = Moment::now().nanos_since(begun), ok = answer.is_ok(), "answered");
        answer
    })
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
