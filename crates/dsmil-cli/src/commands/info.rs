//! `dsmil info`.

use clap::Args;
use dsmil::{DeviceId, DeviceRecord, Group};

use super::{celsius, state_cell};
use crate::context::Context;
use crate::failure::Failure;
use crate::json;
use crate::output::Answer;
use crate::table::{Cell, Page};

/// Show what the driver knows of one device
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The device, such as 0x8003 or 32771
    id: DeviceId,
}

impl Info {
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let record = context.open()?.info(self.id)?;
        Ok(Answer::new(json::record(&record), page(&record)))
    }
}

fn page(record: &DeviceRecord) -> Page {
    let response = record.last_response.map_or_else(|| "-".to_owned(), |response| format!("0x{response:08X}"));
    let mut page = Page::new();
    page.line(["id           ".into(), record.id.into()]);
    page.line(["group        ".into(), record.id.group().map_or("-", Group::name).into()]);
    page.line(["index        ".into(), record.id.index().into()]);
    page.line(["state        ".into(), state_cell(record.state)]);
    page.line(["access       ".into(), record.access.into()]);
    page.line(["quarantined  ".into(), yes_no(record.is_quarantined)]);
    page.line(["response     ".into(), response.into()]);
    page.line(["celsius      ".into(), celsius(record.thermal_celsius)]);
    page.line(["timestamp    ".into(), format!("{} ms since boot", record.timestamp).into()]);
    page
}

fn yes_no(yes: bool) -> Cell {
    if yes { "yes" } else { "no" }.into()
}
