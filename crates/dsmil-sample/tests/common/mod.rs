//! What the tests of this crate share.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(unreachable_pub, reason = "a module of every test binary")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use dsmil_gate::{Labels, Measurement};
use dsmil_sample::{SampleError, Sampler, SystemClock, sample_once};

/// More than anything takes that is not meant to hang.
pub const LONG: Duration = Duration::from_secs(10);

/// One sample with time enough.
pub fn sample(sampler: &mut dyn Sampler) -> (Vec<Measurement>, Vec<SampleError>) {
    sample_once(sampler, &SystemClock, LONG)
}

/// One sample in which nothing may go wrong.
pub fn well(sampler: &mut dyn Sampler) -> Vec<Measurement> {
    let (measurements, errors) = sample(sampler);
    assert!(errors.is_empty(), "{errors:?}");
    measurements
}

/// One sample in which one thing, and one only, goes wrong: how it is told.
pub fn wrong(sampler: &mut dyn Sampler) -> String {
    let (_, errors) = sample(sampler);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].to_string()
}

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

/// The value of a series.
pub fn value(measurements: &[Measurement], metric: &str, pairs: &[(&str, &str)]) -> f64 {
    let wanted = labels(pairs);
    let mut found = measurements.iter().filter(|seen| seen.metric == metric && seen.labels == wanted);
    let value = found.next().unwrap_or_else(|| panic!("no {metric}{wanted} in {measurements:#?}")).value;
    assert!(found.next().is_none(), "two of {metric}{wanted}");
    value
}

pub fn has(measurements: &[Measurement], metric: &str) -> bool {
    measurements.iter().any(|seen| seen.metric == metric)
}

/// Writes a file and the folders above it.
pub fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
