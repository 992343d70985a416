//! A rule: which metric, seen how, fails when, and what follows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::samples::Labels;

/// What a rule makes of the samples that it looks at. The meaning of each is that of Prometheus 2.42.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// The newest sample that is not older than the rule's staleness.
    Last,
    /// `avg_over_time`.
    Avg,
    /// `min_over_time`.
    Min,
    /// `max_over_time`.
    Max,
    /// `quantile_over_time`, with the quantile from 0 to 1.
    Quantile(f64),
    /// `rate`, per second, with counter resets and extrapolation.
    Rate,
    /// `increase`, with counter resets and extrapolation.
    Increase,
    /// `absent`, or with a window `absent_over_time`: fails when nothing is there.
    Absent,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Op {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `>`
    #[serde(rename = ">")]
    More,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    Different,
}

impl Op {
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::Different),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// Whether the comparison holds, as IEEE 754 and Prometheus have it: with a NaN only `!=` does.
    #[inline]
    #[expect(clippy::float_cmp, reason = "== and != are exact in Prometheus too")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::More => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::Different => value != bound,
        }
    }

    /// The operator that holds for every number for which this one doesn't.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::Less => Self::AtLeast,
            Self::AtMost => Self::More,
            Self::More => Self::AtMost,
            Self::AtLeast => Self::Less,
            Self::Equal => Self::Different,
            Self::Different => Self::Equal,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, op)| op == self).map_or("", |(text, _)| text))
    }
}

/// When a value fails. A `require` of the file is kept as its opposite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The value compares so with the bound.
    Compare(Op, f64),
    /// The value lies from the first to the second, both included.
    Inside(f64, f64),
    /// The value lies below the first or above the second.
    Outside(f64, f64),
    /// Nothing is there: the condition of [`Function::Absent`].
    Absent,
}

impl Condition {
    /// Whether this value fails. [`Condition::Absent`] is not decided by a value.
    #[inline]
    pub fn fails(self, value: f64) -> bool {
        match self {
            Self::Compare(op, bound) => op.holds(value, bound),
            Self::Inside(low, high) => low <= value && value <= high,
            Self::Outside(low, high) => value < low || value > high,
            Self::Absent => false,
        }
    }

    /// Reads `< 75` or `60..80` as the condition that it states.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = |text: &str| text.trim().parse().ok().filter(|number: &f64| number.is_finite());
        if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (number(low)?, number(high)?);
            return (low <= high).then_some(Self::Inside(low, high));
        }
        let (sign, op) = Op::ALL.iter().find(|(sign, _)| text.starts_with(sign))?;
        Some(Self::Compare(*op, number(&text[sign.len()..])?))
    }

    #[must_use]
    pub(crate) fn inverse(self) -> Self {
        match self {
            Self::Compare(op, bound) => Self::Compare(op.inverse(), bound),
            Self::Inside(low, high) => Self::Outside(low, high),
            Self::Outside(low, high) => Self::Inside(low, high),
            Self::Absent => Self::Absent,
        }
    }
}

/// Which way round the file states the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The condition is what is bad, as in an alert of Prometheus.
    FailWhen,
    /// The condition is what must hold.
    Require,
}

/// How grave it is when the rule fires; a label for whoever is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To know.
    Info,
    /// To look at.
    Warning,
    /// To act on.
    Critical,
}

/// What a firing rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// Wait and look again.
    Hold,
    /// Don't take the step.
    NoGo,
    /// Go back to the last good state.
    RollBack,
    /// Wait, and call a person: [`crate::GateEvidence::escalate`] is set.
    Escalate,
}

/// What no evidence asks for. There is no value that lets the gate open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNoData {
    /// Hold, for as long as there is none.
    Hold,
    /// Missing evidence is a failure like any other: it waits for the rule's `for` (hold), then fires.
    Fail,
}

/// May the step be taken? From best to worst, so that the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Go,
    /// Not now; look again.
    Hold,
    /// No.
    NoGo,
    /// No, and go back to the last good state.
    RollBack,
}

impl Verdict {
    pub(crate) const WORDS: [(&'static str, Self); 4] =
        [("go", Self::Go), ("hold", Self::Hold), ("no-go", Self::NoGo), ("roll-back", Self::RollBack)];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::WORDS[*self as usize].0)
    }
}

impl OnFail {
    /// The verdict that it stands for.
    #[inline]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Hold | Self::Escalate => Verdict::Hold,
            Self::NoGo => Verdict::NoGo,
            Self::RollBack => Verdict::RollBack,
        }
    }
}

/// One `[[rule]]`, checked. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: String,
    /// The metric.
    pub metric: String,
    /// The labels that a series must have; it may have more. An empty value means: must not have the label.
    pub labels: Labels,
    /// What is made of the samples.
    pub function: Function,
    /// How far back it looks; `None` for the newest sample.
    pub window: Option<i64>,
    /// When it fails.
    pub condition: Condition,
    /// Which way round the file states that.
    pub reading: Reading,
    /// The condition as the file has it.
    pub written: String,
    /// The unit of value and bound.
    pub unit: Option<String>,
    /// How long it must fail before it fires.
    #[serde(rename = "for")]
    pub hold_for: i64,
    /// How long it goes on firing after it failed last.
    pub keep_firing_for: i64,
    /// Once it fires, the bound that must be passed the other way before it stops.
    pub clear_at: Option<f64>,
    /// How grave it is.
    pub severity: Severity,
    /// What it asks for when it fires.
    pub on_fail: OnFail,
    /// What it asks for without evidence; `None` for [`Function::Absent`], whose evidence is the absence.
    pub on_no_data: Option<OnNoData>,
    /// Its share in a score.
    pub weight: f64,
    /// The oldest sample that still counts as the newest value.
    pub staleness: i64,
    /// What it is for.
    pub description: Option<String>,
    /// Its line in the file, from 1.
    #[serde(skip)]
    pub line: usize,
}

impl Rule {
    /// Whether this value fails, for an instance that fires already or not: once it fires, `clear_at` is the bound.
    #[inline]
    pub fn fails(&self, value: f64, firing: bool) -> bool {
        match (self.condition, self.clear_at) {
            (Condition::Compare(op, _), Some(clear)) if firing => op.holds(value, clear),
            (condition, _) => condition.fails(value),
        }
    }
}
