//! `dsmil status`.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Answer;
use crate::table::{Cell, Page, Tone};

/// Show the driver's state and version
#[derive(Debug, Args)]
pub(crate) struct Status;

impl Status {
    #[allow(clippy::unused_self)] // like every command
    pub(crate) fn execute(&self, context: &Context) -> Result<Answer, Failure> {
        let device = context.open()?;
        let status = device.status()?;
        let version = device.version()?;
        let document = json!({
            "device": device.name(),
            "version": version.to_string(),
            "version_number": version.0,
            "kernel_module_loaded": status.kernel_module_loaded,
            "thermal_safe": status.thermal_safe,
            "current_temp_celsius": status.current_temp_celsius,
            "safe_device_count": status.safe_device_count,
            "quarantined_count": status.quarantined_count,
            "last_scan_timestamp": status.last_scan_timestamp,
        });
        let scan = match status.last_scan_timestamp {
            0 => "never".to_owned(),
            ms => format!("{ms} ms since boot"),
        };
        let mut page = Page::new();
        page.line(["device       ".into(), device.name().into()]);
        page.line(["driver       ".into(), version.into()]);
        page.line(["loaded       ".into(), judged(status.kernel_module_loaded)]);
        page.line(["thermal safe ".into(), judged(status.thermal_safe)]);
        page.line(["celsius      ".into(), status.current_temp_celsius.into()]);
        page.line(["safe         ".into(), status.safe_device_count.into()]);
        page.line([
            "quarantined  ".into(),
            format!("{} known to the driver, 7 to this library", status.quarantined_count).into(),
        ]);
        page.line(["last scan    ".into(), scan.into()]);
        Ok(Answer::new(document, page))
    }
}

fn judged(good: bool) -> Cell {
    if good { Cell::new("yes", Tone::Good) } else { Cell::new("no", Tone::Bad) }
}
