//! A score: what the results of checks come to.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{CheckResult, Kind, Source};

/// How every score is computed.
pub const FORMULA: &str = "100 × Σ (weight × share) ÷ Σ weight; a check that could not run has the share 0";

/// A score, with every check that it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Which.
    pub kind: Kind,
    /// 0 to 100. A score without checks is 0.
    pub value: f64,
    /// The same over what was measured here: without external attestations.
    pub own_value: f64,
    /// How it is computed.
    pub formula: &'static str,
    /// The checks, in the order of their registration.
    pub checks: Vec<CheckResult>,
    /// Checks that the configuration has switched off. They count for nothing, and are named so that nobody thinks they passed.
    pub disabled: Vec<String>,
}

impl Score {
    /// The score of these results.
    pub fn new(kind: Kind, checks: Vec<CheckResult>, disabled: Vec<String>) -> Self {
        let value = value_of(checks.iter());
        let own_value = value_of(checks.iter().filter(|check| check.source == Source::Own));
        Self { kind, value, own_value, formula: FORMULA, checks, disabled }
    }

    /// The result of a check.
    pub fn check(&self, name: &str) -> Option<&CheckResult> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Whether there are checks and all of them passed.
    pub fn is_full(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(CheckResult::has_passed)
    }

    /// As JSON. The order of everything is fixed.
    pub fn to_json(&self) -> Value {
        // Strings, numbers and lists only: there is nothing that could not be written.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// 0 to 100. Rounding keeps the order: a larger share never gives a smaller value.
fn value_of<'a>(checks: impl Iterator<Item = &'a CheckResult>) -> f64 {
    let (mut reached, mut all) = (0.0, 0.0);
    for check in checks {
        reached += check.weight * check.share;
        all += check.weight;
    }
    if all > 0.0 { (100.0 * (reached / all)).clamp(0.0, 100.0) } else { 0.0 }
}

/// Rounded down to tenths (10) or hundredths (100): what is shown is never better than it is.
pub(crate) fn down(value: f64, parts: f64) -> f64 {
    (value * parts + 1e-9).floor() / parts
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {:.1} of 100 = {}", self.kind, down(self.value, 10.0), self.formula)?;
        if self.checks.iter().any(|check| check.source == Source::External) {
            writeln!(f, "without external attestations: {:.1}", down(self.own_value, 10.0))?;
        }
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        for name in &self.disabled {
            writeln!(f, "disabled {name}: it counts for nothing")?;
        }
        Ok(())
    }
}
