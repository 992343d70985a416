//! Whether the driver is there, and says of itself that it is well.

use dsmil_device::Error;

use crate::{Check, CheckFn, Context, Found, Kind};

/// `driver-answers`: asks the driver for its version.
pub(crate) struct Answers;

impl CheckFn for Answers {
    fn check(&self) -> Check {
        Check::new("driver-answers", Kind::Health, 3.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let device = match context.open_device() {
            Ok(device) => device,
            Err(why) => return Found::could_not_run(why),
        };
        match device.version() {
            Ok(version) => {
                Found::passed(format!("{} answers: version {version}", device.name())).with("version", version.to_string())
            }
            Err(error) => unanswered(&error),
        }
        .with("device", device.name())
    }
}

/// `kernel-module`: asks the driver whether its module is loaded and its temperature safe.
pub(crate) struct Module;

impl CheckFn for Module {
    fn check(&self) -> Check {
        Check::new("kernel-module", Kind::Health, 1.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let device = match context.open_device() {
            Ok(device) => device,
            Err(why) => return Found::could_not_run(why),
        };
        let status = match device.status() {
            Ok(status) => status,
            Err(error) => return unanswered(&error).with("device", device.name()),
        };
        let found = match (status.kernel_module_loaded, status.thermal_safe) {
            (false, _) => Found::failed("the driver says that its kernel module is not loaded: modprobe dsmil-72dev"),
            (true, false) => Found::failed("the driver says that its temperature is not safe"),
            (true, true) => Found::passed("the driver says that its module is loaded and its temperature safe"),
        };
        found
            .with("device", device.name())
            .with("kernel_module_loaded", status.kernel_module_loaded)
            .with("thermal_safe", status.thermal_safe)
    }
}

/// The driver was asked and didn't answer: a failure. That it could not be asked at all is another matter.
fn unanswered(error: &Error) -> Found {
    match error {
        Error::Stopped(_) | Error::DryRun { .. } | Error::Closed | Error::Forked { .. } | Error::Busy { .. } => {
            Found::could_not_run(error.to_string())
        }
        _ => Found::failed(error.to_string()),
    }
    .with("error", error.kind())
}
