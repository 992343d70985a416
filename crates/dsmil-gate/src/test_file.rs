//! Tests of gate files in the manner of promtool: series, times, and what is expected then, in virtual time.

use std::fmt;

use crate::machine::Phase;
use crate::notation::{self, Item};
use crate::samples::{Labels, Samples};
use crate::{Engine, Evaluation, FileError, GateFile, Verdict};
use dsmil_toml::{Source, Table, duration};

/// A test file, read and checked.
#[derive(Clone, Debug)]
pub struct TestFile {
    file: String,
    gates: String,
    tests: Vec<Test>,
}

#[derive(Clone, Debug)]
struct Test {
    name: String,
    /// Milliseconds between samples.
    interval: i64,
    /// Milliseconds between evaluations.
    pace: i64,
    series: Vec<(String, Labels, Vec<Item>)>,
    expected: Vec<Expected>,
}

#[derive(Clone, Debug)]
struct Expected {
    at: i64,
    line: usize,
    what: Vec<Claim>,
}

#[derive(Clone, Debug)]
enum Claim {
    Rule(String, Phase),
    Gate(String, Verdict),
    Zone(String, String),
    Verdict(Verdict),
}

/// What became of the tests of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestReport {
    /// How many claims held.
    pub held: usize,
    /// Those that did not, each with its place.
    pub failures: Vec<String>,
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}"))?;
        write!(f, "{} held, {} failed", self.held, self.failures.len())
    }
}

impl TestFile {
    /// Reads a test file; `file` is its name for messages.
    ///
    /// # Errors
    /// [`FileError`] with everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        let source = Source::new("test file", text, file);
        let Some(tree) = source.tree() else { return Err(source.error()) };
        let root = Table::root(&source, &tree);
        let gates = root.required_text("gates", "write gates = \"FILE.toml\": the gate file, relative to this one");
        let gates = gates.map(|gates| gates.value.to_owned());
        let tables = root.tables("test");
        if tables.is_empty() && source.is_sound() {
            source.whole(None, "the file has no test".to_owned(), "write at least one [[test]]");
        }
        root.finish();
        let tests: Vec<Option<Test>> = tables.into_iter().map(test).collect();
        match gates {
            Some(gates) if source.is_sound() => {
                Ok(Self { file: file.to_owned(), gates, tests: tests.into_iter().flatten().collect() })
            }
            _ => Err(source.error()),
        }
    }

    /// The gate file that is tested, as written: relative to the test file.
    pub fn gates(&self) -> &str {
        &self.gates
    }

    /// The names of the tests.
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().map(|test| test.name.as_str())
    }

    /// Runs all tests against a gate file. Time is virtual: it begins at 0 and goes on by the test's pace.
    pub fn run(&self, gates: &GateFile) -> TestReport {
        let mut report = TestReport::default();
        for test in &self.tests {
            self.run_one(test, gates, &mut report);
        }
        report
    }

    fn run_one(&self, test: &Test, gates: &GateFile, report: &mut TestReport) {
        let mut engine = Engine::new(gates.clone());
        let mut samples = Samples::new();
        for (metric, labels, items) in &test.series {
            let id = samples.series(metric, labels);
            for (at, item) in (0..).step_by(usize::try_from(test.interval).unwrap_or(usize::MAX)).zip(items) {
                match item {
                    Item::Gap => continue,
                    Item::Stale => samples.push_stale(id, at),
                    Item::Value(value) => samples.push(id, at, *value),
                };
            }
        }
        let mut next = 0;
        let mut current = None;
        for expected in &test.expected {
            // A time between two evaluations sees what the one before has left, as in promtool.
            while next + test.pace <= expected.at {
                engine.advance(&samples, next);
                next += test.pace;
            }
            if next <= expected.at {
                current = Some(engine.evaluate(&samples, next));
                next += test.pace;
            }
            let Some(evaluation) = &current else { continue };
            for claim in &expected.what {
                match claim.fault(evaluation) {
                    None => report.held += 1,
                    Some(fault) => report.failures.push(format!(
                        "test file {}, line {}, test {} at {}: {fault}",
                        self.file,
                        expected.line,
                        test.name,
                        duration::format(expected.at)
                    )),
                }
            }
        }
    }
}

impl Claim {
    fn fault(&self, evaluation: &Evaluation) -> Option<String> {
        let (noun, name, wanted, found) = match self {
            Self::Rule(name, phase) => {
                ("rule", name, phase.to_string(), evaluation.rule(name).map(|rule| rule.state.to_string()))
            }
            Self::Gate(name, verdict) => {
                ("gate", name, verdict.to_string(), evaluation.gate(name).map(|gate| gate.verdict.to_string()))
            }
            Self::Zone(name, band) => ("zone", name, band.clone(), evaluation.zone(name).map(|zone| zone.band.clone())),
            Self::Verdict(verdict) => {
                let same = *verdict == evaluation.verdict;
                return (!same).then(|| format!("the verdict is {}, expected {verdict}\n{evaluation}", evaluation.verdict));
            }
        };
        match found {
            None => Some(format!("the gate file has no {noun} {name}")),
            Some(found) if found != wanted => Some(format!("{noun} {name} is {found}, expected {wanted}\n{evaluation}")),
            Some(_) => None,
        }
    }
}

fn test(table: Table<'_, '_>) -> Option<Test> {
    let name = table.required_text("name", "write name = \"...\"").map(|name| name.value.to_owned());
    let interval = table.positive_duration("interval").map_or(60_000, |interval| interval.value);
    let pace = table.positive_duration("evaluate_every").map_or(interval, |pace| pace.value);
    let series = series(&table);
    let mut expected: Vec<Expected> = Vec::new();
    for expect in table.tables("expect") {
        let Some(next) = expectation(expect) else { continue };
        if expected.last().is_some_and(|before| before.at >= next.at) {
            table.own_fault("the times don't ascend", "order the [[test.expect]] by their at");
        }
        expected.push(next);
    }
    if let Some(last) = expected.last() {
        let steps = usize::try_from(last.at / pace).unwrap_or(usize::MAX);
        if steps > table.source.room.get() {
            table.own_fault("the file asks for too many evaluations", "write earlier times or a longer evaluate_every");
        }
        table.source.room.set(table.source.room.get().saturating_sub(steps));
    }
    if expected.is_empty() && table.source.is_sound() {
        table.own_fault("the test expects nothing", "write at least one [[test.expect]]");
    }
    table.finish();
    Some(Test { name: name?, interval, pace, series, expected })
}

fn series(table: &Table<'_, '_>) -> Vec<(String, Labels, Vec<Item>)> {
    const REMEDY: &str = "write series = { 'cpu_percent{host=\"a\"}' = \"40+5x10 _ stale\" }";
    let mut all: Vec<(String, Labels, Vec<Item>)> = Vec::new();
    for (name, values) in table.pairs("series", REMEDY) {
        let items = notation::values(values.value, table.source.room.get())
            .map_err(|what| table.fault(values.at, "series", what, REMEDY));
        let read = notation::name(name.value).map_err(|what| table.fault(name.at, "series", what, REMEDY));
        let (Ok((metric, labels)), Ok(items)) = (read, items) else { continue };
        table.source.room.set(table.source.room.get().saturating_sub(items.len()));
        if all.iter().any(|(other, others, _)| *other == metric && *others == labels) {
            table.fault(name.at, "series", format!("{} stands here twice", name.value), "keep one of the two");
        }
        all.push((metric, labels, items));
    }
    all
}

fn expectation(table: Table<'_, '_>) -> Option<Expected> {
    table.required_text("at", "write at = \"5m\"");
    let at = table.duration("at");
    let mut what = Vec::new();
    claims(&table, "rules", &Phase::WORDS, |name, phase| what.push(Claim::Rule(name, phase)));
    claims(&table, "gates", &Verdict::WORDS, |name, verdict| what.push(Claim::Gate(name, verdict)));
    for (name, band) in table.pairs("zones", "write zones = { NAME = \"BAND\" }") {
        what.push(Claim::Zone(name.value.to_owned(), band.value.to_owned()));
    }
    what.extend(table.word("verdict", &Verdict::WORDS).map(|verdict| Claim::Verdict(verdict.value)));
    if what.is_empty() && table.source.is_sound() {
        table.own_fault("nothing is expected", "write verdict = \"go\", or rules, zones or gates with what they should be");
    }
    let line = table.source.position(table.at).0;
    table.finish();
    Some(Expected { at: at?.value, line, what })
}

fn claims<T: Copy>(table: &Table<'_, '_>, key: &'static str, words: &[(&str, T)], mut claim: impl FnMut(String, T)) {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let remedy = format!("write {key} = {{ NAME = \"{}\" }}", known.join("\" or \""));
    for (name, value) in table.pairs(key, &remedy) {
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == value.value) {
            claim(name.value.to_owned(), *meant);
        } else {
            let what = format!("{:?} is not known here", value.value);
            table.fault(value.at, &format!("{key}.{}", name.value), what, &remedy);
        }
    }
}
