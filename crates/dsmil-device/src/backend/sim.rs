//! The simulated device in this process.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dsmil_quarantine::Request;
use dsmil_sim::{Config, Faults, Model};
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};

use super::BackendError;
use crate::Error;

/// A simulated driver that several devices, and a test, may hold.
pub type SharedModel = Arc<Mutex<Model>>;

/// A model as a backend; its clock starts when the backend is made.
#[derive(Debug)]
pub(crate) struct SimBackend {
    model: SharedModel,
    booted: Instant,
}

impl SimBackend {
    pub(crate) fn new(model: SharedModel) -> Self {
        Self { model, booted: Instant::now() }
    }

    pub(crate) fn from_options(options: &str) -> Result<Self, Error> {
        let refuse = |what: String| Error::Spec { spec: format!("sim:{options}"), what };
        let (faults, config): (Vec<_>, Vec<_>) = options.split(',').partition(|option| option.trim().starts_with("faults="));
        let config = Config::parse_options(&config.join(",")).map_err(|error| refuse(error.to_string()))?;
        let mut model = Model::new(config);
        if let Some(file) = faults.last().and_then(|option| option.trim().strip_prefix("faults=")) {
            model.set_faults(Faults::load(Path::new(file)).map_err(|error| refuse(error.to_string()))?);
        }
        Ok(Self::new(Arc::new(Mutex::new(model))))
    }

    pub(crate) fn open(&self) -> Result<(), Errno> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).open()
    }

    pub(crate) fn call(&self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
        request.fill(argument);
        let now = self.booted.elapsed();
        let answer = {
            let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
            model.ioctl(now, request.code().code(), argument)
        };
        if !answer.delay.is_zero() {
            wait(answer.delay)?;
        }
        Ok(answer.result?)
    }

    pub(crate) const fn model(&self) -> &SharedModel {
        &self.model
    }
}

/// Waits in the kernel as a driver's call does: a signal ends it with EINTR.
fn wait(delay: Duration) -> Result<(), Errno> {
    clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &TimeSpec::from_duration(delay)).map(drop)
}
