//! Whether the emergency stop can be read, and so pulled.

use std::fs;

use dsmil_device::stop_state;

use crate::{Check, CheckFn, Context, Found, Kind};

/// `stop-readable`: the control page is there and tells whether the stop is pulled. A pulled stop is no failure of security.
pub(crate) struct Readable;

impl CheckFn for Readable {
    fn check(&self) -> Check {
        Check::new("stop-readable", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let page = context.run_dir.join("control");
        // Looked for first, since opening the run directory would make it.
        if let Err(error) = fs::symlink_metadata(&page) {
            return Found::could_not_run(format!("{}: {error}; the first program that opens a device makes it", page.display()));
        }
        match stop_state(&context.run_dir) {
            Ok(None) => Found::passed("the emergency stop can be read; it is not pulled").with("pulled", false),
            Ok(Some(record)) => {
                Found::passed(format!("the emergency stop can be read; it is pulled: {record}")).with("pulled", true)
            }
            Err(error) => Found::failed(error.to_string()).with("error", error.kind()),
        }
    }
}
