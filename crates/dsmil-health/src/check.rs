//! A check: what it is, what it found, and on what evidence.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Context;

/// Which score a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The health score.
    Health,
    /// The security score.
    Security,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Health => "health",
            Self::Security => "security",
        })
    }
}

/// Who established what a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// It was measured here.
    Own,
    /// Somebody else says so: an attestation.
    External,
}

/// A check: its name, its score and its weight in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Stable, in kebab-case, unique among all checks.
    pub name: String,
    /// Its score.
    pub kind: Kind,
    /// Its weight, over 0 and at most 1000. A configured weight takes the place of this one.
    pub weight: f64,
    /// Who establishes it.
    pub source: Source,
}

impl Check {
    /// A check of our own.
    pub fn new(name: impl Into<String>, kind: Kind, weight: f64) -> Self {
        Self { name: name.into(), kind, weight, source: Source::Own }
    }
}

/// Something that checks. The built-in ones are made by [`Checks`](crate::Checks); other crates add theirs with
/// [`Builder::register`](crate::Builder::register).
///
/// A check looks at what is there and changes nothing. It must end by itself, soon: nobody can end it from outside. One that
/// panics counts as one that could not run.
pub trait CheckFn: Send {
    /// What it is. The same each time.
    fn check(&self) -> Check;

    /// Runs it. `now` is in milliseconds since the Unix epoch.
    fn run(&mut self, context: &Context<'_>, now: i64) -> Found;
}

/// What a check found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// All is as it should be: the share is 1.
    Passed,
    /// Something isn't: the share is below 1.
    Failed,
    /// It could not be found out, which counts as failed: the share is 0.
    CouldNotRun {
        /// What kept it from running, and what to do about it.
        why: String,
    },
}

impl Outcome {
    /// `passed`, `failed` or `could-not-run`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CouldNotRun { .. } => "could-not-run",
        }
    }
}

/// What a result rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// In words.
    pub text: String,
    /// The same in values, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
}

/// What a [`CheckFn`] gives: outcome, share and evidence, which always agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    outcome: Outcome,
    share: f64,
    evidence: Evidence,
}

impl Found {
    /// All is as it should be.
    pub fn passed(text: impl Into<String>) -> Self {
        Self::partly(1.0, text)
    }

    /// It is not as it should be, and nothing of it counts.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::partly(0.0, text)
    }

    /// A part of it is as it should be: passed if that is all (1), failed otherwise. What is no number counts as 0.
    pub fn partly(share: f64, text: impl Into<String>) -> Self {
        // `clamp` would let a NaN through.
        let share = if share > 0.0 { share.min(1.0) } else { 0.0 };
        let outcome = if share >= 1.0 { Outcome::Passed } else { Outcome::Failed };
        Self { outcome, share, evidence: Evidence { text: text.into(), values: BTreeMap::new() } }
    }

    /// It could not be found out.
    pub fn could_not_run(why: impl Into<String>) -> Self {
        let why = why.into();
        let evidence = Evidence { text: why.clone(), values: BTreeMap::new() };
        Self { outcome: Outcome::CouldNotRun { why }, share: 0.0, evidence }
    }

    /// With a value as evidence. A number that JSON doesn't have is `null`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.values.insert(name.to_owned(), value.into());
        self
    }

    /// The outcome.
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The share, 0 to 1.
    pub const fn share(&self) -> f64 {
        self.share
    }

    /// The evidence.
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

/// A check that ran, or should have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// Who established it.
    pub source: Source,
    /// What it found.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How much of it is as it should be, 0 to 1.
    pub share: f64,
    /// Its weight.
    pub weight: f64,
    /// What the outcome rests on.
    pub evidence: Evidence,
    /// When it ran, in milliseconds since the Unix epoch.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}

impl CheckResult {
    /// The result of a check with this weight. The share is what `found` says.
    pub fn new(check: &Check, found: Found, at: i64, took_ms: f64) -> Self {
        let Found { outcome, share, evidence } = found;
        let Check { name, weight, source, .. } = check.clone();
        Self { name, source, outcome, share, weight, evidence, at, took_ms }
    }

    /// Whether it passed.
    pub fn has_passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let external = if self.source == Source::External { " [external]" } else { "" };
        let (outcome, name) = (self.outcome.name(), &self.name);
        let share = crate::score::down(self.share, 100.0);
        write!(f, "{outcome} {name}{external} (share {share:.2}, weight {}): {}", self.weight, self.evidence.text)
    }
}
