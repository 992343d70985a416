//! What a rule's function makes of a series at a time, with the meaning that Prometheus 2.42 gives it.

use std::cmp::Ordering;

use crate::rule::{Function, Rule};
use crate::samples::{Sample, Series, is_stale};

/// What was seen: the value, and the samples behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The function's value; NaN if that is what it yields.
    pub value: f64,
    /// The time of the first sample that was used, in milliseconds since the Unix epoch.
    pub from: i64,
    /// The time of the last.
    pub to: i64,
    /// How many were used.
    pub count: u32,
}

/// The rule's view of one series at `now`, or `None` where it has nothing to go by. `scratch` is room for sorting.
#[inline]
pub(crate) fn observe(rule: &Rule, series: &Series, now: i64, scratch: &mut Vec<f64>) -> Option<Observation> {
    if let Some(window) = rule.window {
        return observe_window(rule, window, series, now, scratch);
    }
    let sample = series.newest(now)?;
    let usable = sample.at >= now.saturating_sub(rule.staleness) && !is_stale(sample.value);
    usable.then_some(Observation { value: sample.value, from: sample.at, to: sample.at, count: 1 })
}

fn observe_window(rule: &Rule, window: i64, series: &Series, now: i64, scratch: &mut Vec<f64>) -> Option<Observation> {
    // Both ends belong to the window, as up to Prometheus 2.x; stale markers don't count.
    let samples = series.between(now.saturating_sub(window), now);
    let used = || samples.iter().copied().filter(|sample| !is_stale(sample.value));
    let (first, last) = (used().next()?, used().next_back()?);
    let count = used().count();
    let value = match rule.function {
        Function::Last => last.value,
        Function::Absent => 1.0,
        Function::Avg => average(used()),
        Function::Min => extreme(used(), |new, best| new < best),
        Function::Max => extreme(used(), |new, best| new > best),
        Function::Quantile(q) => {
            scratch.clear();
            scratch.extend(used().map(|sample| sample.value));
            quantile(q, scratch)
        }
        Function::Rate => increase(used(), (first, last), count, now, window)?.over(window),
        Function::Increase => increase(used(), (first, last), count, now, window)?.total(),
    };
    Some(Observation { value, from: first.at, to: last.at, count: u32::try_from(count).unwrap_or(u32::MAX) })
}

/// The mean, step by step with a compensated sum, so that large values neither overflow nor swallow small ones.
fn average(samples: impl Iterator<Item = Sample>) -> f64 {
    let (mut mean, mut lost, mut count) = (0.0f64, 0.0f64, 0.0f64);
    for Sample { value, .. } in samples {
        count += 1.0;
        // An infinite mean can't move, except to NaN when a NaN or the other infinity comes.
        if mean.is_infinite() && (value.is_finite() || (value.is_infinite() && (mean > 0.0) == (value > 0.0))) {
            continue;
        }
        let step = value / count - mean / count;
        let sum = mean + step;
        lost += if mean.abs() >= step.abs() { (mean - sum) + step } else { (step - sum) + mean };
        mean = sum;
    }
    if mean.is_infinite() { mean } else { mean + lost }
}

/// The greatest or least; a NaN only if there is nothing else.
fn extreme(samples: impl Iterator<Item = Sample>, better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut values = samples.map(|sample| sample.value);
    let first = values.next().unwrap_or(f64::NAN);
    values.fold(first, |best, value| if better(value, best) || best.is_nan() { value } else { best })
}

/// Linear between the two nearest ranks; NaN sorts below everything.
fn quantile(q: f64, values: &mut [f64]) -> f64 {
    values.sort_unstable_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
    });
    let top = values.len().saturating_sub(1);
    let rank = q * top as f64;
    let weight = rank - rank.floor();
    // q lies from 0 to 1, so that the rank is never below 0 nor above the top.
    #[expect(clippy::cast_sign_loss, reason = "the rank is not negative")]
    let lower = (rank.floor() as usize).min(top);
    let upper = (lower + 1).min(top);
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// What a counter grew by, before it is stretched to the whole window.
struct Growth {
    seen: f64,
    factor: f64,
}

impl Growth {
    fn total(&self) -> f64 {
        self.seen * self.factor
    }

    fn over(&self, window: i64) -> f64 {
        self.seen * (self.factor / (window as f64 / 1000.0))
    }
}

/// The growth of a counter; a value below the one before is a restart from zero. `None` with less than two samples.
fn increase(
    samples: impl Iterator<Item = Sample>,
    (first, last): (Sample, Sample),
    count: usize,
    now: i64,
    window: i64,
) -> Option<Growth> {
    if count < 2 {
        return None;
    }
    let (mut seen, mut previous) = (last.value - first.value, first.value);
    for sample in samples.skip(1) {
        if sample.value < previous {
            seen += previous;
        }
        previous = sample.value;
    }
    Some(Growth { seen, factor: stretch(first, last, seen, count, now, window) })
}

fn stretch(first: Sample, last: Sample, grown: f64, count: usize, now: i64, window: i64) -> f64 {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let mut to_start = seconds(first.at - now.saturating_sub(window));
    let to_end = seconds(now - last.at);
    let covered = seconds(last.at - first.at);
    let between = covered / (count - 1) as f64;
    if grown > 0.0 && first.value >= 0.0 {
        // A counter was never below zero: it can't be followed further back than to there.
        to_start = to_start.min(covered * (first.value / grown));
    }
    // A sample that is about one interval from the edge means that the series goes on to the edge.
    let near = between * 1.1;
    let reach = |distance: f64| if distance < near { distance } else { between / 2.0 };
    (covered + reach(to_start) + reach(to_end)) / covered
}
