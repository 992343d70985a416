//! `dsmil audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dsmil::audit::{self, AuditError, Expect, Outcome, Record, Report};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table, Tone};

/// Read and verify the audit log
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    Tail(Tail),
    Verify(Verify),
}

impl Audit {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        match self {
            Self::Tail(tail) => tail.execute(context),
            Self::Verify(verify) => verify.execute(context),
        }
    }
}

/// The log of the run directory, which is not opened for it: whoever may only read can read.
fn log_dir(context: &Context, given: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    let dir = match given {
        Some(dir) => dir.clone(),
        None => context.run_path()?.join("audit"),
    };
    // The library speaks of a directory that it can't list; what is meant is that nothing was ever written.
    if dir.try_exists().is_ok_and(|exists| !exists) { Err(AuditError::NotALog { path: dir }.into()) } else { Ok(dir) }
}

/// Show the last records
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// How many
    #[arg(short, value_name = "N", default_value_t = 10)]
    n: usize,

    /// The log's directory [default: audit in the run directory]
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
}

impl Tail {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let records = audit::tail(log_dir(context, self.log.as_ref())?, self.n)?;
        let mut table = Table::new([
            ("seq", Side::Right),
            ("time", Side::Left),
            ("uid", Side::Right),
            ("program", Side::Left),
            ("action", Side::Left),
            ("target", Side::Left),
            ("result", Side::Left),
            ("reason", Side::Left),
        ]);
        for record in &records {
            table.row(row(record));
        }
        let mut page = Page::new();
        page.table(table);
        Ok(Answer::new(json!({ "records": records }), page))
    }
}

fn row(record: &Record) -> [Cell; 8] {
    let program = record.who.program.rsplit('/').next().unwrap_or_default();
    let (word, tone) = match record.result {
        Outcome::Begun => ("begun", Tone::Dim),
        Outcome::Ok => ("ok", Tone::Good),
        Outcome::Denied => ("denied", Tone::Warn),
        Outcome::Failed => ("failed", Tone::Bad),
        _ => ("other", Tone::Dim),
    };
    [
        record.seq.into(),
        format!("{:.0}", record.time).into(),
        record.who.uid.into(),
        program.into(),
        record.action.as_str().into(),
        record.target.as_deref().unwrap_or("-").into(),
        Cell::new(word, tone),
        record.reason.as_deref().unwrap_or("").into(),
    ]
}

/// Verify the chain: find what was changed, removed, added or reordered, and where
///
/// Exit status 1 if anything is. The hashes have no key: keep the number and hash that this prints where
/// nobody can change them, and hand them to the next verification with --expect.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A record that must be in the log, noted at an earlier verification
    #[arg(long, value_name = "SEQ:HASH", value_parser = parse_expect)]
    expect: Option<Expect>,

    /// The log's directory [default: audit in the run directory]
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
}

impl Verify {
    fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let report = audit::verify(log_dir(context, self.log.as_ref())?, self.expect.clone())?;
        let mut document = json!(report);
        document["clean"] = report.is_clean().into();
        let exit = if report.is_clean() { Exit::Done } else { Exit::Failed };
        Ok(Answer::new(document, page(&report)).with_exit(exit))
    }
}

fn page(report: &Report) -> Page {
    let mut page = Page::new();
    for finding in &report.findings {
        page.line([Cell::new(finding, Tone::Bad)]);
    }
    if report.left_off > 0 {
        page.line([format!("and {} more", report.left_off).into()]);
    }
    for repair in &report.repairs {
        page.line([Cell::new(format!("record {} tells of a repair: {}", repair.seq, repair.reason), Tone::Warn)]);
    }
    if !report.unfinished.is_empty() {
        let seqs: Vec<_> = report.unfinished.iter().map(ToString::to_string).collect();
        page.line([Cell::new(format!("begun and not ended: {}", seqs.join(", ")), Tone::Warn)]);
    }
    let (verdict, tone) = if report.is_clean() { ("sound", Tone::Good) } else { ("NOT sound", Tone::Bad) };
    let files = report.files.len();
    page.line([
        "the chain is ".into(),
        Cell::new(verdict, tone),
        format!(": {} records ({} to {}) in {files} files", report.records, report.first_seq, report.last_seq).into(),
    ]);
    page.line([format!("head {}:{}", report.last_seq, report.head_hash).into()]);
    page
}

fn parse_expect(text: &str) -> Result<Expect, String> {
    let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash)));
    match parts {
        Some((seq, hash)) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(Expect { seq, hash: hash.to_ascii_lowercase() })
        }
        _ => Err("write it as `dsmil audit verify` prints it: a number, a colon and 64 hex digits".to_owned()),
    }
}
