//! One thing that is watched of one device, from its samples to what is usual; and how it is written down.

use std::collections::VecDeque;
use std::fmt::Write;

use dsmil_gate::Labels;
use serde::{Deserialize, Serialize};

use super::slope::{MOST_POINTS, Rate, Ratio, Slope};
use super::usual::{Held, Usual};
use super::{BaselineConfig, Unusual};

/// A sample that is older than the last by more than this shows that the clock was set back; one by less came late.
const SET_BACK: i64 = 600_000;

/// What comes before the judgement.
#[derive(Clone, Debug, PartialEq)]
enum Input {
    Plain,
    Slope(Slope),
    Rate(Rate),
    Ratio(Ratio),
}

/// Which metric a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Value,
    Errors,
    Requests,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    kind: Unusual,
    input: Input,
    usual: Usual,
    last_at: Option<i64>,
}

impl Series {
    pub(super) fn new(kind: Unusual) -> Self {
        Self { kind, input: Input::new(kind), usual: Usual::default(), last_at: None }
    }

    /// Takes a value. `None` for one that comes late, or gives nothing to judge yet. With what was judged.
    pub(super) fn push(&mut self, role: Role, at: i64, value: f64, config: &BaselineConfig) -> Option<(f64, Held)> {
        if self.is_late(role, at) {
            return None;
        }
        self.last_at = Some(at);
        let observed = match (&mut self.input, role) {
            (Input::Plain, _) => Some(value),
            (Input::Slope(slope), _) => slope.push(at, value, config.slope_window.as_millis()),
            (Input::Rate(rate), _) => rate.push(at, value),
            (Input::Ratio(ratio), Role::Errors) => ratio.push_errors(at, value),
            (Input::Ratio(ratio), _) => ratio.push_requests(at, value),
        }?;
        Some((observed, self.usual.judge(self.kind, at, observed, config)?))
    }

    fn is_late(&mut self, role: Role, at: i64) -> bool {
        let last = match (&self.input, role) {
            (Input::Ratio(ratio), Role::Errors) => ratio.errors.map(|(at, _)| at),
            (Input::Ratio(ratio), Role::Requests) => ratio.requests.map(|(at, _)| at),
            _ => self.last_at,
        };
        let Some(last) = last.filter(|last| at <= *last) else { return false };
        if last.saturating_sub(at) <= SET_BACK {
            return true;
        }
        // What came before the clock was set back gives no slope and no rate with what comes after.
        self.input = Input::new(self.kind);
        false
    }

    /// The device is gone for now. What is usual for it is kept. Whether it was being judged.
    pub(super) fn end(&mut self, config: &BaselineConfig) -> bool {
        self.input = Input::new(self.kind);
        self.usual.since = None;
        self.usual.values.len() >= config.warm_up
    }

    /// Forgets what was learnt. Whether it was being judged.
    pub(super) fn forget(&mut self, config: &BaselineConfig) -> bool {
        let judged = self.end(config);
        self.usual = Usual::default();
        judged
    }

    pub(super) fn save(&self, labels: &Labels) -> Saved {
        let mut points = Vec::new();
        match &self.input {
            Input::Plain => {}
            Input::Slope(Slope(all)) => points.extend(all.iter().map(|point| Some(*point))),
            Input::Rate(Rate(last)) => points.push(*last),
            Input::Ratio(ratio) => {
                points.extend([ratio.errors, ratio.requests]);
                points.extend(ratio.before.map(|(errors, _)| Some((0, errors))));
                points.extend(ratio.before.map(|(_, requests)| Some((0, requests))));
            }
        }
        Saved {
            labels: labels.clone(),
            kind: self.kind,
            last_at: self.last_at,
            since: self.usual.since,
            points: points.into_iter().map(|point| point.map(|(at, value)| (at, Bits::of(value)))).collect(),
            reference: self.usual.reference.map(|(median, scale)| (Bits::of(median), Bits::of(scale))),
            values: hex(&self.usual.values),
        }
    }
}

/// 16 digits for each value.
fn hex(values: &VecDeque<f64>) -> String {
    let mut text = String::with_capacity(16 * values.len());
    for value in values {
        _ = write!(text, "{:016x}", value.to_bits());
    }
    text
}

impl Input {
    fn new(kind: Unusual) -> Self {
        match kind {
            Unusual::Latency => Self::Plain,
            Unusual::ErrorRate => Self::Ratio(Ratio::default()),
            Unusual::TemperatureSlope => Self::Slope(Slope::default()),
            Unusual::AccessRate => Self::Rate(Rate::default()),
        }
    }
}

/// A number to the last bit, which a decimal one in JSON is not for every reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bits(u64);

impl Bits {
    fn of(value: f64) -> Self {
        Self(value.to_bits())
    }

    fn value(self) -> Option<f64> {
        Some(f64::from_bits(self.0)).filter(|value| value.is_finite())
    }
}

/// One series, written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    pub(super) labels: Labels,
    pub(super) kind: Unusual,
    last_at: Option<i64>,
    since: Option<i64>,
    points: Vec<Option<(i64, Bits)>>,
    reference: Option<(Bits, Bits)>,
    /// 16 hex digits for each.
    values: String,
}

impl Saved {
    /// The series, with at most the newest `window` values; `None` if it contradicts itself.
    pub(super) fn restore(self, window: usize) -> Option<Series> {
        let Self { kind, last_at, since, .. } = self;
        let hex = self.values.as_bytes();
        if !hex.len().is_multiple_of(16) {
            return None;
        }
        let value = |digits: &[u8]| Bits(u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?).value();
        let mut values = hex.chunks_exact(16).map(value).collect::<Option<VecDeque<f64>>>()?;
        values.drain(..values.len().saturating_sub(window));
        let reference = match self.reference {
            Some((median, scale)) => Some((median.value()?, scale.value().filter(|scale| *scale > 0.0)?)),
            None => None,
        };
        let point = |point: Option<(i64, Bits)>| match point {
            Some((at, bits)) => Some(Some((at, bits.value()?))),
            None => Some(None),
        };
        let points = self.points.into_iter().map(point).collect::<Option<Vec<_>>>()?;
        let input = match (kind, points.as_slice()) {
            (Unusual::Latency, []) => Input::Plain,
            (Unusual::TemperatureSlope, points) if points.len() <= MOST_POINTS => {
                let points = points.iter().copied().collect::<Option<VecDeque<_>>>()?;
                let in_order = points.iter().zip(points.iter().skip(1)).all(|(one, next)| one.0 < next.0);
                in_order.then_some(Input::Slope(Slope(points)))?
            }
            (Unusual::AccessRate, [last]) => Input::Rate(Rate(*last)),
            (Unusual::ErrorRate, [errors, requests]) => {
                Input::Ratio(Ratio { errors: *errors, requests: *requests, before: None })
            }
            (Unusual::ErrorRate, [errors, requests, Some((_, before)), Some((_, asked))]) => {
                Input::Ratio(Ratio { errors: *errors, requests: *requests, before: Some((*before, *asked)) })
            }
            _ => return None,
        };
        Some(Series { kind, input, usual: Usual::restore(values, reference, since), last_at })
    }
}
