//! What the commands work with: the device, the run directory and the rules that the arguments name.

use std::path::PathBuf;

use dsmil::{
    BackendSpec, Device, InterruptCheck, Isolations, Limits, OpenOptions, PolicyError, Quarantine, RunDir, current_quarantine,
    load_policies,
};

use crate::args::Globals;
use crate::output::Output;

pub(crate) struct Context {
    globals: Globals,
    output: Output,
    interrupt: Option<InterruptCheck>,
}

impl Context {
    pub(crate) fn new(globals: Globals, output: Output, interrupt: Option<InterruptCheck>) -> Self {
        Self { globals, output, interrupt }
    }

    pub(crate) const fn globals(&self) -> &Globals {
        &self.globals
    }

    pub(crate) const fn output(&self) -> Output {
        self.output
    }

    pub(crate) const fn is_dry_run(&self) -> bool {
        self.globals.dry_run
    }

    /// Whether the host wants the command broken off: to be asked in loops whose calls are too short for
    /// the library to ask.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|wants_out| wants_out())
    }

    /// The device that is meant.
    pub(crate) fn spec(&self) -> Result<BackendSpec, dsmil::Error> {
        self.globals.device.clone().map_or_else(BackendSpec::from_environment, Ok)
    }

    /// Opens it.
    pub(crate) fn open(&self) -> Result<Device, dsmil::Error> {
        self.options().open_spec(&self.spec()?)
    }

    pub(crate) fn options(&self) -> OpenOptions {
        let mut options = Device::options().limits(self.limits()).dry_run(self.globals.dry_run);
        if let Some(path) = &self.globals.run_dir {
            options = options.run_dir(path);
        }
        if let Some(path) = &self.globals.policy {
            options = options.policy(path);
        }
        match &self.interrupt {
            Some(check) => options.interrupt(check.clone()),
            None => options,
        }
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(deadline) = self.globals.deadline {
            limits.call_deadline = deadline;
            limits.transfer_deadline = limits.transfer_deadline.max(deadline);
        }
        if let Some(deadline) = self.globals.transfer_deadline {
            limits.transfer_deadline = deadline;
        }
        limits
    }

    /// Where the run directory is. A device that makes no sense doesn't keep anybody from it: a stop must
    /// be pulled all the same.
    pub(crate) fn run_path(&self) -> Result<PathBuf, dsmil::Error> {
        let in_process = self.spec().is_ok_and(|spec| spec.is_in_process());
        RunDir::resolve(self.globals.run_dir.as_deref(), in_process)
    }

    pub(crate) fn run_dir(&self) -> Result<RunDir, dsmil::Error> {
        RunDir::open(&self.run_path()?)
    }

    pub(crate) fn isolations(&self) -> Result<Isolations, dsmil::Error> {
        Ok(Isolations::new(self.run_dir()?))
    }

    /// The rules as a device would apply them. Without a run directory there is no access: everything is denied.
    pub(crate) fn quarantine(&self) -> Quarantine {
        let policy = self.globals.policy.as_deref();
        self.run_dir().map_or_else(
            |error| {
                let file = self.run_path().map_or_else(|_| "run directory".to_owned(), |path| path.display().to_string());
                let remedy = "`dsmil doctor` says what to do; without it nobody knows what is isolated".to_owned();
                load_policies(policy).with_unusable_policy(PolicyError {
                    file,
                    position: None,
                    key: None,
                    what: error.to_string(),
                    remedy,
                })
            },
            |run| current_quarantine(&run, policy),
        )
    }
}

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
