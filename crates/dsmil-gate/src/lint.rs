//! What is right in form and probably not what was meant.

use std::collections::BTreeSet;
use std::fmt;

use crate::evidence::signal;
use crate::export::on_fail;
use crate::gate_file::{GateFile, Kind};
use crate::rule::{Condition, Function, OnFail, Op, Rule, Verdict};
use dsmil_toml::duration;

/// Samples of the monitor are this far apart at most, in milliseconds.
const SAMPLE_INTERVAL: i64 = 30_000;

/// A doubt about a gate file that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Its line, from 1.
    pub line: usize,
    /// What it is about, such as `rule cpu`.
    pub subject: String,
    /// What is doubtful.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {}: {}; {}", self.line, self.subject, self.what, self.remedy)
    }
}

impl GateFile {
    /// Doubts about this file, in the order of its lines: rules that can never fire or always do, a missing unit, gates
    /// that can never open.
    pub fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for rule in self.rules() {
            let mut add = |what: String, remedy| {
                lints.push(Lint { line: rule.line, subject: format!("rule {}", rule.name), what, remedy });
            };
            if rule.unit.is_none() && !matches!(rule.condition, Condition::Absent) {
                add(
                    "it has no unit".to_owned(),
                    "write unit = \"percent\" or the like: a bound without a unit is misread one day",
                );
            }
            if let Some((what, remedy)) = reach(rule) {
                add(what, remedy);
            }
            if let Some((what, remedy)) = narrow(rule) {
                add(what, remedy);
            }
        }
        self.lint_use(&mut lints);
        self.lint_bands(&mut lints);
        self.lint_gates(&mut lints);
        lints.sort_by_key(|lint| lint.line);
        lints
    }

    fn lint_use(&self, lints: &mut Vec<Lint>) {
        let of_bands = self.zones().iter().flat_map(|zone| &zone.bands).flat_map(|band| &band.rules);
        let used: BTreeSet<usize> = self.gates().iter().flat_map(|gate| &gate.rules).chain(of_bands).copied().collect();
        let zones: BTreeSet<usize> = self.gates().iter().flat_map(|gate| &gate.zones).copied().collect();
        if self.gates().is_empty() {
            return;
        }
        for (_, rule) in self.rules().iter().enumerate().filter(|(index, _)| !used.contains(index)) {
            lints.push(Lint {
                line: rule.line,
                subject: format!("rule {}", rule.name),
                what: "no gate and no zone names it".to_owned(),
                remedy: "name it where it should count; else it is an alert only",
            });
        }
        for (_, zone) in self.zones().iter().enumerate().filter(|(index, _)| !zones.contains(index)) {
            lints.push(Lint {
                line: zone.line,
                subject: format!("zone {}", zone.name),
                what: "no gate names it".to_owned(),
                remedy: "name it in the zones of a gate; else it is shown and decides nothing",
            });
        }
    }

    /// In a zone the band says what a rule means: a rule that asks for more than its band must be named in a gate too.
    fn lint_bands(&self, lints: &mut Vec<Lint>) {
        let of_gates: BTreeSet<usize> = self.gates().iter().flat_map(|gate| &gate.rules).copied().collect();
        for (zone, band) in self.zones().iter().flat_map(|zone| zone.bands.iter().map(move |band| (zone, band))) {
            for rule in band.rules.iter().filter(|rule| !of_gates.contains(rule)).map(|rule| &self.rules()[*rule]) {
                if rule.on_fail != OnFail::Escalate && rule.on_fail.verdict() <= band.verdict.max(Verdict::Hold) {
                    continue;
                }
                let (asks, place) = (on_fail(rule), format!("band {} of zone {}", band.name, zone.name));
                lints.push(Lint {
                    line: rule.line,
                    subject: format!("rule {}", rule.name),
                    what: format!("it asks for {asks}, which counts for nothing in {place}: the band says {}", band.verdict),
                    remedy: "name the rule in a gate too, or give the band that verdict",
                });
            }
        }
    }

    fn lint_gates(&self, lints: &mut Vec<Lint>) {
        for gate in self.gates() {
            let mut add = |what: String, remedy| {
                lints.push(Lint { line: gate.line, subject: format!("gate {}", gate.name), what, remedy });
            };
            match gate.kind {
                Kind::All => {
                    if let Some(what) = self.contradiction(&gate.rules) {
                        add(what, "correct a bound: as it is the gate never opens");
                    }
                }
                Kind::Any if gate.rules.len() + gate.zones.len() == 1 => {
                    add("it has one member only".to_owned(), "write kind = \"all\", which says the same");
                }
                Kind::Any => {}
                Kind::Score { .. } => {
                    for rule in gate.rules.iter().map(|rule| &self.rules()[*rule]).filter(|rule| rule.weight == 0.0) {
                        add(
                            format!("rule {} has no weight", rule.name),
                            "give it a weight above 0, or leave it out of the score",
                        );
                    }
                }
            }
        }
    }

    /// Two rules over one signal that can't be content at once.
    fn contradiction(&self, members: &[usize]) -> Option<String> {
        let rules: Vec<&Rule> = members.iter().map(|rule| &self.rules()[*rule]).collect();
        for (index, one) in rules.iter().enumerate() {
            for other in &rules[index + 1..] {
                let same = signal(one) == signal(other);
                let ((low, low_in), (high, high_in)) = both(good(one), good(other));
                if same && (low > high || (low >= high && !(low_in && high_in))) {
                    return Some(format!("rules {} and {} contradict each other", one.name, other.name));
                }
            }
        }
        None
    }
}

/// A bound, and whether it belongs to the interval.
type End = (f64, bool);

/// The values with which the rule is content, as one interval that holds them all.
fn good(rule: &Rule) -> (End, End) {
    let all = ((f64::NEG_INFINITY, true), (f64::INFINITY, true));
    match rule.condition {
        Condition::Compare(Op::Less, bound) => ((bound, true), all.1),
        Condition::Compare(Op::AtMost, bound) => ((bound, false), all.1),
        Condition::Compare(Op::More, bound) => (all.0, (bound, true)),
        Condition::Compare(Op::AtLeast, bound) => (all.0, (bound, false)),
        Condition::Compare(Op::Different, bound) => ((bound, true), (bound, true)),
        Condition::Outside(low, high) => ((low, true), (high, true)),
        Condition::Compare(Op::Equal, _) | Condition::Inside(..) | Condition::Absent => all,
    }
}

fn both((a, b): (End, End), (c, d): (End, End)) -> (End, End) {
    let low = if a.0 > c.0 || (a.0 >= c.0 && !a.1) { a } else { c };
    let high = if b.0 < d.0 || (b.0 <= d.0 && !b.1) { b } else { d };
    (low, high)
}

/// What values the signal can have at all, as far as function and unit tell.
fn domain(rule: &Rule) -> (f64, f64) {
    if matches!(rule.function, Function::Rate | Function::Increase) {
        return (0.0, f64::INFINITY);
    }
    match rule.unit.as_deref() {
        Some("percent" | "%") => (0.0, 100.0),
        Some("ratio") => (0.0, 1.0),
        Some("bytes" | "milliseconds" | "seconds" | "ms" | "s" | "count") => (0.0, f64::INFINITY),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// Whether the signal can reach the bound, and get away from it.
fn reach(rule: &Rule) -> Option<(String, &'static str)> {
    let (low, high) = domain(rule);
    let (never, always) = match rule.condition {
        Condition::Compare(Op::Less, bound) => (bound <= low, bound > high),
        Condition::Compare(Op::AtMost, bound) => (bound < low, bound >= high),
        Condition::Compare(Op::More, bound) => (bound >= high, bound < low),
        Condition::Compare(Op::AtLeast, bound) => (bound > high, bound <= low),
        Condition::Compare(Op::Equal, bound) => (bound < low || bound > high, false),
        Condition::Compare(Op::Different, bound) => (false, bound < low || bound > high),
        Condition::Inside(from, to) => (to < low || from > high, from <= low && to >= high),
        Condition::Outside(from, to) => (from <= low && to >= high, to < low || from > high),
        Condition::Absent => (false, false),
    };
    let of = match (rule.unit.as_deref(), rule.function) {
        (_, Function::Rate | Function::Increase) => "a counter never falls".to_owned(),
        (Some(unit), _) => format!("{unit} lies from {low} to {high}"),
        (None, _) => return None,
    };
    match (never, always) {
        (true, _) => Some((format!("it can never fire: {of}"), "correct the bound or the unit")),
        (_, true) => Some((format!("it always fires: {of}"), "correct the bound or the unit")),
        _ => None,
    }
}

/// Whether the rule looks often and far enough.
fn narrow(rule: &Rule) -> Option<(String, &'static str)> {
    let window = rule.window?;
    let shown = duration::format(window);
    match rule.function {
        Function::Rate | Function::Increase if window < 2 * SAMPLE_INTERVAL => Some((
            format!("it can never fire: a window of {shown} seldom has the two samples that a rate needs"),
            "make it at least twice the interval of the samples (30s by default), better four times",
        )),
        _ if window < SAMPLE_INTERVAL => Some((
            format!("a window of {shown} often has no sample"),
            "make it longer than the interval of the samples (30s by default)",
        )),
        _ => None,
    }
}
