//! The conformance cases of gates, carried out from Rust. What a case may say is told in `tests/conformance/README.md`.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dsmil::gate::{Engine, Evaluation, GateFile, Labels, MetricsText, Samples};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    shows: Vec<String>,
    gates: String,
    check: Option<String>,
    #[serde(default)]
    at: i64,
    #[serde(default)]
    step: Vec<Step>,
    error: Option<Refusal>,
    expect: Option<Expect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: i64,
    #[serde(default)]
    restart: bool,
    #[serde(default)]
    record: Vec<Record>,
    #[serde(default)]
    unreadable: BTreeMap<String, String>,
    #[serde(default)]
    readable: Vec<String>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    metric: String,
    value: f64,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    at: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    kind: String,
    line: Option<usize>,
    key: Option<String>,
    says: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    verdict: Option<String>,
    go: Option<bool>,
    #[serde(default)]
    gates: BTreeMap<String, String>,
    #[serde(default)]
    zones: BTreeMap<String, String>,
    #[serde(default)]
    rules: BTreeMap<String, String>,
    reasons: Option<usize>,
    escalate: Option<bool>,
    says: Option<String>,
}

fn cases() -> Vec<(String, Case)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/gates");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file: File =
            toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.extend(file.case.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

/// What does not hold of a case.
fn carry_out(case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let file = match GateFile::parse(&case.gates, "gates.toml") {
        Ok(file) => file,
        Err(error) => {
            let first = error.faults.first().unwrap();
            let line = first.position.map(|(line, _)| line);
            refused(case, "gates", line, first.key.as_deref(), &error.to_string(), &mut wrong);
            return wrong;
        }
    };
    if let Some(text) = &case.check {
        match MetricsText::parse(text, case.at) {
            Ok(metrics) => {
                let mut samples = Samples::new();
                metrics.pour(&mut samples);
                let found = Engine::new(file.clone()).evaluate(&samples, case.at);
                match (&case.expect, &case.error) {
                    (Some(expect), None) => compare(expect, &found, "check", &mut wrong),
                    _ => wrong.push("it was not refused".to_owned()),
                }
            }
            Err(error) => refused(case, "metrics", None, None, &error.to_string(), &mut wrong),
        }
    } else if case.error.is_some() {
        wrong.push("it was not refused".to_owned());
    }
    let (mut engine, mut samples) = (Engine::new(file.clone()), Samples::new());
    for (index, step) in case.step.iter().enumerate() {
        if step.restart {
            let saved = serde_json::to_string(&engine.save()).unwrap();
            engine = Engine::new(file.clone());
            engine.restore(&serde_json::from_str(&saved).unwrap()).unwrap();
        }
        for record in &step.record {
            let labels: Labels = record.labels.clone().into_iter().collect();
            samples.record(&record.metric, &labels, record.at.unwrap_or(step.at), record.value);
        }
        for (metric, why) in &step.unreadable {
            samples.set_error(metric, Some(why));
        }
        for metric in &step.readable {
            samples.set_error(metric, None);
        }
        compare(&step.expect, &engine.evaluate(&samples, step.at), &format!("step {index}"), &mut wrong);
    }
    wrong
}

fn refused(case: &Case, kind: &str, line: Option<usize>, key: Option<&str>, message: &str, wrong: &mut Vec<String>) {
    let Some(expected) = &case.error else {
        wrong.push(format!("it was refused: {message}"));
        return;
    };
    let mut differs = |what: &str, holds: bool| {
        if !holds {
            wrong.push(format!("{what} of the refusal: {message}"));
        }
    };
    differs("the kind", expected.kind == kind);
    differs("the line", expected.line.is_none() || expected.line == line);
    differs("the key", expected.key.is_none() || expected.key.as_deref() == key);
    differs("the words", expected.says.as_ref().is_none_or(|says| message.contains(says)));
}

fn compare(expect: &Expect, found: &Evaluation, place: &str, wrong: &mut Vec<String>) {
    let text = found.to_string();
    let mut hold = |what: String, holds: bool| {
        if !holds {
            wrong.push(format!("{place}: {what}\n{text}"));
        }
    };
    hold("the verdict".to_owned(), expect.verdict.as_ref().is_none_or(|verdict| *verdict == found.verdict.to_string()));
    hold("go".to_owned(), expect.go.is_none_or(|go| go == (found.verdict == dsmil::gate::Verdict::Go)));
    for (name, verdict) in &expect.gates {
        hold(format!("gate {name}"), found.gate(name).is_some_and(|gate| gate.verdict.to_string() == *verdict));
    }
    for (name, band) in &expect.zones {
        hold(format!("zone {name}"), found.zone(name).is_some_and(|zone| zone.band == *band));
    }
    for (name, state) in &expect.rules {
        hold(format!("rule {name}"), found.rule(name).is_some_and(|rule| rule.state.to_string() == *state));
    }
    hold("the reasons".to_owned(), expect.reasons.is_none_or(|count| found.reasons().len() == count));
    hold("escalate".to_owned(), expect.escalate.is_none_or(|escalate| found.gates[0].escalate == escalate));
    hold("the words".to_owned(), expect.says.as_ref().is_none_or(|says| text.contains(says)));
}

#[test]
fn every_case_holds() {
    let cases = cases();
    assert!(cases.len() >= 70, "only {} cases", cases.len());
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for (file, case) in &cases {
        assert!(names.insert(&case.name), "{file}: {:?} is the name of two cases", case.name);
        assert!(!case.shows.is_empty(), "{file}: {:?} shows nothing", case.name);
        let says_something = case.error.is_some() || case.expect.is_some() || !case.step.is_empty();
        assert!(says_something, "{file}: {:?} expects nothing", case.name);
        wrong.extend(carry_out(case).into_iter().map(|line| format!("{file}: {:?}: {line}", case.name)));
    }
    assert!(wrong.is_empty(), "{} expectations of {} cases do not hold:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A runner that passes whatever it is given would prove nothing.
#[test]
fn a_case_that_does_not_hold_fails() {
    let mut caught = 0;
    for (_, mut case) in cases() {
        if let Some(expect) = &mut case.expect {
            let other = if expect.verdict.as_deref() == Some("go") { "no-go" } else { "go" };
            expect.verdict = Some(other.to_owned());
            assert!(!carry_out(&case).is_empty(), "{:?} holds whatever is expected", case.name);
            caught += 1;
        }
        if case.error.is_some() {
            case.error = None;
            assert!(!carry_out(&case).is_empty(), "{:?} is refused and nobody minds", case.name);
            caught += 1;
        }
        for index in 0..case.step.len() {
            let before = case.step[index].expect.verdict.replace("roll-back".to_owned());
            assert!(!carry_out(&case).is_empty(), "{:?}: step {index} holds whatever is expected", case.name);
            case.step[index].expect.verdict = before;
            caught += 1;
        }
    }
    assert!(caught >= 90, "only {caught} were turned round");
}
