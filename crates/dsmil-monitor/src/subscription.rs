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

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
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
            let waited = match deadline {
                Some(deadline) => self.shared.changed.wait_until(&mut queue, deadline).timed_out(),
                None => {
                    self.shared.changed.wait(&mut queue);
                    false
                }
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
    subscribers: Mutex<Vec<Weak<Shared>>>,
}

impl Hub {
    pub(crate) fn subscribe(&self) -> Subscription {
        let shared = Arc::new(Shared::default());
        self.subscribers.lock().push(Arc::downgrade(&shared));
        Subscription { shared }
    }

    pub(crate) fn publish(&self, step: &Arc<Step>) {
        self.for_each(|queue| {
            if queue.steps.len() == MAX_WAITING_STEPS {
                queue.steps.pop_front();
                queue.missed += 1;
            }
            queue.steps.push_back(Arc::clone(step));
        });
    }

    pub(crate) fn end(&self) {
        self.for_each(|queue| queue.ended = true);
    }

    /// Does something to every reader that is still there, and wakes it.
    fn for_each(&self, mut change: impl FnMut(&mut Queue)) {
        self.subscribers.lock().retain(|subscriber| {
            let Some(shared) = subscriber.upgrade() else { return false };
            change(&mut shared.queue.lock());
            shared.changed.notify_all();
            true
        });
    }
}
