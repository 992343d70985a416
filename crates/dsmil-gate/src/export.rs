//! Gate files as alerting rules for Prometheus, with the same meaning. What Prometheus can't say is named, never dropped.

use std::fmt::Write;

use crate::evidence::{plain, signal};
use crate::gate_file::GateFile;
use crate::rule::{Condition, Function, OnFail, OnNoData, Reading, Rule, Severity};
use dsmil_toml::duration;

/// The rules of a gate file in Prometheus's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// A rule file (YAML) for Prometheus 2.42 and later 2.x. What could not be expressed stands at its head as comments.
    pub yaml: String,
    /// What could not be expressed, a sentence each.
    pub not_expressed: Vec<String>,
}

impl GateFile {
    /// Writes the rules as alerting rules for Prometheus; `group` is the name of their group.
    ///
    /// A rule `NAME` becomes an alert `NAME`; `on_no_data = "fail"` becomes a second, `NAME:no_data`.
    pub fn to_prometheus(&self, group: &str) -> Exported {
        let mut not_expressed = Vec::new();
        let mut rules = String::new();
        for rule in self.rules() {
            alert(&mut rules, rule, &rule.name, &failing(rule));
            if rule.on_no_data == Some(OnNoData::Fail) {
                let value = value(rule);
                // Without labels, so that it is one alert whatever is missing.
                let expr = format!("count(absent({value})) or count({value} != {value})");
                alert(&mut rules, rule, &format!("{}:no_data", rule.name), &expr);
            }
            name_the_rest(rule, &mut not_expressed);
        }
        for zone in self.zones() {
            not_expressed.push(format!("zone {}: Prometheus has no bands; its rules are exported, the zone is not", zone.name));
        }
        for gate in self.gates() {
            not_expressed.push(format!("gate {}: a verdict is no alert; its rules are exported, the gate is not", gate.name));
        }
        let mut yaml = String::from("# Alerting rules exported from a gate file.\n");
        for sentence in &not_expressed {
            _ = writeln!(yaml, "# Not expressed: {sentence}.");
        }
        _ = writeln!(yaml, "groups:\n  - name: {}\n    rules:", quoted(group));
        Exported { yaml: yaml + &rules, not_expressed }
    }
}

fn name_the_rest(rule: &Rule, not_expressed: &mut Vec<String>) {
    let name = &rule.name;
    if rule.window.is_none() && rule.staleness != 300_000 {
        let staleness = duration::format(rule.staleness);
        not_expressed
            .push(format!("rule {name}: staleness {staleness}; Prometheus looks back as far as it is configured to (5m)"));
    }
    if rule.clear_at.is_some() {
        not_expressed.push(format!(
            "rule {name}: clear_at is expressed by the alert's own state, which is lost if rules are evaluated less often than every 5m"
        ));
    }
    match rule.on_no_data {
        Some(OnNoData::Hold) => {
            not_expressed.push(format!("rule {name}: on_no_data = \"hold\" holds gates and is no alert"));
        }
        Some(OnNoData::Fail) => not_expressed.push(format!(
            "rule {name}: that one series of several falls silent is missing evidence here; {name}:no_data fires when none is left"
        )),
        None => {}
    }
}

fn alert(yaml: &mut String, rule: &Rule, name: &str, expr: &str) {
    _ = writeln!(yaml, "      - alert: {}\n        expr: {}", quoted(name), quoted(expr));
    if rule.hold_for > 0 {
        _ = writeln!(yaml, "        for: {}", duration::format(rule.hold_for));
    }
    if rule.keep_firing_for > 0 {
        _ = writeln!(yaml, "        keep_firing_for: {}", duration::format(rule.keep_firing_for));
    }
    _ = writeln!(yaml, "        labels:\n          severity: {}\n          on_fail: {}", severity(rule), on_fail(rule));
    let how = if rule.reading == Reading::Require { "require" } else { "fail when" };
    let unit = rule.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let summary = format!("{}: {how} {}{unit}", signal(rule), rule.written);
    _ = writeln!(yaml, "        annotations:\n          summary: {}", quoted(&literal(&summary)));
    if let Some(description) = &rule.description {
        _ = writeln!(yaml, "          description: {}", quoted(&literal(description)));
    }
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

pub(crate) fn on_fail(rule: &Rule) -> &'static str {
    match rule.on_fail {
        OnFail::Hold => "hold",
        OnFail::NoGo => "no-go",
        OnFail::RollBack => "roll-back",
        OnFail::Escalate => "escalate",
    }
}

/// A YAML string; JSON's quotation is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Annotations are templates: braces that mean nothing else must not begin one.
fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

fn selector(rule: &Rule) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = rule.labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { rule.metric.clone() } else { format!("{}{{{}}}", rule.metric, pairs.join(",")) }
}

/// The value that the rule looks at.
fn value(rule: &Rule) -> String {
    let selector = selector(rule);
    let Some(window) = rule.window else { return selector };
    let range = format!("{selector}[{}]", duration::format(window));
    match rule.function {
        Function::Last | Function::Absent => format!("last_over_time({range})"),
        Function::Avg => format!("avg_over_time({range})"),
        Function::Min => format!("min_over_time({range})"),
        Function::Max => format!("max_over_time({range})"),
        Function::Quantile(q) => format!("quantile_over_time({}, {range})", plain(q)),
        Function::Rate => format!("rate({range})"),
        Function::Increase => format!("increase({range})"),
    }
}

/// The expression that is there when the rule fails.
fn failing(rule: &Rule) -> String {
    let value = value(rule);
    let base = match rule.condition {
        Condition::Compare(op, bound) => format!("{value} {op} {}", plain(bound)),
        Condition::Inside(low, high) => format!("({value} >= {}) <= {}", plain(low), plain(high)),
        Condition::Outside(low, high) => format!("{value} < {} or {value} > {}", plain(low), plain(high)),
        Condition::Absent => return absent(rule),
    };
    let (Condition::Compare(op, _), Some(clear)) = (rule.condition, rule.clear_at) else { return base };
    // Once it fires, its own alert of the evaluation before keeps the lower bound in force.
    let own = format!("ALERTS{{alertname={},alertstate=\"firing\"}}", quoted(&rule.name));
    format!("{base} or ({value} {op} {} and ignoring(alertname, alertstate, severity, on_fail) {own})", plain(clear))
}

fn absent(rule: &Rule) -> String {
    match rule.window {
        None => format!("absent({})", selector(rule)),
        Some(window) => format!("absent_over_time({}[{}])", selector(rule), duration::format(window)),
    }
}
