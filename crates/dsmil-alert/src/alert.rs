//! An alert: what it is called, what is known of it, and what an evaluation of gates says of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use dsmil_gate::{
    Evaluation, Function, GateFile, Labels, Machine, OnNoData, Phase, Rule, RuleEvidence, SeriesEvidence, Severity,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::AlertError;

/// The identity of an alert: the first 64 bits of the SHA-256 over its label set, written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// That of a label set.
    pub fn of(labels: &Labels) -> Self {
        let mut hasher = Sha256::new();
        for (name, value) in labels.iter() {
            // Lengths make the text unambiguous.
            for part in [name, value] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        let digest = hasher.finalize();
        Self(digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = AlertError;

    fn from_str(text: &str) -> Result<Self, AlertError> {
        let wrong = || AlertError::Fingerprint { text: text.chars().take(40).collect() };
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| wrong())
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// In what state an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It fired and has ended.
    Resolved,
    /// It fails, but not yet for long enough.
    Pending,
    /// It failed for long enough.
    Firing,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolved => "resolved",
            Self::Pending => "pending",
            Self::Firing => "firing",
        })
    }
}

/// An alert that is pending or firing at one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActiveAlert {
    /// All of its labels, `alertname`, `severity` and `on_fail` among them: its identity.
    pub labels: Labels,
    /// Whether it fires; else it is pending.
    pub firing: bool,
    /// How grave it is.
    pub severity: Severity,
    /// Whether it is about evidence that is missing or a rule that could not be evaluated, and not about a value.
    pub no_data: bool,
    /// Since when it fails, in milliseconds since the Unix epoch.
    pub since: i64,
    /// Since when it fires; from now on, if that is not known.
    pub fired_at: Option<i64>,
    /// What was observed.
    #[serde(with = "crate::number")]
    pub value: Option<f64>,
    /// What is wrong, in a line, without the value.
    pub summary: String,
    /// What the rule is for.
    pub description: Option<String>,
}

impl ActiveAlert {
    /// Its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }
}

/// All alerts that are pending or firing, of one evaluation of the rules of `file`. For a rule NAME:
///
/// - each series that fails is an alert NAME with the labels of the series;
/// - missing evidence, where `on_no_data = "fail"`, is one NAME`:no_data`, as in the rules that are exported to Prometheus;
/// - a rule that can't be evaluated is one NAME`:error` that fires at once.
///
/// All have the labels `severity` and `on_fail` of the rule. A label of a series that is called like one of the three is
/// kept with `exported_` before its name.
pub fn active_alerts(evaluation: &Evaluation, file: &GateFile) -> Vec<ActiveAlert> {
    let rules = file.rules().iter().zip(&evaluation.rules);
    rules.flat_map(|(rule, evidence)| of_rule(rule, evidence, evaluation.at)).collect()
}

fn of_rule(rule: &Rule, evidence: &RuleEvidence, at: i64) -> Vec<ActiveAlert> {
    let absent = matches!(rule.function, Function::Absent);
    let summary = format!("{} {}", evidence.signal, evidence.condition);
    let unit = rule.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let mut alerts = Vec::new();
    let base = |name: String, labels: &Labels, summary: String| ActiveAlert {
        labels: with_own(labels, &name, rule),
        firing: true,
        severity: rule.severity,
        no_data: true,
        since: at,
        fired_at: None,
        value: None,
        summary,
        description: rule.description.clone(),
    };
    if let Some(error) = &evidence.error {
        alerts.push(base(format!("{}:error", rule.name), &Labels::default(), format!("rule {}: {error}", rule.name)));
    }
    let alive = |series: &&SeriesEvidence| !absent && series.state != Phase::Inactive;
    for series in evidence.series.iter().filter(alive) {
        alerts.push(ActiveAlert {
            firing: series.state == Phase::Firing,
            no_data: false,
            since: series.since,
            fired_at: series.fired_at,
            value: series.value,
            ..base(rule.name.clone(), &series.labels, format!("{summary}{unit}"))
        });
    }
    if let Some(machine) = evidence.no_data.filter(|machine: &Machine| machine.phase != Phase::Inactive) {
        let (name, labels, summary) = match rule.on_no_data {
            None => (rule.name.clone(), rule.labels.clone(), summary),
            Some(OnNoData::Fail) => (format!("{}:no_data", rule.name), Labels::default(), format!("no evidence: {summary}")),
            Some(OnNoData::Hold) => return alerts,
        };
        alerts.push(ActiveAlert {
            firing: machine.phase == Phase::Firing,
            since: machine.since,
            fired_at: machine.fired_at,
            ..base(name, &labels, summary)
        });
    }
    alerts
}

fn with_own(labels: &Labels, name: &str, rule: &Rule) -> Labels {
    let severity = match rule.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let on_fail = match rule.on_fail {
        dsmil_gate::OnFail::Hold => "hold",
        dsmil_gate::OnFail::NoGo => "no-go",
        dsmil_gate::OnFail::RollBack => "roll-back",
        dsmil_gate::OnFail::Escalate => "escalate",
    };
    let own = [("alertname", name), ("on_fail", on_fail), ("severity", severity)];
    let mut taken: BTreeSet<String> = own.iter().map(|(name, _)| (*name).to_owned()).collect();
    taken.extend(labels.iter().map(|(name, _)| name.to_owned()));
    let mut pairs: Vec<(String, String)> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        let mut kept = name.to_owned();
        if own.iter().any(|(own, _)| *own == name) {
            while !taken.insert(kept.clone()) {
                kept.insert_str(0, "exported_");
            }
        }
        pairs.push((kept, value.to_owned()));
    }
    pairs.into_iter().collect()
}
