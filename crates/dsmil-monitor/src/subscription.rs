//! Who wants to see each step as it is taken. A slow reader loses steps and is told how many; it never holds the watch up.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::core::Step;

/// So many steps wait for a reader, then the oldest is dropped.
pub const MAX_WAITING_STEPS: usize = 1024;

#[derive(Debug, Default)]
struct Queue {
    steps: VecDeque<Arc<Step>>,
    missed: u64,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// The steps of a monitor from here on, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
}

/// What a subscription gives.
#[derive(Clone, Debug)]
pub enum Next {
    /// A step, and how many were dropped before it because nobody read them.
    Step(Arc<Step>, u64),
    /// None came in time.
    TimedOut,
    /// The monitor has ended, and everything was read.
    Ended,
}

impl Subscription {
    /// The next step. Blocks for `patience` at most.
    pub fn next(&self, patience: Duration) -> Next {
        let deadline = Instant::now().checked_add(patience);
        let mut queue = self.shared.queue.lock();
        loop {
            if let Some(step) = queue.steps.pop_front() {
                return Next::Step(step, std::mem::take(&mut queue.missed));
            }
            if queue.ended {
                return Next::Ended;
            }
            let waited = if let Some(deadline) = deadline {
                self.shared.changed.wait_until(&mut queue, deadline).timed_out()
            } else {
                self.shared.changed.wait(&mut queue);
                false
            };
            if waited && queue.steps.is_empty() && !queue.ended {
                return Next::TimedOut;
            }
        }
    }
}

/// The other end of all subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    queues: Vec<Weak<Shared>>,
    ended: bool,
}

impl Hub {
    /// What is published from here on; one that comes after the end finds the end.
    pub(crate) fn subscribe(&self, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Subscription {
        let shared = Arc::new(Shared { wake, ..Shared::default() });
        let mut readers = self.readers.lock();
        shared.queue.lock().ended = readers.ended;
        readers.queues.push(Arc::downgrade(&shared));
        Subscription { shared }
    }

    pub(crate) fn publish(&self, step: &Arc<Step>) {
        self.readers.lock().for_each(|queue| {
            if queue.steps.len() == MAX_WAITING_STEPS {
                queue.steps.pop_front();
                queue.missed += 1;
            }
            queue.steps.push_back(Arc::clone(step));
        });
    }

    pub(crate) fn end(&self) {
        let mut readers = self.readers.lock();
        readers.ended = true;
        readers.for_each(|queue| queue.ended = true);
    }
}

impl Readers {
    /// Does something to every reader that is still there, and wakes it.
    fn for_each(&mut self, mut change: impl FnMut(&mut Queue)) {
        self.queues.retain(|reader| {
            let Some(shared) = reader.upgrade() else { return false };
            change(&mut shared.queue.lock());
            shared.changed.notify_all();
            if let Some(wake) = &shared.wake {
                wake();
            }
            true
        });
    }
}
