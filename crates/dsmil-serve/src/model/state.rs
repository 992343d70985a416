use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Number;

/// Whether something is as it should be, and if not, why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Probe {
    /// Whether it is.
    pub ok: bool,
    /// What stands against it; empty when all is well. Only holders of a key get to see it.
    pub reasons: Vec<String>,
}

impl Probe {
    /// All is well.
    pub fn good() -> Self {
        Self { ok: true, reasons: Vec::new() }
    }

    /// Well only if nothing stands against it.
    pub fn of(reasons: Vec<String>) -> Self {
        Self { ok: reasons.is_empty(), reasons }
    }
}

/// How the monitor is, and as whom it knows the asker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// The version of the program.
    pub version: String,
    /// Whether the process works at all.
    pub live: Probe,
    /// Whether it does its work.
    pub ready: Probe,
    /// The name of the key that was presented.
    pub key: String,
    /// Its role: `read` or `operate`.
    pub role: String,
}

/// A score and the checks behind it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Score {
    /// From 0 (worst) to 100.
    #[schema(minimum = 0, maximum = 100)]
    pub score: f64,
    /// When the checks were made.
    pub at: i64,
    /// The checks.
    pub checks: Vec<Check>,
}

/// A check that a score is made of.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Check {
    /// Its name, such as `audit-chain`.
    pub name: String,
    /// Whether it could be made at all. One that could not has failed.
    pub ran: bool,
    /// Whether what it looked for holds.
    pub passed: bool,
    /// What it adds, from 0 to 1, before its weight.
    pub result: f64,
    /// Its share in the score.
    pub weight: f64,
    /// What was seen.
    pub evidence: String,
    /// When it was made.
    pub at: i64,
    /// Where the result comes from if not from here: `external`.
    pub source: Option<String>,
}

/// A device as it was seen last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Device {
    /// Its id, such as `0x8003`.
    pub id: String,
    /// Whether it answered when it was asked last; unknown if it never was.
    pub up: Option<bool>,
    /// How long the last answer took, in milliseconds.
    pub latency_ms: Option<Number>,
    /// Its state as the driver numbers it.
    pub state: Option<i64>,
    /// How often it was asked.
    pub requests_total: u64,
    /// How often that failed.
    pub errors_total: u64,
    /// How often its state was another one than before.
    pub state_changes_total: u64,
    /// When it was asked last.
    pub asked_at: Option<i64>,
    /// When it answered last.
    pub answered_at: Option<i64>,
    /// What the last failure was.
    pub last_error: Option<String>,
    /// Whether it is under quarantine, and never asked.
    pub quarantined: bool,
    /// The kinds of anomaly that it shows now.
    pub anomalies: Vec<String>,
    /// More about it, by name.
    pub details: BTreeMap<String, String>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: usize,
    /// How many lie before this page.
    pub offset: usize,
    /// How many a page holds.
    pub limit: usize,
}
