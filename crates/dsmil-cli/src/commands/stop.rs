//! `dsmil stop`.

use std::path::Path;

use clap::Args;
use dsmil::{StopRecord, clear_stop, emergency_stop, stop_state};
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, would};
use crate::table::{Cell, Page, Tone};
use crate::text::{latency, moment, user};

/// Pull the emergency stop: no process that uses the library asks the device for anything more
///
/// It holds, across restarts too, until somebody runs `dsmil stop --clear`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Why
    #[arg(long, required_unless_present_any = ["clear", "status"], conflicts_with = "status")]
    reason: Option<String>,

    /// End the stop
    #[arg(long, conflicts_with = "status")]
    clear: bool,

    /// Tell whether it is pulled; exit status 5 if it is
    #[arg(long)]
    status: bool,
}

impl Stop {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let run = context.run_path()?;
        if self.status {
            return status(&run);
        }
        let what = if self.clear { "clear the emergency stop" } else { "pull the emergency stop" };
        if context.is_dry_run() {
            stop_state(&run)?;
            return Ok(would(what, json!({ "run_dir": run.to_string_lossy() })));
        }
        if self.clear { self.clear(&run) } else { self.pull(&run) }
    }

    fn pull(&self, run: &Path) -> Result<Answer, Failure> {
        let pulled = emergency_stop(run, self.reason.as_deref().unwrap_or_default())?;
        let document = json!({
            "pulled": true,
            "record": pulled.record,
            "took_ns": crate::json::nanos(pulled.took),
            "unrecorded": pulled.unrecorded,
        });
        let mut page = Page::of(Cell::new(format!("stopped: {}", pulled.record), Tone::Bad));
        page.line([format!("in force after {}; `dsmil stop --clear` ends it", latency(pulled.took)).into()]);
        let mut answer = Answer::new(document, page);
        answer.warning = pulled.unrecorded.map(|why| format!("the stop holds, and the audit log has no record of it: {why}"));
        Ok(answer)
    }

    fn clear(&self, run: &Path) -> Result<Answer, Failure> {
        let reason = self.reason.clone().unwrap_or_else(|| format!("cleared by {}", user()));
        let was_pulled = clear_stop(run, &reason)?;
        let line = if was_pulled { "the emergency stop is cleared" } else { "the emergency stop was not pulled" };
        Ok(Answer::new(json!({ "pulled": false, "was_pulled": was_pulled }), Page::of(line)))
    }
}

fn status(run: &Path) -> Result<Answer, Failure> {
    let record = stop_state(run)?;
    let exit = if record.is_some() { Exit::Stopped } else { Exit::Done };
    let page = record.as_ref().map_or_else(|| Page::of("the emergency stop is not pulled"), in_force);
    Ok(Answer::new(json!({ "pulled": record.is_some(), "record": record }), page).with_exit(exit))
}

fn in_force(record: &StopRecord) -> Page {
    Page::of(Cell::new(format!("stopped since {}: {record}", moment(record.since_ms)), Tone::Bad))
}
