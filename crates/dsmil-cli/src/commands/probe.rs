//! `dsmil probe`.

use clap::Args;
use dsmil::ProbeOutcome;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Side, Table, Tone};

/// Find out which of the eleven requests the driver has
#[derive(Debug, Args)]
pub(crate) struct Probe;

impl Probe {
    #[allow(clippy::unused_self)] // like every command
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let device = context.open()?;
        let probe = device.probe()?;
        let mut table =
            Table::new([("number", Side::Right), ("request", Side::Left), ("code", Side::Left), ("outcome", Side::Left)]);
        for (request, outcome) in probe.outcomes {
            let code = format!("0x{:08X}", request.code());
            table.row([request.number().into(), request.name().into(), code.into(), Cell::new(outcome, tone(outcome))]);
        }
        let requests = probe.outcomes.iter().map(|(request, outcome)| {
            json!({
                "number": request.number(), "request": request.name(), "code": request.code(),
                "outcome": name(*outcome), "errno": errno(*outcome),
            })
        });
        let requests = requests.collect::<Vec<_>>();
        let mut page = Page::new();
        page.table(table);
        let chunked = if probe.is_chunked() { "chunked transfers work" } else { "chunked transfers don't work: an older driver" };
        page.line([chunked.into()]);
        Ok(Answer::new(json!({ "device": device.name(), "chunked": probe.is_chunked(), "requests": requests }), page))
    }
}

const fn name(outcome: ProbeOutcome) -> &'static str {
    match outcome {
        ProbeOutcome::Works => "works",
        ProbeOutcome::Refused(_) => "refused",
        ProbeOutcome::Missing => "missing",
        ProbeOutcome::NotAsked => "not-asked",
    }
}

fn errno(outcome: ProbeOutcome) -> Option<String> {
    match outcome {
        ProbeOutcome::Refused(errno) => Some(format!("{errno:?}")),
        _ => None,
    }
}

const fn tone(outcome: ProbeOutcome) -> Tone {
    match outcome {
        ProbeOutcome::Works => Tone::Good,
        ProbeOutcome::Refused(_) => Tone::Warn,
        ProbeOutcome::Missing => Tone::Bad,
        ProbeOutcome::NotAsked => Tone::Dim,
    }
}
