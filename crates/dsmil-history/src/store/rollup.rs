//! What many samples come to.

use dsmil_gate::{Sample, is_stale};
use serde::Serialize;

/// Milliseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000;
/// Milliseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000;

/// The samples of a minute or an hour in one line. NaN and stale markers are no values and are left out; a minute that has
/// nothing else has no roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rollup {
    /// How many values, at least 1.
    pub count: u64,
    /// Their sum, added in the order of time.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The newest.
    pub last: f64,
}

impl Rollup {
    fn of(value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value, last: value }
    }

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.last = value;
        // Not f64::min: of -0 and 0 the first stays, so that the same samples come to the same bits.
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
    }

    /// The mean.
    pub fn average(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// A minute, by its beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Minute {
    pub at: i64,
    pub rollup: Rollup,
}

/// The hour that a time lies in, counted from the epoch.
pub(crate) fn hour_of(at: i64) -> i64 {
    at.div_euclid(HOUR)
}

/// The minutes of samples that are ordered by time.
pub(crate) fn minutes(samples: &[Sample]) -> Vec<Minute> {
    let mut minutes: Vec<Minute> = Vec::new();
    for sample in values(samples) {
        let at = sample.at.div_euclid(MINUTE) * MINUTE;
        match minutes.last_mut() {
            Some(minute) if minute.at == at => minute.rollup.add(sample.value),
            _ => minutes.push(Minute { at, rollup: Rollup::of(sample.value) }),
        }
    }
    minutes
}

/// All of the samples, which are ordered by time, in one; `None` if none of them is a value.
pub(crate) fn whole(samples: &[Sample]) -> Option<Rollup> {
    let mut values = values(samples);
    let mut rollup = Rollup::of(values.next()?.value);
    values.for_each(|sample| rollup.add(sample.value));
    Some(rollup)
}

fn values(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(|sample| !sample.value.is_nan() && !is_stale(sample.value))
}

/// Puts samples that came later among those that were there. All are ordered by time; where both have one, the first stays.
pub(crate) fn merge(kept: Vec<Sample>, later: &[Sample]) -> Vec<Sample> {
    if kept.last().zip(later.first()).is_none_or(|(last, first)| last.at < first.at) {
        let mut all = kept;
        all.extend_from_slice(later);
        return all;
    }
    let mut all = Vec::with_capacity(kept.len() + later.len());
    let mut later = later.iter().peekable();
    for sample in kept {
        while let Some(earlier) = later.next_if(|other| other.at < sample.at) {
            all.push(*earlier);
        }
        later.next_if(|other| other.at == sample.at);
        all.push(sample);
    }
    all.extend(later);
    all
}
