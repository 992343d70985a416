//! From what is sampled to what is judged: slopes, rates, and errors a request.

use std::collections::VecDeque;

/// Points that a slope is taken of: more than a sample a second in five minutes.
pub(super) const MOST_POINTS: usize = 512;
const FEWEST_POINTS: usize = 4;

/// The slope of the last points, by least squares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slope(pub(super) VecDeque<(i64, f64)>);

impl Slope {
    /// The slope a minute over the window; `None` with fewer than four points or over less than half of it.
    pub(super) fn push(&mut self, at: i64, value: f64, window: i64) -> Option<f64> {
        let Self(points) = self;
        while points.len() >= MOST_POINTS || points.front().is_some_and(|(oldest, _)| at.saturating_sub(*oldest) > window) {
            points.pop_front();
        }
        points.push_back((at, value));
        let (oldest, _) = points.front()?;
        if points.len() < FEWEST_POINTS || at - oldest < window / 2 {
            return None;
        }
        let minutes = |time: i64| (time - at) as f64 / 60_000.0;
        let count = points.len() as f64;
        let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), (time, value)| (x + minutes(*time), y + value));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (mut above, mut below) = (0.0, 0.0);
        for (time, value) in points.iter() {
            let x = minutes(*time) - mean_x;
            above += x * (value - mean_y);
            below += x * x;
        }
        Some(above / below).filter(|slope| slope.is_finite())
    }
}

/// A counter's growth a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate(pub(super) Option<(i64, f64)>);

impl Rate {
    /// The growth since the last value; `None` for the first, and for a counter that began anew.
    pub(super) fn push(&mut self, at: i64, value: f64) -> Option<f64> {
        let (before, last) = self.0.replace((at, value))?;
        let seconds = at.saturating_sub(before) as f64 / 1000.0;
        Some((value - last) / seconds).filter(|rate| rate.is_finite() && *rate >= 0.0)
    }
}

/// Errors a request, from two counters that are read at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ratio {
    pub(super) errors: Option<(i64, f64)>,
    pub(super) requests: Option<(i64, f64)>,
    /// Both, when they were last read together.
    pub(super) before: Option<(f64, f64)>,
}

impl Ratio {
    pub(super) fn push_errors(&mut self, at: i64, value: f64) -> Option<f64> {
        self.errors = Some((at, value));
        self.pair()
    }

    pub(super) fn push_requests(&mut self, at: i64, value: f64) -> Option<f64> {
        self.requests = Some((at, value));
        self.pair()
    }

    /// The part of the requests that failed since both were read before; `None` if there was none, or a counter began anew.
    fn pair(&mut self) -> Option<f64> {
        let ((at, errors), (other, requests)) = (self.errors?, self.requests?);
        if at != other {
            return None;
        }
        let (errors_before, requests_before) = self.before.replace((errors, requests))?;
        let (failed, asked) = (errors - errors_before, requests - requests_before);
        (failed >= 0.0 && asked > 0.0).then(|| failed / asked).filter(|ratio| ratio.is_finite())
    }
}
