//! What several tests need.

#![allow(dead_code, unreachable_pub)]

use std::path::Path;

use dsmil_gate::{Labels, Measurement};
use dsmil_history::{Batch, Query, Resolution, SeriesPoints, StateDir, Store, StoreOptions};

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 86_400_000;

/// 2026-11-21T00:00:00Z, the beginning of a day.
pub const START: i64 = 1_795_219_200_000;

/// Options whose ballast takes no time.
pub fn options() -> StoreOptions {
    StoreOptions { ballast_bytes: 0, ..StoreOptions::default() }
}

/// A directory in memory, if there is one: what only a power failure would show is not tested by waiting for a disk.
pub fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A store with the directory that it holds.
pub struct Held {
    pub store: Store,
    pub dir: StateDir,
}

pub fn open(path: &Path, options: &StoreOptions) -> Held {
    let dir = StateDir::hold(path).unwrap();
    Held { store: Store::open(&dir, options).unwrap(), dir }
}

pub fn sample(metric: &'static str, device: &str, at: i64, value: f64) -> Measurement {
    let labels: Labels = [("device", device)].into_iter().filter(|(_, device)| !device.is_empty()).collect();
    Measurement::new(metric, at, value).with_labels(labels)
}

pub fn put(store: &mut Store, samples: &[Measurement]) {
    let committed = store.commit(&Batch { samples, ..Batch::default() }).unwrap();
    assert_eq!(committed.refused, 0);
}

/// Maintains until nothing is left to do.
pub fn settle(store: &mut Store, now: i64) {
    while store.maintain(now).unwrap().more {}
}

pub fn ask(store: &dsmil_history::Reader, metric: &str, from: i64, to: i64, resolution: Resolution) -> Vec<SeriesPoints> {
    store.query(&Query { resolution, ..Query::new(metric, from, to) }).unwrap()
}

/// By series: the times and the bits of the values.
pub type Bits = Vec<(String, Vec<(i64, Vec<u64>)>)>;

/// Everything that the points say, so that NaN equals itself.
pub fn bits(found: &[SeriesPoints]) -> Bits {
    let point = |point: &dsmil_history::Point| {
        let values = point.rollup.map_or(vec![point.value], |r| vec![r.count as f64, r.sum, r.min, r.max, r.last, point.value]);
        (point.at, values.into_iter().map(f64::to_bits).collect())
    };
    found
        .iter()
        .map(|series| (format!("{}{}", series.metric, series.labels), series.points.iter().map(point).collect()))
        .collect()
}
