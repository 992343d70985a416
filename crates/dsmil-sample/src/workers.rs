//! Workers: threads or processes of the program that say themselves what they do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use dsmil_gate::Measurement;

use crate::sampler::label;
use crate::{Batch, SampleError, Sampler};

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// 0: it has ended.
    Stopped,
    /// 1: it waits for work.
    Idle,
    /// 2: it works.
    Active,
    /// 3: it has failed.
    Failed,
}

impl WorkerState {
    /// The value of `worker_state`.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// The workers there are, for whoever starts them to keep. Cloning gives another handle on the same.
#[derive(Clone, Debug, Default)]
pub struct Workers(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    states: BTreeMap<String, WorkerState>,
    /// Taken out on purpose, and not reported yet.
    removed: BTreeSet<String>,
}

impl Workers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what a worker does now; a name that is new is a new worker.
    pub fn set(&self, worker: &str, state: WorkerState) {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registry.removed.remove(worker);
        registry.states.insert(worker.to_owned(), state);
    }

    /// Takes a worker out: from now on it isn't missed.
    pub fn remove(&self, worker: &str) {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if registry.states.remove(worker).is_some() {
            registry.removed.insert(worker.to_owned());
        }
    }

    /// Begins some work: the worker is active until the guard is dropped, and then idle.
    #[must_use = "the work ends when the guard is dropped"]
    pub fn enter(&self, worker: &str) -> Working {
        self.set(worker, WorkerState::Active);
        Working { workers: self.clone(), worker: worker.to_owned() }
    }

    /// How many are active.
    pub fn active(&self) -> usize {
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registry.states.values().filter(|state| **state == WorkerState::Active).count()
    }
}

/// Work that is going on: see [`Workers::enter`]. Dropped by a panic, it leaves the worker failed.
#[derive(Debug)]
pub struct Working {
    workers: Workers,
    worker: String,
}

impl Drop for Working {
    fn drop(&mut self) {
        let state = if std::thread::panicking() { WorkerState::Failed } else { WorkerState::Idle };
        self.workers.set(&self.worker, state);
    }
}

/// `active_workers`, and `worker_state{worker}`: 0 stopped, 1 idle, 2 active, 3 failed.
#[derive(Debug)]
pub struct WorkersSampler {
    workers: Workers,
}

impl WorkersSampler {
    /// Reports these.
    pub fn new(workers: Workers) -> Self {
        Self { workers }
    }
}

impl Sampler for WorkersSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        vec!["active_workers".into(), "worker_state".into()]
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let at = batch.now();
        let mut registry = self.workers.0.lock().unwrap_or_else(PoisonError::into_inner);
        let active = registry.states.values().filter(|state| **state == WorkerState::Active).count();
        batch.add("active_workers", at, active as f64);
        for (worker, state) in &registry.states {
            batch.add_with("worker_state", &label("worker", worker), at, f64::from(state.number()));
        }
        for worker in std::mem::take(&mut registry.removed) {
            batch.push(Measurement::stale("worker_state", label("worker", worker), at));
        }
        Ok(())
    }
}
