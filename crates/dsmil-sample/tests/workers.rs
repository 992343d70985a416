//! The program's own workers.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "counts are whole")]

mod common;

use common::{value, well};
use dsmil_gate::{Measurement, is_stale};
use dsmil_sample::{WorkerState, Workers, WorkersSampler};

fn state(seen: &[Measurement], worker: &str) -> f64 {
    value(seen, "worker_state", &[("worker", worker)])
}

#[test]
fn workers_are_counted_and_each_has_its_state() {
    let workers = Workers::new();
    let mut sampler = WorkersSampler::new(workers.clone());
    let seen = well(&mut sampler);
    assert_eq!((value(&seen, "active_workers", &[]), seen.len()), (0.0, 1), "none is a number too");
    let (one, _two) = (workers.enter("one"), workers.enter("two"));
    workers.set("three", WorkerState::Stopped);
    let seen = well(&mut sampler);
    assert_eq!(value(&seen, "active_workers", &[]), 2.0);
    assert_eq!((state(&seen, "one"), state(&seen, "three")), (2.0, 0.0));
    drop(one);
    assert_eq!(state(&well(&mut sampler), "one"), 1.0);
    let handle = workers.clone();
    let panics = std::thread::spawn(move || {
        let _working = handle.enter("one");
        panic!("on purpose");
    });
    assert!(panics.join().is_err());
    let seen = well(&mut sampler);
    assert_eq!((state(&seen, "one"), workers.active()), (3.0, 1));
}

#[test]
fn one_that_is_taken_out_ends_once_and_may_come_back() {
    let workers = Workers::new();
    let mut sampler = WorkersSampler::new(workers.clone());
    workers.set("one", WorkerState::Active);
    well(&mut sampler);
    workers.remove("one");
    workers.remove("nobody");
    let seen = well(&mut sampler);
    assert!(is_stale(state(&seen, "one")) && seen.len() == 2, "{seen:?}");
    assert_eq!(well(&mut sampler).len(), 1);
    workers.set("one", WorkerState::Idle);
    workers.remove("one");
    workers.set("one", WorkerState::Active);
    assert_eq!(state(&well(&mut sampler), "one"), 2.0);
}
