//! Whether the emergency stop can be read, and so pulled.

use dsmil_device::stop_state;

use crate::{Check, CheckFn, Context, Found, Kind};

/// `stop-readable`: the control page is there and tells whether the stop is pulled. A pulled stop is no failure of security.
pub(crate) struct Readable;

impl CheckFn for Readable {
    fn check(&self) -> Check {
        Check::new("stop-readable", Kind::Security, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        if let Err(why) = super::control_page_is_there(context) {
            return Found::could_not_run(why);
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
