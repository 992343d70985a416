//! Tells the receivers, each in a thread of its own: one that hangs holds up nobody else, and its own come in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Incoming, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use dsmil_alert::{Due, Input, Notification};
use dsmil_notify::{Receiver, deliver};

use crate::MonitorError;

/// An attempt that a thread is to make.
#[derive(Debug)]
struct Attempt {
    notification: Notification,
    number: u32,
}

#[derive(Debug)]
struct Thread {
    receiver: Receiver,
    attempts: Sender<Attempt>,
    handle: JoinHandle<()>,
}

/// The threads that tell receivers.
pub(crate) struct Couriers {
    threads: BTreeMap<String, Thread>,
    /// What is under way: notification and receiver.
    under_way: BTreeSet<String>,
    outcomes: Incoming<Input>,
    sender: Sender<Input>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Couriers {
    /// None yet. `wake` is called when there is an outcome.
    pub(crate) fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, outcomes) = channel();
        Self { threads: BTreeMap::new(), under_way: BTreeSet::new(), outcomes, sender, wake }
    }

    /// From now on these. A thread whose receiver is gone or was changed ends after what it has begun.
    ///
    /// # Errors
    /// [`MonitorError::Thread`].
    pub(crate) fn replace(&mut self, receivers: &BTreeMap<String, Receiver>) -> Result<(), MonitorError> {
        self.threads.retain(|name, thread| receivers.get(name) == Some(&thread.receiver));
        for (name, receiver) in receivers {
            if !self.threads.contains_key(name) {
                let thread = self.start(receiver.clone())?;
                self.threads.insert(name.clone(), thread);
            }
        }
        Ok(())
    }

    fn start(&self, receiver: Receiver) -> Result<Thread, MonitorError> {
        let (attempts, incoming) = channel::<Attempt>();
        let (outcomes, wake, of) = (self.sender.clone(), Arc::clone(&self.wake), receiver.clone());
        let run = move || {
            for Attempt { notification, number } in incoming {
                let id = notification.id.clone();
                let outcome = match deliver(&of, &notification) {
                    Ok(_) => Input::Delivered { notification: id, attempt: number },
                    Err(error) => {
                        let (permanent, why) = (!error.is_retryable(), error.to_string());
                        tracing::warn!(receiver = notification.receiver, attempt = number, why, "somebody was not told");
                        Input::Failed { notification: id, attempt: number, permanent, why }
                    }
                };
                if outcomes.send(outcome).is_err() {
                    return;
                }
                wake();
            }
        };
        let name = "dsmil notify";
        let handle = Builder::new().name(name.to_owned()).spawn(run).map_err(|source| MonitorError::Thread { name, source })?;
        Ok(Thread { receiver, attempts, handle })
    }

    /// Hands out what is due, as far as it isn't under way.
    pub(crate) fn send(&mut self, due: &[Due<'_>]) {
        for Due { notification, attempt } in due {
            let Some(thread) = self.threads.get(&notification.receiver) else { continue };
            if self.under_way.insert(notification.id.clone()) {
                let attempt = Attempt { notification: (*notification).clone(), number: *attempt };
                if thread.attempts.send(attempt).is_err() {
                    tracing::error!(receiver = notification.receiver, "its thread has ended by a panic; a reload starts it anew");
                }
            }
        }
    }

    /// What became of attempts since it was asked last.
    pub(crate) fn outcomes(&mut self) -> Vec<Input> {
        let outcomes: Vec<Input> = self.outcomes.try_iter().collect();
        for outcome in &outcomes {
            if let Input::Delivered { notification, .. } | Input::Failed { notification, .. } = outcome {
                self.under_way.remove(notification);
            }
        }
        outcomes
    }

    /// Ends the threads: what is under way is waited for until `patience` has passed. What then became of it.
    pub(crate) fn end(&mut self, patience: Duration) -> Vec<Input> {
        let until = Instant::now() + patience;
        let handles: Vec<JoinHandle<()>> = std::mem::take(&mut self.threads).into_values().map(|thread| thread.handle).collect();
        while !self.under_way.is_empty() && handles.iter().any(|handle| !handle.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.outcomes()
    }
}
