//! What is usual for one series of values: median and median deviation of the last ones that were usual.

use std::collections::VecDeque;

use super::{BaselineConfig, Judgement, Reason, Unusual};

/// A median deviation of 1 is a standard deviation of this, where values are distributed normally.
const NORMAL: f64 = 1.4826;
/// The scale is at least this part of the median: nothing is so steady that less would mean anything.
const LEAST_PART: f64 = 0.02;

/// The last usual values of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usual {
    /// The oldest first.
    pub(crate) values: VecDeque<f64>,
    /// The same, the smallest first.
    sorted: Vec<f64>,
    /// Median and scale when the window was full for the first time, against which drift is measured.
    pub(crate) reference: Option<(f64, f64)>,
    /// Since when it has been unusual without a break.
    pub(crate) since: Option<i64>,
}

/// What a value was held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) judgement: Judgement,
    pub(crate) expected: f64,
    pub(crate) deviation: f64,
    pub(crate) since: Option<i64>,
}

impl Usual {
    /// From what was saved.
    pub(crate) fn restore(values: VecDeque<f64>, reference: Option<(f64, f64)>, since: Option<i64>) -> Self {
        let mut sorted: Vec<_> = values.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        Self { values, sorted, reference, since }
    }

    /// Judges a value, and learns it if it is usual. `None` while too little is known.
    pub(crate) fn judge(&mut self, kind: Unusual, at: i64, value: f64, config: &BaselineConfig) -> Option<Held> {
        if self.values.len() < config.warm_up {
            self.learn(value, config.window, kind);
            return None;
        }
        let (median, scale) = self.centre(kind);
        let deviation = (value - median) / scale;
        let is_jump = if kind.is_worse_above_only() { deviation } else { deviation.abs() } > config.factor;
        if !is_jump {
            self.learn(value, config.window, kind);
        }
        let drift = if is_jump { None } else { self.drift(kind, config) };
        let reason = if is_jump { Some(Reason::Jump) } else { drift.map(|_| Reason::Drift) };
        let (expected, deviation) = drift.unwrap_or((median, deviation));
        let Some(reason) = reason else {
            self.since = None;
            return Some(Held { judgement: Judgement::Usual, expected, deviation, since: None });
        };
        // A clock that was set back: the time to wait begins anew.
        let since = self.since.map_or(at, |since| since.min(at));
        if at.saturating_sub(since) >= config.adopt_after.as_millis() {
            return Some(self.adopt(reason, kind, value, config));
        }
        self.since = Some(since);
        Some(Held { judgement: Judgement::Unusual(reason), expected, deviation, since: Some(since) })
    }

    /// What has been unusual for so long is the usual from here on.
    fn adopt(&mut self, reason: Reason, kind: Unusual, value: f64, config: &BaselineConfig) -> Held {
        self.since = None;
        if reason == Reason::Drift {
            self.reference = Some(self.centre(kind));
            return Held { judgement: Judgement::Usual, expected: self.centre(kind).0, deviation: 0.0, since: None };
        }
        *self = Self::default();
        self.learn(value, config.window, kind);
        Held { judgement: Judgement::Ended, expected: value, deviation: 0.0, since: None }
    }

    /// What was learnt at first, and how far the median is from it, if it is too far.
    fn drift(&self, kind: Unusual, config: &BaselineConfig) -> Option<(f64, f64)> {
        let (reference, scale) = self.reference?;
        let moved = self.centre(kind).0 - reference;
        let bound = (config.drift_percent / 100.0 * reference.abs()).max(config.factor * scale);
        let size = if kind.is_worse_above_only() { moved } else { moved.abs() };
        (size > bound).then_some((reference, moved / scale))
    }

    /// Median and scale.
    fn centre(&self, kind: Unusual) -> (f64, f64) {
        let median = median(&self.sorted);
        let scale = (NORMAL * median_deviation(&self.sorted, median)).max(LEAST_PART * median.abs()).max(kind.least_scale());
        (median, scale)
    }

    fn learn(&mut self, value: f64, window: usize, kind: Unusual) {
        while self.values.len() >= window {
            let Some(oldest) = self.values.pop_front() else { break };
            let place = self.sorted.partition_point(|other| other.total_cmp(&oldest).is_lt());
            self.sorted.remove(place);
        }
        self.values.push_back(value);
        let place = self.sorted.partition_point(|other| other.total_cmp(&value).is_lt());
        self.sorted.insert(place, value);
        if self.reference.is_none() && self.values.len() == window {
            self.reference = Some(self.centre(kind));
        }
    }
}

/// Of sorted values; 0 for none.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => sorted[middle - 1].midpoint(sorted[middle]),
    }
}

/// The median of the distances to the median, in one walk outwards from it.
fn median_deviation(sorted: &[f64], median: f64) -> f64 {
    let mut right = sorted.partition_point(|value| *value < median);
    let mut left = right;
    let (mut last, mut before) = (0.0, 0.0);
    for _ in 0..=sorted.len() / 2 {
        let below = left.checked_sub(1).map(|index| median - sorted[index]);
        let above = sorted.get(right).map(|value| value - median);
        before = last;
        last = match (below, above) {
            (Some(below), Some(above)) if below <= above => take_below(&mut left, below),
            (Some(below), None) => take_below(&mut left, below),
            (_, Some(above)) => {
                right += 1;
                above
            }
            (None, None) => last,
        };
    }
    if sorted.len() % 2 == 1 { last } else { before.midpoint(last) }
}

fn take_below(left: &mut usize, below: f64) -> f64 {
    *left -= 1;
    below
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the same values in another order, to the last bit")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slowly(values: &[f64]) -> (f64, f64) {
        let middle = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            let half = values.len() / 2;
            if values.len() % 2 == 1 { values[half] } else { values[half - 1].midpoint(values[half]) }
        };
        let median = middle(values.to_vec());
        (median, middle(values.iter().map(|value| (value - median).abs()).collect()))
    }

    proptest! {
        #[test]
        fn the_walk_outwards_finds_what_sorting_finds(values in prop::collection::vec(-5i16..5, 1..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (middle, deviation) = slowly(&values);
            prop_assert_eq!(median(&sorted), middle);
            prop_assert_eq!(median_deviation(&sorted, middle), deviation);
        }

        #[test]
        fn the_sorted_window_is_the_window_sorted(values in prop::collection::vec(-1e6f64..1e6, 1..80)) {
            let mut usual = Usual::default();
            for value in values {
                usual.learn(value, 16, Unusual::Latency);
            }
            let again = Usual::restore(usual.values.clone(), usual.reference, usual.since);
            prop_assert!(usual.values.len() <= 16);
            prop_assert_eq!(usual, again);
        }
    }
}
