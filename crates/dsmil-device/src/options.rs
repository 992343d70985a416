//! How a device is opened, and within what bounds it is used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{BackendSpec, SharedModel};
use crate::{Device, Error};

/// Asked now and then during a long call whether the caller wants to break it off.
pub type InterruptCheck = Arc<dyn Fn() -> bool + Send + Sync>;

/// The caller's wish to break off, if it may have one.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Option<InterruptCheck>);

impl Interrupt {
    /// Asks the caller.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.as_ref().is_some_and(|wants_out| wants_out())
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.0.is_some()).finish()
    }
}

/// The bounds within which requests are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one ioctl may take: 100 ms.
    pub call_deadline: Duration,
    /// How long a whole operation may take, with all its calls and repetitions: 5 s. Waiting for the
    /// turn is not counted.
    pub transfer_deadline: Duration,
    /// How long the turn is waited for: 10 s.
    pub turn_timeout: Duration,
    /// How many times one request is asked that fails for a moment (EIO, EAGAIN, EBUSY): 4.
    pub tries: u32,
    /// How many times a transfer is begun that another program breaks: 8.
    pub attempts: u32,
    /// The pause before a second try: 1 ms; twice as long before each further one.
    pub back_off: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_millis(100),
            transfer_deadline: Duration::from_secs(5),
            turn_timeout: Duration::from_secs(10),
            tries: 4,
            attempts: 8,
            back_off: Duration::from_millis(1),
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), Error> {
        let day = Duration::from_hours(24);
        for (name, value) in [
            ("call_deadline", self.call_deadline),
            ("transfer_deadline", self.transfer_deadline),
            ("turn_timeout", self.turn_timeout),
        ] {
            if value < Duration::from_millis(1) || value > day {
                return Err(Error::Argument { name, what: format!("{value:?} is not between 1 ms and a day") });
            }
        }
        for (name, value) in [("tries", self.tries), ("attempts", self.attempts)] {
            if !(1..=100).contains(&value) {
                return Err(Error::Argument { name, what: format!("{value} is not between 1 and 100") });
            }
        }
        if self.back_off > Duration::from_secs(1) {
            return Err(Error::Argument { name: "back_off", what: format!("{:?} is over a second", self.back_off) });
        }
        Ok(())
    }
}

/// How a device is opened. Made by [`Device::options`].
#[derive(Clone, Default)]
pub struct OpenOptions {
    pub(crate) run_dir: Option<PathBuf>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) dry_run: bool,
    pub(crate) interrupt: Interrupt,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("run_dir", &self.run_dir)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl OpenOptions {
    /// The run directory; otherwise as [`RunDir::resolve`](crate::RunDir::resolve) says.
    #[must_use]
    pub fn run_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.run_dir = Some(path.into());
        self
    }

    /// One more policy file, beside `/etc/dsmil/policy.toml`; otherwise the one that `DSMIL_POLICY` names.
    #[must_use]
    pub fn policy(mut self, path: impl Into<PathBuf>) -> Self {
        self.policy = Some(path.into());
        self
    }

    /// The bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether everything is checked and nothing asked: each operation then ends with
    /// [`Error::DryRun`] where its first request would have been made.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// A function that is asked, whenever a call was interrupted or took long and while a turn is waited
    /// for, whether to break off. It may be called from any thread that uses the device.
    #[must_use]
    pub fn interrupt(mut self, check: InterruptCheck) -> Self {
        self.interrupt = Interrupt(Some(check));
        self
    }

    /// Opens what a string names: a path, `sim:`, `record:FILE,BACKEND` or `replay:FILE`.
    ///
    /// # Errors
    /// [`Error::Spec`], [`Error::Open`], [`Error::RunDirectory`], [`Error::Stopped`], [`Error::Argument`].
    pub fn open(self, spec: &str) -> Result<Device, Error> {
        self.open_spec(&spec.parse()?)
    }

    /// Opens what `DSMIL_DEVICE` names, or `/dev/dsmil-72dev`.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_default(self) -> Result<Device, Error> {
        self.open_spec(&BackendSpec::from_environment()?)
    }

    /// Opens a specification.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_spec(self, spec: &BackendSpec) -> Result<Device, Error> {
        self.limits.check()?;
        Device::open_with(spec, self)
    }

    /// Opens a simulated driver that the caller holds too, to set faults and read its counters.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_model(self, model: SharedModel) -> Result<Device, Error> {
        self.limits.check()?;
        Device::open_model(model, self)
    }

    pub(crate) fn run_dir_path(&self) -> Option<&Path> {
        self.run_dir.as_deref()
    }
}
