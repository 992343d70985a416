//! `dsmil health`, `dsmil security` and `dsmil validate`: the scores, and the checks behind them.

use std::time::Duration;

use clap::Args;
use dsmil::health::{CheckResult, Score, Scores};
use dsmil::monitor::{Stored, validate};
use serde_json::json;

use crate::commands::monitor::Setup;
use crate::context::{Context, now_ms};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, would};
use crate::table::{Cell, Page, Side, Table, Tone};
use crate::text::{moment, parse_duration};

/// The health score of the monitor, and the checks behind it
///
/// As the monitor computed it last. Exit status 1 if it is older than --max-age: it then says nothing of now.
#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    last: Last,
}

/// The security score of the monitor, and the checks behind it
///
/// As the monitor computed it last. Exit status 1 if it is older than --max-age: it then says nothing of now.
#[derive(Debug, Args)]
pub(crate) struct Security {
    #[command(flatten)]
    last: Last,
}

#[derive(Debug, Args)]
struct Last {
    #[command(flatten)]
    setup: Setup,

    /// How old the score may be
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "2m")]
    max_age: Duration,
}

impl Health {
    pub(crate) fn execute(&self) -> Result<Answer, Failure> {
        self.last.answer("health")
    }
}

impl Security {
    pub(crate) fn execute(&self) -> Result<Answer, Failure> {
        self.last.answer("security")
    }
}

impl Last {
    fn answer(&self, which: &str) -> Result<Answer, Failure> {
        let scores = Stored::open(&self.setup.state_dir()?)?.scores()?;
        let none = || Failure::Usage("the monitor has computed no scores yet: `dsmil validate` computes them now".to_owned());
        let mut score = scores.map(|mut scores| scores[which].take()).filter(|score| !score.is_null()).ok_or_else(none)?;
        let empty = Vec::new();
        let checks = score["checks"].as_array().unwrap_or(&empty);
        let at = checks.iter().filter_map(|check| check["at"].as_u64()).max().unwrap_or(0);
        let age = Duration::from_millis(now_ms().saturating_sub(at));
        let mut page = Page::new();
        page.line([headline(which, score["value"].as_f64().unwrap_or(0.0))]);
        page.table(table(checks.iter().map(|check| {
            let number = |key: &str| check[key].as_f64().unwrap_or(0.0);
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            (
                text("name"),
                text("outcome"),
                number("share"),
                number("weight"),
                check["evidence"]["text"].as_str().unwrap_or_default().to_owned(),
            )
        })));
        page.line([format!("computed {}", moment(at)).into()]);
        let stale = age > self.max_age;
        score["stale"] = json!(stale);
        score["at"] = json!(at);
        let mut answer = Answer::new(score, page);
        if stale {
            answer.warning = Some(format!("the score is {} s old: it says nothing of now", age.as_secs()));
            answer = answer.with_exit(Exit::Failed);
        }
        Ok(answer)
    }
}

/// Run the checks behind the scores now, and show them
///
/// Samples once and runs every check, without a monitor. Exit status 0 if all passed, 1 otherwise.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    setup: Setup,

    /// Again and again until broken off; with --json a line each time
    #[arg(long)]
    continuous: bool,

    /// The time between two times
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s", requires = "continuous")]
    every: Duration,

    /// With --continuous: end after so many times
    #[arg(long, value_name = "N", requires = "continuous")]
    times: Option<u64>,
}

impl Validate {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        if context.is_dry_run() {
            let start = self.setup.start(context)?;
            return Ok(would(&format!("run the checks on {}", start.spec), json!({ "device": start.spec.to_string() })));
        }
        let mut done = 0u64;
        loop {
            let scores = validate(self.setup.start(context)?)?;
            done += 1;
            let last = !self.continuous || self.times.is_some_and(|times| done >= times);
            if last {
                let exit = if scores.health.is_full() && scores.security.is_full() { Exit::Done } else { Exit::Failed };
                return Ok(Answer::new(scores.to_json(), page(&scores)).with_exit(exit));
            }
            let line = format!(
                "{} health {:.1}, security {:.1}{}",
                moment(now_ms()),
                scores.health.value,
                scores.security.value,
                failed(&scores)
            );
            context.output().now(&scores.to_json(), &line)?;
            if !pause(context, self.every) {
                return Ok(Answer::silent());
            }
        }
    }
}

/// Waits, and looks now and then whether the host wants out: whether it doesn't.
fn pause(context: &Context, length: Duration) -> bool {
    let until = std::time::Instant::now() + length;
    while std::time::Instant::now() < until {
        if context.is_broken_off() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100).min(length));
    }
    true
}

fn failed(scores: &Scores) -> String {
    let checks = scores.health.checks.iter().chain(&scores.security.checks);
    let names: Vec<&str> = checks.filter(|check| !check.has_passed()).map(|check| check.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; not passed: {}", names.join(", ")) }
}

fn page(scores: &Scores) -> Page {
    let mut page = Page::new();
    for (which, score) in [("health", &scores.health), ("security", &scores.security)] {
        page.line([headline(which, score.value)]);
        page.table(table(score.checks.iter().map(row)));
        for name in &score.disabled {
            page.line([Cell::new(format!("disabled: {name}"), Tone::Warn)]);
        }
        page.line([Cell::new(formula(score), Tone::Dim)]);
    }
    page
}

fn formula(score: &Score) -> String {
    format!("= {}", score.formula)
}

type Row = (String, String, f64, f64, String);

fn row(check: &CheckResult) -> Row {
    (check.name.clone(), check.outcome.name().to_owned(), check.share, check.weight, check.evidence.text.clone())
}

fn headline(which: &str, value: f64) -> Cell {
    let tone = if value >= 95.0 { Tone::Good } else { Tone::Bad };
    Cell::new(format!("{which} {value:.1} of 100"), tone)
}

fn table(rows: impl Iterator<Item = Row>) -> Table {
    let mut table = Table::new([
        ("check", Side::Left),
        ("outcome", Side::Left),
        ("share", Side::Right),
        ("weight", Side::Right),
        ("evidence", Side::Left),
    ]);
    for (name, outcome, share, weight, evidence) in rows {
        let tone = if outcome == "passed" { Tone::Good } else { Tone::Bad };
        table.row([
            name.into(),
            Cell::new(outcome, tone),
            format!("{share:.2}").into(),
            weight.to_string().into(),
            evidence.into(),
        ]);
    }
    table
}
