//! Runs samplers, each at its own pace and in its own thread, and gives what they see to one consumer.

mod plan;
mod report;
mod worker;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

pub use report::{SamplerReport, Unreadable};

use crate::alarm::{Alarm, Waker};
use crate::sampler::Scheduled;
use crate::{SampleError, SystemClock};
use plan::{Action, Id, Now, Plan, Spec};
use worker::{Outbox, Worker};

/// So many samplers may run at a time.
pub const MAX_SAMPLERS: usize = 64;

/// How long a consumer that takes nothing is left alone before it is tried again.
const FULL: Duration = Duration::from_millis(20);

/// Runs samplers until it is stopped or dropped.
///
/// Each has a thread of its own, made at its first tick. One that takes longer than its time-out is counted as failed and
/// told so ([`Batch::is_cancelled`](crate::Batch::is_cancelled)); if it doesn't end it is left behind: nothing waits for
/// it, and until it ends its ticks are missed. Reports go over a bounded channel: a consumer that doesn't take them
/// holds up the ticks, which are then late or missed, and none is lost.
pub struct Runner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("stopped", &self.shared.stop.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

struct Shared {
    stop: AtomicBool,
    /// How long the loop waits at its end for samples that are going on.
    grace: Mutex<Duration>,
    /// What is to run from now on.
    wanted: Mutex<Option<Vec<Scheduled>>>,
    waker: Waker,
}

impl Runner {
    /// Starts them: the first ticks are due at once. `capacity` reports wait for the consumer, at least one.
    ///
    /// # Errors
    /// [`SampleError::Config`] for two of one name, too many, or an interval or time-out of nothing; [`SampleError::System`]
    /// if there is no thread or file descriptor left.
    pub fn start(samplers: Vec<Scheduled>, capacity: usize) -> Result<(Self, Receiver<SamplerReport>), SampleError> {
        check(&samplers)?;
        let alarm = Alarm::new()?;
        let waker = alarm.waker();
        let (sender, reports) = sync_channel(capacity.max(1));
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            grace: Mutex::default(),
            wanted: Mutex::new(Some(samplers)),
            waker: waker.clone(),
        });
        let outbox = Outbox { clock: Arc::new(SystemClock), ended: Arc::default(), waker, threads: Arc::default() };
        let looped = Arc::clone(&shared);
        let run = move || Loop::new(looped, outbox, sender).run(&alarm);
        let thread = Builder::new().name("dsmil sampling".to_owned()).spawn(run).map_err(|error| SampleError::System {
            what: "a thread for sampling",
            errno: nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0)),
        })?;
        Ok((Self { shared, thread: Some(thread) }, reports))
    }

    /// Whether these can run together.
    ///
    /// # Errors
    /// [`SampleError::Config`] for two of one name, too many, or an interval or time-out of nothing.
    pub fn check(samplers: &[Scheduled]) -> Result<(), SampleError> {
        check(samplers)
    }

    /// From now on these. One with the name, identity and pace of one that runs is dropped, and that one runs on. Series
    /// that are no longer given end with a stale marker. Doesn't block.
    ///
    /// # Errors
    /// [`SampleError::Config`] as for `start`; then all runs on as it was.
    pub fn replace(&self, samplers: Vec<Scheduled>) -> Result<(), SampleError> {
        check(&samplers)?;
        *self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(samplers);
        self.shared.waker.wake();
        Ok(())
    }

    /// Ends the sampling: samples that are going on are broken off and waited for, all together for at most `grace`, and
    /// those that hang are left behind. What they saw is in the channel, as far as there is room, and after it the
    /// channel ends.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        let Some(thread) = self.thread.take() else { return };
        *self.shared.grace.lock().unwrap_or_else(PoisonError::into_inner) = grace;
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.waker.wake();
        // The loop blocks on nothing but its alarm, and at its end for the grace.
        if thread.join().is_err() {
            tracing::error!("the sampling had ended by a panic");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end(Duration::from_secs(1));
    }
}

fn check(samplers: &[Scheduled]) -> Result<(), SampleError> {
    let fail =
        |key: &str, what: String, remedy: &str| Err(SampleError::Config { key: key.to_owned(), what, remedy: remedy.to_owned() });
    if samplers.len() > MAX_SAMPLERS {
        return fail("samplers", format!("{} are more than {MAX_SAMPLERS}", samplers.len()), "give several values from one");
    }
    let mut names = BTreeSet::new();
    for Scheduled { name, interval, timeout, .. } in samplers {
        if !names.insert(name) {
            return fail(name, "there are two samplers of this name".to_owned(), "name each one differently");
        }
        if interval.is_zero() || timeout.is_zero() {
            return fail(name, "an interval or time-out of 0".to_owned(), "write at least 1s");
        }
    }
    Ok(())
}

/// The thread that keeps the plan.
struct Loop {
    shared: Arc<Shared>,
    outbox: Outbox,
    sender: SyncSender<SamplerReport>,
    plan: Plan,
    workers: BTreeMap<Id, Worker>,
    /// What the consumer has not taken yet: while there is something, nothing begins.
    unsent: VecDeque<SamplerReport>,
}

impl Loop {
    fn new(shared: Arc<Shared>, outbox: Outbox, sender: SyncSender<SamplerReport>) -> Self {
        Self { shared, outbox, sender, plan: Plan::default(), workers: BTreeMap::new(), unsent: VecDeque::new() }
    }

    fn run(mut self, alarm: &Alarm) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if !self.step() {
                break;
            }
            if let Err(error) = alarm.wait(self.wake_at()) {
                tracing::error!(%error, "the sampling ends: it can't wait for the next tick");
                break;
            }
        }
        self.end();
    }

    /// Breaks off what is going on, and gives the consumer what was seen.
    fn end(mut self) {
        let threads: Vec<_> = std::mem::take(&mut self.workers).into_values().filter_map(Worker::end).collect();
        let until = Instant::now() + *self.shared.grace.lock().unwrap_or_else(PoisonError::into_inner);
        while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            sleep(Duration::from_millis(1));
        }
        for (id, outcome, ended) in self.outbox.take() {
            self.unsent.extend(self.plan.ended(id, outcome, ended));
        }
        if self.send() && !self.unsent.is_empty() {
            tracing::warn!(reports = self.unsent.len(), "the sampling ends, and its consumer has left no room for these");
        }
    }

    /// Does what is due. Whether there still is a consumer.
    fn step(&mut self) -> bool {
        for (id, outcome, ended) in self.outbox.take() {
            self.unsent.extend(self.plan.ended(id, outcome, ended));
        }
        let now = self.outbox.now();
        let wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(samplers) = wanted {
            let actions = self.replace(samplers, now);
            self.act(actions);
        }
        if self.send() && self.unsent.is_empty() {
            let actions = self.plan.due(now);
            self.act(actions);
        }
        self.send()
    }

    /// Until when there is nothing to do.
    fn wake_at(&self) -> Option<Duration> {
        if self.unsent.is_empty() { self.plan.wake_at() } else { Some(self.outbox.now().steady + FULL) }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Report(report) => self.unsent.push_back(*report),
                Action::GiveUp(id) => self.workers.get(&id).into_iter().for_each(Worker::cancel),
                Action::Begin(id) => {
                    let Some(worker) = self.workers.get_mut(&id) else { continue };
                    if let Err(error) = worker.begin(&self.outbox) {
                        let now = self.outbox.now();
                        self.unsent.extend(self.plan.ended(id, (Vec::new(), vec![error]), now));
                    }
                }
            }
        }
    }

    fn replace(&mut self, samplers: Vec<Scheduled>, now: Now) -> Vec<Action> {
        let (mut keep, mut specs, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for Scheduled { name, interval, timeout, identity, sampler } in samplers {
            let spec = Spec { name: name.into(), identity, interval, timeout, metrics: sampler.metrics() };
            if let Some(id) = self.plan.same(&spec) {
                keep.push(id);
            } else {
                new.push((Arc::clone(&spec.name), timeout, sampler));
                specs.push(spec);
            }
        }
        let (ids, actions) = self.plan.replace(&keep, specs, now);
        // Those that are gone end after what they are doing; nobody waits for them.
        let (kept, gone) = std::mem::take(&mut self.workers).into_iter().partition(|(id, _)| keep.contains(id));
        self.workers = kept;
        let gone: BTreeMap<Id, Worker> = gone;
        for worker in gone.into_values() {
            drop(worker.end());
        }
        for (id, (name, timeout, sampler)) in ids.into_iter().zip(new) {
            self.workers.insert(id, Worker::new(id, name, timeout, sampler));
        }
        actions
    }

    /// Sends what there is to send, as far as there is room for it. Whether there still is a consumer.
    fn send(&mut self) -> bool {
        while let Some(report) = self.unsent.pop_front() {
            match self.sender.try_send(report) {
                Ok(()) => {}
                Err(TrySendError::Full(report)) => {
                    self.unsent.push_front(report);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        true
    }
}
