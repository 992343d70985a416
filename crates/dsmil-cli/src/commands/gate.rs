//! `dsmil gate`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dsmil::audit::{Log, Options, Outcome};
use dsmil::gate::{Engine, Evaluation, FileError, GateFile, MetricsText, Samples, TestFile};
use dsmil::monitor::{Stored, verdict_entry};
use serde_json::{Value, json};

use crate::commands::monitor::{Setup, verdict_exit, verdict_tone};
use crate::context::{Context, now_ms};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Tone};

/// The longest text of metrics that is read, in bytes: 16 MiB.
const MAX_METRICS: usize = 16 << 20;

/// May the next step be taken, and on what evidence?
#[derive(Debug, Subcommand)]
pub(crate) enum Gate {
    Check(Check),
    Lint(Lint),
    Test(Test),
    Export(Export),
}

/// Say what the gates of a file decide: 0 go, 7 hold or no-go, 8 roll back
///
/// On the metrics of a file, or, without --metrics, on what the monitor has written down. Every rule is evaluated once: one that
/// must fail for a time before it fires is pending, and holds.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gate file
    file: PathBuf,

    /// The metrics, as JSON: {"cpu_percent": 40.0, "disk_free_bytes": [{"labels": {"path": "/"}, "value": 1e9}]}; - is the standard
    /// input
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,

    /// The time of the evaluation [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,

    /// Record the verdict and its evidence in the audit log
    #[arg(long)]
    audit: bool,

    #[command(flatten)]
    setup: Setup,
}

/// Look for what is wrong, or probably not meant, in gate files
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The gate files
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// End with status 1 for warnings too
    #[arg(long)]
    strict: bool,
}

/// Run the tests of gate files, in virtual time
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The test files; each names its gate file
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Write the rules of a gate file for another program
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The gate file
    file: PathBuf,

    /// As rules for Prometheus, with the same meaning; what it can't express is named
    #[arg(long, required = true)]
    prometheus: bool,

    /// The name of the rule group [default: the name of the file]
    #[arg(long)]
    group: Option<String>,
}

impl Gate {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        match self {
            Self::Check(check) => check.execute(context),
            Self::Lint(lint) => lint.execute(),
            Self::Test(test) => test.execute(),
            Self::Export(export) => export.execute(),
        }
    }
}

impl Check {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let gates = read_gates(&self.file)?;
        let now = self.at.unwrap_or_else(|| i64::try_from(now_ms()).unwrap_or(i64::MAX));
        let samples = self.samples(gates.longest_look_back(), now)?;
        let evaluation = Engine::new(gates).evaluate(&samples, now);
        if self.audit && !context.is_dry_run() {
            record(context, &evaluation, &self.file)?;
        }
        Ok(answer(&evaluation))
    }

    /// What the gates are held against: the only place that knows where metrics come from.
    fn samples(&self, look_back: i64, now: i64) -> Result<Samples, Failure> {
        let Some(path) = &self.metrics else {
            let dir = self.setup.state_dir()?;
            let stored = Stored::open(&dir).map_err(|error| {
                Failure::Usage(format!(
                    "name the metrics with --metrics FILE, or start the monitor whose samples are to count: {error}"
                ))
            })?;
            return Ok(stored.samples(now.saturating_sub(look_back))?);
        };
        let metrics = MetricsText::parse(&read_metrics(path)?, now);
        let metrics = metrics.map_err(|error| Failure::File { text: format!("{}: {error}", path.display()) })?;
        let mut samples = Samples::new();
        metrics.pour(&mut samples);
        Ok(samples)
    }
}

fn record(context: &Context, evaluation: &Evaluation, file: &Path) -> Result<(), Failure> {
    let log = Log::open(context.run_dir()?.audit_path(), Options::default())?;
    if evaluation.gates.is_empty() {
        log.record(verdict_entry(evaluation, &file.display().to_string(), None), Outcome::Ok)?;
    }
    for gate in &evaluation.gates {
        log.record(verdict_entry(evaluation, &gate.name, None), Outcome::Ok)?;
    }
    Ok(())
}

fn answer(evaluation: &Evaluation) -> Answer {
    let mut page = Page::new();
    let text = evaluation.to_string();
    for (index, line) in text.lines().enumerate() {
        let cell = if index == 0 { Cell::new(line, verdict_tone(evaluation.verdict)) } else { line.into() };
        page.line([cell]);
    }
    Answer::new(json!(evaluation), page).with_exit(verdict_exit(evaluation.verdict))
}

impl Lint {
    fn execute(&self) -> Result<Answer, Failure> {
        let (mut page, mut files) = (Page::new(), Vec::new());
        let (mut errors, mut warnings) = (0, 0);
        for path in &self.files {
            let name = path.display().to_string();
            let found: Vec<Value> = match GateFile::parse(&read(path)?, &name) {
                Ok(gates) => {
                    let lints = gates.lint();
                    warnings += lints.len();
                    for lint in &lints {
                        page.line([Cell::new(format!("warning: {name}: {lint}"), Tone::Warn)]);
                    }
                    lints.iter().map(|lint| json!({ "severity": "warning", "line": lint.line, "subject": lint.subject, "what": lint.what, "remedy": lint.remedy })).collect()
                }
                Err(error) => {
                    errors += error.faults.len();
                    for line in error.to_string().lines() {
                        page.line([Cell::new(format!("error: {line}"), Tone::Bad)]);
                    }
                    faults(&error)
                }
            };
            files.push(json!({ "file": name, "found": found }));
        }
        let tone = if errors > 0 {
            Tone::Bad
        } else if warnings > 0 {
            Tone::Warn
        } else {
            Tone::Good
        };
        page.line([Cell::new(format!("{} files, {errors} errors, {warnings} warnings", self.files.len()), tone)]);
        let exit = if errors > 0 || (self.strict && warnings > 0) { Exit::Failed } else { Exit::Done };
        Ok(Answer::new(json!({ "files": files, "errors": errors, "warnings": warnings }), page).with_exit(exit))
    }
}

fn faults(error: &FileError) -> Vec<Value> {
    let fault = |fault: &dsmil::gate::Fault| {
        let (line, column) = fault.position.unzip();
        json!({ "severity": "error", "line": line, "column": column, "key": fault.key, "what": fault.what, "remedy": fault.remedy })
    };
    error.faults.iter().map(fault).collect()
}

impl Test {
    fn execute(&self) -> Result<Answer, Failure> {
        let (mut page, mut files, mut held, mut failed) = (Page::new(), Vec::new(), 0, 0);
        for path in &self.files {
            let tests = TestFile::parse(&read(path)?, &path.display().to_string())?;
            let gates = read_gates(&path.parent().unwrap_or(Path::new("")).join(tests.gates()))?;
            let report = tests.run(&gates);
            (held, failed) = (held + report.held, failed + report.failures.len());
            let tone = if report.failures.is_empty() { Tone::Good } else { Tone::Bad };
            for failure in &report.failures {
                page.line([Cell::new(failure, Tone::Bad)]);
            }
            let count = report.failures.len();
            page.line([Cell::new(format!("{}: {} held, {count} failed", path.display(), report.held), tone)]);
            files.push(json!({ "file": path.to_string_lossy(), "held": report.held, "failures": report.failures }));
        }
        let exit = if failed == 0 { Exit::Done } else { Exit::Failed };
        Ok(Answer::new(json!({ "files": files, "held": held, "failed": failed }), page).with_exit(exit))
    }
}

impl Export {
    fn execute(&self) -> Result<Answer, Failure> {
        let gates = read_gates(&self.file)?;
        let stem = || self.file.file_stem().map_or_else(|| "dsmil".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let exported = gates.to_prometheus(&self.group.clone().unwrap_or_else(stem));
        let document = json!({ "yaml": exported.yaml, "not_expressed": exported.not_expressed });
        let mut answer = Answer::new(document, Page::new());
        answer.bytes = Some(exported.yaml.into_bytes());
        if !exported.not_expressed.is_empty() {
            answer.warning = Some(format!("Prometheus can't express: {}", exported.not_expressed.join("; ")));
        }
        Ok(answer)
    }
}

fn read_gates(path: &Path) -> Result<GateFile, Failure> {
    Ok(GateFile::parse(&read(path)?, &path.display().to_string())?)
}

/// The text of a file that people write; of a longer one only as much as it takes to see that it is too long.
fn read(path: &Path) -> Result<String, Failure> {
    let file = File::open(path);
    file.and_then(|file| text_of(file, GateFile::MAX_BYTES)).map_err(|error| unreadable(&path.display().to_string(), &error))
}

/// Metrics from a file or, as `-`, from the standard input.
fn read_metrics(path: &Path) -> Result<String, Failure> {
    let (name, text) = if path.as_os_str() == "-" {
        ("the standard input".to_owned(), text_of(std::io::stdin().lock(), MAX_METRICS))
    } else {
        (path.display().to_string(), File::open(path).and_then(|file| text_of(file, MAX_METRICS)))
    };
    let text = text.map_err(|error| unreadable(&name, &error))?;
    if text.len() > MAX_METRICS {
        return Err(Failure::File { text: format!("{name} is too long: at most {MAX_METRICS} bytes of metrics are read") });
    }
    Ok(text)
}

fn text_of(source: impl Read, longest: usize) -> io::Result<String> {
    let mut text = String::new();
    source.take(longest as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::File { text: format!("{name} can't be read: {error}") }
}

fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = |_| "write it as 2026-11-21T12:00:00Z, or in milliseconds since 1970".to_owned();
    text.parse::<i64>().or_else(|_| text.parse().map(jiff::Timestamp::as_millisecond).map_err(wrong))
}
