//! What was decided, and on what: as structures, as JSON, as text. The same samples give the same bytes.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::engine::{Engine, Event, Failure, Live, MAX_SERIES_PER_RULE};
use crate::gate_file::{Gate, Kind};
use crate::machine::{Machine, Phase};
use crate::rule::{Condition, OnNoData, Reading, Rule, Severity, Verdict};
use crate::samples::{Labels, Samples};
use dsmil_toml::duration;

/// What the gates decide at a time, and on what evidence. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The time.
    pub at: i64,
    /// The [fingerprint](crate::GateFile::fingerprint) of the gate file.
    pub gate_file: String,
    /// The worst of all gates; of all rules, if the file has no gate.
    pub verdict: Verdict,
    /// The gates, in the order of the file.
    pub gates: Vec<GateEvidence>,
    /// The zones, in the order of the file.
    pub zones: Vec<ZoneEvidence>,
    /// The rules, in the order of the file.
    pub rules: Vec<RuleEvidence>,
    /// The alerts that changed their phase.
    pub events: Vec<Event>,
}

/// What a gate decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateEvidence {
    /// Its name.
    pub name: String,
    /// May the step be taken?
    pub verdict: Verdict,
    /// `all`, `any` or `score`.
    pub kind: &'static str,
    /// The share of the weights that go.
    #[serde(serialize_with = "number_or_word")]
    pub score: Option<f64>,
    /// What the score must reach.
    pub threshold: Option<f64>,
    /// A person is to be called.
    pub escalate: bool,
    /// When to look again, if it doesn't go and the file says so.
    pub look_again_at: Option<i64>,
    /// Why the gate is as it is.
    pub justification: Option<String>,
    /// Each member that doesn't go, and why. A gate that goes may have some, if others outvoted them.
    pub reasons: Vec<String>,
}

/// Where a zone is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneEvidence {
    /// Its name.
    pub name: String,
    /// The band.
    pub band: String,
    /// What it means.
    pub verdict: Verdict,
}

/// Where a rule stands, and on what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleEvidence {
    /// Its name.
    pub name: String,
    /// What it looks at, such as `avg(cpu_percent{host="a"}[5m])`.
    pub signal: String,
    /// Its condition as the file has it, such as `require < 75`.
    pub condition: String,
    /// The unit of value and bound.
    pub unit: Option<String>,
    /// The worst phase of its alerts.
    pub state: Phase,
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
    /// The alert on missing evidence; for `absent` the only one. `None` where missing evidence only holds.
    #[serde(skip)]
    pub no_data: Option<Machine>,
    /// The series, ordered by labels.
    pub series: Vec<SeriesEvidence>,
}

/// What a rule saw of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesEvidence {
    /// Its labels.
    pub labels: Labels,
    /// The phase of its alert.
    pub state: Phase,
    /// Since when it has failed; when inactive, since when it is.
    pub since: i64,
    /// Since when it has fired.
    pub fired_at: Option<i64>,
    /// Since when it is only kept firing.
    pub kept_since: Option<i64>,
    /// What was observed; in JSON `"NaN"`, `"+Inf"` and `"-Inf"` are words.
    #[serde(serialize_with = "number_or_word")]
    pub value: Option<f64>,
    /// How many samples are behind it.
    pub samples: u32,
    /// The time of the first of them.
    pub from: Option<i64>,
    /// The time of the last of them.
    pub to: Option<i64>,
    /// The bound that it was held against: `clear_at` once it fires, if there is one.
    pub bound: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn number_or_word<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) if value.is_finite() => serializer.serialize_f64(*value),
        Some(value) => serializer.serialize_str(word(*value)),
        None => serializer.serialize_none(),
    }
}

fn word(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        _ => "NaN",
    }
}

/// The value that a word of [`word`] stands for.
pub(crate) fn value_of_word(text: &str) -> Option<f64> {
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().find(|value| word(*value) == text)
}

/// A value as people read it.
pub(crate) fn plain(value: f64) -> String {
    if value.is_finite() { format!("{value}") } else { word(value).to_owned() }
}

fn clock(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| format!("{at} ms"), |time| time.to_string())
}

impl Evaluation {
    /// One line of JSON, byte for byte the same for the same samples.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Why the verdict isn't go: the reasons of the gates that don't go, each once, in the order of the file; those of the
    /// rules, if the file has no gate.
    pub fn reasons(&self) -> Vec<String> {
        let of_gates = self.gates.iter().filter(|gate| gate.verdict != Verdict::Go).flat_map(|gate| gate.reasons.iter().cloned());
        let of_rules = self.rules.iter().filter(|rule| self.gates.is_empty() && rule.verdict != Verdict::Go).map(reason);
        let mut reasons = Vec::new();
        for reason in of_gates.chain(of_rules) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// A gate's verdict.
    pub fn gate(&self, name: &str) -> Option<&GateEvidence> {
        self.gates.iter().find(|gate| gate.name == name)
    }

    /// A rule's evidence.
    pub fn rule(&self, name: &str) -> Option<&RuleEvidence> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// A zone's band.
    pub fn zone(&self, name: &str) -> Option<&ZoneEvidence> {
        self.zones.iter().find(|zone| zone.name == name)
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.verdict, clock(self.at))?;
        for gate in &self.gates {
            write!(f, "gate {}: {}", gate.name, gate.verdict)?;
            if let (Some(score), Some(threshold)) = (gate.score, gate.threshold) {
                write!(f, ", score {} of {threshold}", plain(score))?;
            }
            if gate.escalate {
                f.write_str(", call a person")?;
            }
            if let Some(at) = gate.look_again_at {
                write!(f, ", look again at {}", clock(at))?;
            }
            writeln!(f)?;
            if let Some(justification) = &gate.justification {
                writeln!(f, "  because: {justification}")?;
            }
            for reason in &gate.reasons {
                writeln!(f, "  {reason}")?;
            }
        }
        for zone in &self.zones {
            writeln!(f, "zone {}: {} ({})", zone.name, zone.band, zone.verdict)?;
        }
        self.rules.iter().try_for_each(|rule| write!(f, "{rule}"))
    }
}

impl fmt::Display for RuleEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        writeln!(f, "rule {}: {}, {}: {} {}{unit}", self.name, self.state, self.verdict, self.signal, self.condition)?;
        if let Some(error) = &self.error {
            writeln!(f, "  error: {error}")?;
        } else if let Some(since) = self.missing_since {
            writeln!(f, "  evidence is missing since {}", clock(since))?;
        }
        for series in &self.series {
            f.write_str("  ")?;
            if !series.labels.is_empty() {
                write!(f, "{} ", series.labels)?;
            }
            match (series.value, series.from, series.to) {
                (Some(value), Some(from), Some(to)) if from != to => {
                    write!(f, "{}{unit} from {} samples, {} to {}", plain(value), series.samples, clock(from), clock(to))?;
                }
                (Some(value), Some(at), _) => write!(f, "{}{unit} at {}", plain(value), clock(at))?,
                _ => f.write_str("no value")?,
            }
            if let Some(bound) = &series.bound {
                write!(f, ", {bound}")?;
            }
            write!(f, ", {} since {}", series.state, clock(series.since))?;
            if let Some(kept) = series.kept_since {
                write!(f, ", kept firing since {}", clock(kept))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What a rule looks at, as text.
pub(crate) fn signal(rule: &Rule) -> String {
    use crate::rule::Function;
    let selector = format!("{}{}", rule.metric, rule.labels);
    let window = rule.window.map(|window| format!("[{}]", duration::format(window))).unwrap_or_default();
    let function = match rule.function {
        Function::Last if window.is_empty() => return selector,
        Function::Quantile(q) => return format!("quantile({q}, {selector}{window})"),
        Function::Last => "last",
        Function::Avg => "avg",
        Function::Min => "min",
        Function::Max => "max",
        Function::Rate => "rate",
        Function::Increase => "increase",
        Function::Absent => "absent",
    };
    format!("{function}({selector}{window})")
}

fn condition(rule: &Rule) -> String {
    match (rule.condition, rule.reading) {
        (Condition::Absent, _) => "must be there".to_owned(),
        (_, Reading::FailWhen) => format!("fail when {}", rule.written),
        (_, Reading::Require) => format!("require {}", rule.written),
    }
}

/// What a series of the rule was held against.
fn bound(rule: &Rule, firing: bool) -> Option<String> {
    Some(match (rule.condition, rule.clear_at) {
        (Condition::Compare(op, _), Some(clear)) if firing => format!("clears when {} {clear}", op.inverse()),
        (Condition::Compare(op, bound), _) => format!("fails when {op} {bound}"),
        (Condition::Inside(low, high), _) => format!("fails from {low} to {high}"),
        (Condition::Outside(low, high), _) => format!("fails below {low} and above {high}"),
        (Condition::Absent, _) => return None,
    })
}

pub(crate) fn collect(engine: &Engine, samples: &Samples, now: i64) -> Evaluation {
    let file = engine.file();
    let of_rule = |(rule, live)| rule_evidence(rule, live, samples);
    let rules: Vec<RuleEvidence> = file.rules().iter().zip(&engine.live).map(of_rule).collect();
    let zones: Vec<ZoneEvidence> = (file.zones().iter().zip(&engine.zones))
        .map(|(zone, (band, verdict))| ZoneEvidence {
            name: zone.name.clone(),
            band: zone.bands[*band].name.clone(),
            verdict: *verdict,
        })
        .collect();
    let gates: Vec<GateEvidence> = (file.gates().iter().enumerate())
        .map(|(index, gate)| gate_evidence(gate, &engine.gates[index], &rules, &zones, now))
        .collect();
    let worst =
        if gates.is_empty() { rules.iter().map(|rule| rule.verdict).max() } else { gates.iter().map(|gate| gate.verdict).max() };
    let verdict = worst.unwrap_or(Verdict::Hold);
    let events = engine.events().to_vec();
    Evaluation { at: now, gate_file: file.fingerprint().to_owned(), verdict, gates, zones, rules, events }
}

fn gate_evidence(
    gate: &Gate,
    outcome: &crate::Outcome,
    rules: &[RuleEvidence],
    zones: &[ZoneEvidence],
    now: i64,
) -> GateEvidence {
    let (kind, threshold) = match gate.kind {
        Kind::All => ("all", None),
        Kind::Any => ("any", None),
        Kind::Score { threshold } => ("score", Some(threshold)),
    };
    let of_rules = gate.rules.iter().map(|rule| &rules[*rule]).filter(|rule| rule.verdict != Verdict::Go).map(reason);
    let of_zones = gate.zones.iter().map(|zone| &zones[*zone]).filter(|zone| zone.verdict != Verdict::Go);
    let of_zones = of_zones.map(|zone| format!("{}: zone {} is {}", zone.verdict, zone.name, zone.band));
    GateEvidence {
        name: gate.name.clone(),
        verdict: outcome.verdict,
        kind,
        score: outcome.score,
        threshold,
        escalate: outcome.escalate,
        look_again_at: gate.recheck.filter(|_| outcome.verdict != Verdict::Go).map(|after| now.saturating_add(after)),
        justification: gate.justification.clone(),
        reasons: of_rules.chain(of_zones).collect(),
    }
}

fn reason(rule: &RuleEvidence) -> String {
    let unit = rule.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let head = format!("{}: rule {}", rule.verdict, rule.name);
    if let Some(error) = &rule.error {
        return format!("{head} could not be evaluated: {error}");
    }
    if let Some(worst) = rule.series.iter().filter(|series| series.state == rule.state).find(|s| s.state != Phase::Inactive) {
        let value = worst.value.map_or_else(|| "no value".to_owned(), |value| format!("{}{unit}", plain(value)));
        let labels = if worst.labels.is_empty() { String::new() } else { format!(" {}", worst.labels) };
        let since = clock(worst.since);
        return format!("{head}{labels} is {} since {since}: {value}, {}{unit}", worst.state, rule.condition);
    }
    let since = rule.missing_since.map(clock).unwrap_or_default();
    format!("{head}: no evidence since {since}: {} {}{unit}", rule.signal, rule.condition)
}

fn rule_evidence(rule: &Rule, live: &Live, samples: &Samples) -> RuleEvidence {
    let error = live.failure.map(|failure| match failure {
        Failure::Unreadable => samples.error(&rule.metric).unwrap_or("the metric could not be read").to_owned(),
        Failure::TooManySeries => format!("more than {MAX_SERIES_PER_RULE} series have these labels; name more labels"),
    });
    let series = live.instances.iter().map(|instance| SeriesEvidence {
        labels: instance.labels.clone(),
        state: instance.machine.phase,
        since: instance.machine.since,
        fired_at: instance.machine.fired_at,
        kept_since: instance.machine.kept_since,
        value: instance.seen.map(|seen| seen.value),
        samples: instance.seen.map_or(0, |seen| seen.count),
        from: instance.seen.map(|seen| seen.from),
        to: instance.seen.map(|seen| seen.to),
        bound: bound(rule, instance.machine.phase == Phase::Firing),
    });
    // After a failure the memory of missing evidence stays as it was; it says nothing about now.
    let lacking = live.missing && error.is_none();
    let keeps_firing = rule.on_no_data != Some(OnNoData::Hold) && live.no_data.phase == Phase::Firing;
    RuleEvidence {
        name: rule.name.clone(),
        signal: signal(rule),
        condition: condition(rule),
        unit: rule.unit.clone(),
        state: live.standing.phase,
        verdict: live.standing.verdict,
        severity: rule.severity,
        error,
        missing: live.missing,
        missing_since: (lacking || keeps_firing).then_some(live.no_data.since),
        no_data: (rule.on_no_data != Some(OnNoData::Hold)).then_some(live.no_data),
        series: series.collect(),
    }
}
