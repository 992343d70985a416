//! `dsmil monitor`.

mod run;
mod setup;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use dsmil::gate::Verdict;
use dsmil::monitor::Step;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Tone};

pub(crate) use setup::Setup;

/// Watch the machine and its devices
///
/// Samples, evaluates the gates, tells who must hear of alerts, and writes everything down, until SIGTERM or SIGINT. SIGHUP reads
/// the configuration again. Ready for systemd: it says when it is ready and that it goes on. With --once it takes one round and
/// says what the gates decide: 0 go, 7 hold or no-go, 8 roll back.
#[derive(Debug, Args)]
pub(crate) struct Monitor {
    #[command(flatten)]
    setup: Setup,

    /// Take one round and end
    #[arg(long)]
    once: bool,

    /// Serve HTTP here, such as 127.0.0.1:9472; needs a file with keys: see `dsmil key`
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,

    /// The file with the keys for HTTP
    #[arg(long, value_name = "FILE", conflicts_with = "once")]
    keys: Option<PathBuf>,
}

impl Monitor {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        if context.is_dry_run() {
            return self.dry_run(context);
        }
        if self.once {
            let step = dsmil::monitor::once(self.setup.start(context)?)?;
            return Ok(verdict_answer(&step));
        }
        run::run(&self.setup, self.listen, self.keys.as_deref(), context)
    }

    /// Everything that can be checked without acting: configuration, gate files, device, keys.
    fn dry_run(&self, context: &Context) -> Result<Answer, Failure> {
        let start = self.setup.start(context)?;
        run::serve_config(&start.config, self.listen, self.keys.as_deref())?;
        let details = json!({ "state_dir": start.state_dir.to_string_lossy(), "gates": start.gates.len() });
        Ok(crate::output::would(&format!("watch {} and write to {}", start.spec, start.state_dir.display()), details))
    }
}

pub(crate) const fn verdict_exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Go => Exit::Done,
        Verdict::Hold | Verdict::NoGo => Exit::NoGo,
        Verdict::RollBack => Exit::RollBack,
    }
}

pub(crate) const fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Go => Tone::Good,
        Verdict::Hold => Tone::Warn,
        Verdict::NoGo | Verdict::RollBack => Tone::Bad,
    }
}

fn verdict_answer(step: &Step) -> Answer {
    let mut page = Page::new();
    let evaluation = &step.evaluation;
    page.line([Cell::new(evaluation.verdict, verdict_tone(evaluation.verdict))]);
    for gate in &evaluation.gates {
        page.line([format!("gate {}: ", gate.name).into(), Cell::new(gate.verdict, verdict_tone(gate.verdict))]);
        for reason in &gate.reasons {
            page.line([format!("  {reason}").into()]);
        }
    }
    if let Some(scores) = &step.scores {
        let text = format!("health {:.1}, security {:.1} of 100", scores.health.value, scores.security.value);
        page.line([text.into()]);
    }
    for error in &step.errors {
        page.line([Cell::new(error, Tone::Warn)]);
    }
    let document = json!({
        "evaluation": evaluation.as_ref(),
        "scores": step.scores.as_ref().map(|scores| scores.to_json()),
        "measurements": step.measurements.len(),
        "errors": step.errors,
        "saved": step.saved,
    });
    Answer::new(document, page).with_exit(verdict_exit(evaluation.verdict))
}
