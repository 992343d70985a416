use std::collections::BTreeMap;

use dsmil_gate::{Evaluation, GateEvidence, Phase, RuleEvidence, SeriesEvidence, ZoneEvidence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alert::AlertState;
use super::{Number, label_map};

/// May the step be taken? From best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may.
    Go,
    /// Not yet.
    Hold,
    /// It may not.
    NoGo,
    /// It is to be undone.
    RollBack,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must look.
    Critical,
}

/// What the gates decide, and on what evidence.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Verdicts {
    /// When.
    pub at: i64,
    /// The fingerprint of the gate file.
    pub gate_file: String,
    /// The worst of all gates; of all rules, if there is no gate.
    pub verdict: Verdict,
    /// The gates, in the order of the file.
    pub gates: Vec<Gate>,
    /// The zones, in the order of the file.
    pub zones: Vec<Zone>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
}

/// What a gate decides.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// `all`, `any` or `score`.
    pub kind: String,
    /// The share of the weights that go.
    pub score: Option<Number>,
    /// What the score must reach.
    pub threshold: Option<f64>,
    /// A person is to be called.
    pub escalate: bool,
    /// When to look again, if it doesn't go and the file says so.
    pub look_again_at: Option<i64>,
    /// Why the gate is as it is.
    pub justification: Option<String>,
    /// Each member that doesn't go, and why.
    pub reasons: Vec<String>,
}

/// Where a zone is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The band.
    pub band: String,
    /// What it means.
    pub verdict: Verdict,
}

/// Where a rule stands, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it looks at, such as `avg(cpu_percent[5m])`.
    pub signal: String,
    /// Its condition as the file has it, such as `require < 75`.
    pub condition: String,
    /// The unit of value and bound.
    pub unit: Option<String>,
    /// The worst state of its alerts.
    pub state: AlertState,
    /// What it asks for.
    pub verdict: Verdict,
    /// How grave it is.
    pub severity: Severity,
    /// Why it could not be evaluated.
    pub error: Option<String>,
    /// Evidence that it needs is not there.
    pub missing: bool,
    /// Since when, if it is.
    pub missing_since: Option<i64>,
    /// The series, ordered by labels.
    pub series: Vec<RuleSeries>,
}

/// What a rule saw of one series.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RuleSeries {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The state of its alert.
    pub state: AlertState,
    /// Since when it has failed; when inactive, since when it is.
    pub since: i64,
    /// Since when it has fired.
    pub fired_at: Option<i64>,
    /// Since when it is only kept firing.
    pub kept_since: Option<i64>,
    /// What was observed.
    pub value: Option<Number>,
    /// How many samples are behind it.
    pub samples: u32,
    /// The time of the first of them.
    pub from: Option<i64>,
    /// The time of the last of them.
    pub to: Option<i64>,
    /// The bound that it was held against.
    pub bound: Option<String>,
}

impl From<dsmil_gate::Verdict> for Verdict {
    fn from(verdict: dsmil_gate::Verdict) -> Self {
        match verdict {
            dsmil_gate::Verdict::Go => Self::Go,
            dsmil_gate::Verdict::Hold => Self::Hold,
            dsmil_gate::Verdict::NoGo => Self::NoGo,
            dsmil_gate::Verdict::RollBack => Self::RollBack,
        }
    }
}

impl From<dsmil_gate::Severity> for Severity {
    fn from(severity: dsmil_gate::Severity) -> Self {
        match severity {
            dsmil_gate::Severity::Info => Self::Info,
            dsmil_gate::Severity::Warning => Self::Warning,
            dsmil_gate::Severity::Critical => Self::Critical,
        }
    }
}

impl From<Phase> for AlertState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Inactive => Self::Inactive,
            Phase::Pending => Self::Pending,
            Phase::Firing => Self::Firing,
        }
    }
}

impl From<&Evaluation> for Verdicts {
    fn from(evaluation: &Evaluation) -> Self {
        Self {
            at: evaluation.at,
            gate_file: evaluation.gate_file.clone(),
            verdict: evaluation.verdict.into(),
            gates: evaluation.gates.iter().map(Gate::from).collect(),
            zones: evaluation.zones.iter().map(Zone::from).collect(),
            rules: evaluation.rules.iter().map(Rule::from).collect(),
        }
    }
}

impl From<&GateEvidence> for Gate {
    fn from(gate: &GateEvidence) -> Self {
        Self {
            name: gate.name.clone(),
            verdict: gate.verdict.into(),
            kind: gate.kind.to_owned(),
            score: gate.score.map(Number),
            threshold: gate.threshold,
            escalate: gate.escalate,
            look_again_at: gate.look_again_at,
            justification: gate.justification.clone(),
            reasons: gate.reasons.clone(),
        }
    }
}

impl From<&ZoneEvidence> for Zone {
    fn from(zone: &ZoneEvidence) -> Self {
        Self { name: zone.name.clone(), band: zone.band.clone(), verdict: zone.verdict.into() }
    }
}

impl From<&RuleEvidence> for Rule {
    fn from(rule: &RuleEvidence) -> Self {
        Self {
            name: rule.name.clone(),
            signal: rule.signal.clone(),
            condition: rule.condition.clone(),
            unit: rule.unit.clone(),
            state: rule.state.into(),
            verdict: rule.verdict.into(),
            severity: rule.severity.into(),
            error: rule.error.clone(),
            missing: rule.missing,
            missing_since: rule.missing_since,
            series: rule.series.iter().map(RuleSeries::from).collect(),
        }
    }
}

impl From<&SeriesEvidence> for RuleSeries {
    fn from(series: &SeriesEvidence) -> Self {
        Self {
            labels: label_map(&series.labels),
            state: series.state.into(),
            since: series.since,
            fired_at: series.fired_at,
            kept_since: series.kept_since,
            value: series.value.map(Number),
            samples: series.samples,
            from: series.from,
            to: series.to,
            bound: series.bound.clone(),
        }
    }
}
