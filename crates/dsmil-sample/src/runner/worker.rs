//! The thread in which a sampler runs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::plan::{Id, Now, Outcome};
use crate::alarm::Waker;
use crate::{Batch, Clock, SampleError, Sampler};

/// So many threads samplers may have, hanging ones and those left behind included.
pub(super) const MAX_THREADS: usize = 128;

/// What workers give back, and how they say so.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ended: Arc<Mutex<Vec<(Id, Outcome, Now)>>>,
    pub(super) waker: Waker,
    /// Threads that live.
    pub(super) threads: Arc<AtomicUsize>,
}

impl Outbox {
    /// Now, on both clocks.
    pub(super) fn now(&self) -> Now {
        Now { steady: self.clock.steady(), unix_ms: self.clock.unix_ms() }
    }

    fn put(&self, id: Id, outcome: Outcome) {
        let now = self.now();
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).push((id, outcome, now));
        self.waker.wake();
    }

    /// What has ended since the last look.
    pub(super) fn take(&self) -> Vec<(Id, Outcome, Now)> {
        std::mem::take(&mut self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a thread is sent.
enum Job {
    /// The sampler, once.
    Have(Box<dyn Sampler>),
    /// Look.
    Sample,
}

/// A sampler and, from its first sample on, its thread.
pub(super) struct Worker {
    id: Id,
    name: Arc<str>,
    timeout: Duration,
    cancelled: Arc<AtomicBool>,
    state: State,
}

enum State {
    Waiting(Box<dyn Sampler>),
    Running(SyncSender<Job>, JoinHandle<()>),
    Lost,
}

impl Worker {
    pub(super) fn new(id: Id, name: Arc<str>, timeout: Duration, sampler: Box<dyn Sampler>) -> Self {
        Self { id, name, timeout, cancelled: Arc::default(), state: State::Waiting(sampler) }
    }

    /// Lets it sample. The outcome comes by the outbox.
    pub(super) fn begin(&mut self, outbox: &Outbox) -> Result<(), SampleError> {
        self.cancelled.store(false, Ordering::Relaxed);
        if matches!(self.state, State::Waiting(_)) {
            self.start(outbox)?;
        }
        match &self.state {
            // There is room: it is sent one job at a time, and begins none before it has ended the last.
            State::Running(jobs, _) if jobs.try_send(Job::Sample).is_ok() => Ok(()),
            _ => Err(SampleError::Panicked("its thread is gone".to_owned())),
        }
    }

    fn start(&mut self, outbox: &Outbox) -> Result<(), SampleError> {
        let threads = outbox.threads.load(Ordering::Relaxed);
        if threads >= MAX_THREADS {
            return Err(SampleError::TooManyHang { threads });
        }
        let (jobs, orders) = sync_channel(2);
        let (id, timeout, cancelled, outbox) = (self.id, self.timeout, Arc::clone(&self.cancelled), outbox.clone());
        let counted = Counted::new(&outbox.threads);
        let run = move || {
            let _counted = counted;
            work(id, timeout, &cancelled, &outbox, &orders);
        };
        let thread = Builder::new().name(format!("dsmil {}", self.name)).spawn(run).map_err(|error| {
            let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0));
            SampleError::System { what: "a thread for the sampler", errno }
        })?;
        let old = std::mem::replace(&mut self.state, State::Lost);
        if let State::Waiting(sampler) = old
            && jobs.try_send(Job::Have(sampler)).is_ok()
        {
            self.state = State::Running(jobs, thread);
        }
        Ok(())
    }

    /// Tells the sampler that nobody waits for it any more.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Ends the thread after what it is doing, and gives what to wait for.
    pub(super) fn end(self) -> Option<JoinHandle<()>> {
        self.cancel();
        match self.state {
            State::Running(_, thread) => Some(thread),
            State::Waiting(_) | State::Lost => None,
        }
    }
}

/// Counts a thread for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(threads: &Arc<AtomicUsize>) -> Self {
        threads.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(threads))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn work(id: Id, timeout: Duration, cancelled: &AtomicBool, outbox: &Outbox, orders: &Receiver<Job>) {
    let Ok(Job::Have(mut sampler)) = orders.recv() else { return };
    while let Ok(Job::Sample) = orders.recv() {
        let mut batch = Batch::new(&*outbox.clock, timeout, cancelled);
        // What it has seen before a panic is right all the same; its next sample begins from what state it is in.
        let result = catch_unwind(AssertUnwindSafe(|| sampler.sample(&mut batch)));
        if let Err(error) = result.unwrap_or_else(|panic| Err(SampleError::Panicked(text_of(&*panic)))) {
            batch.problem(error);
        }
        outbox.put(id, batch.into_parts());
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a text").to_owned()
}
