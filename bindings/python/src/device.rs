//! An open device.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dsmil::{BackendSpec, LatencySummary, Limits, OpenOptions, ProbeOutcome};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::argument::{Id, Use, count, seconds};
use crate::record::{self, DeviceRecord};
use crate::sim::Model;
use crate::{blocking, error};

/// Count, and seconds: minimum, p50, p95, p99, maximum.
type Summary = (u64, f64, f64, f64, f64, f64);
type RequestSummary = (&'static str, Summary);
type DeviceSummary = (u16, Summary);

/// What a signal handler raised during a call (KeyboardInterrupt), kept until the call has come back.
type Raised = Arc<Mutex<Option<PyErr>>>;

/// An open device: what `dsmil.Device` is made of.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Device {
    /// Taken by `drop` alone.
    open: Option<dsmil::Device>,
    raised: Raised,
    closed: AtomicBool,
}

#[pymethods]
impl Device {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes each by its name")]
    #[pyo3(signature = (spec, *, model, run_dir, policy, dry_run, call_deadline, transfer_deadline, turn_timeout, tries, attempts, back_off))]
    fn new(
        py: Python<'_>,
        spec: Option<&str>,
        model: Option<&Model>,
        run_dir: Option<PathBuf>,
        policy: Option<PathBuf>,
        dry_run: bool,
        call_deadline: &Bound<'_, PyAny>,
        transfer_deadline: &Bound<'_, PyAny>,
        turn_timeout: &Bound<'_, PyAny>,
        tries: &Bound<'_, PyAny>,
        attempts: &Bound<'_, PyAny>,
        back_off: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let limits = Limits {
            call_deadline: seconds(call_deadline, "call_deadline")?,
            transfer_deadline: seconds(transfer_deadline, "transfer_deadline")?,
            turn_timeout: seconds(turn_timeout, "turn_timeout")?,
            tries: count(tries, "tries")?,
            attempts: count(attempts, "attempts")?,
            back_off: seconds(back_off, "back_off")?,
        };
        let raised = Raised::default();
        let mut options = OpenOptions::default().limits(limits).dry_run(dry_run).interrupt(interrupt_check(&raised));
        if let Some(path) = run_dir {
            options = options.run_dir(path);
        }
        if let Some(path) = policy {
            options = options.policy(path);
        }
        let opened = blocking::detached(py, || {
            if let Some(model) = model {
                return options.open_model(Arc::clone(&model.0));
            }
            let spec: BackendSpec = spec.map_or_else(BackendSpec::from_environment, str::parse)?;
            options.open_spec(&spec)
        })?;
        let device = opened.map_err(|failure| raised_or(py, &raised, &failure))?;
        Ok(Self { open: Some(device), raised, closed: AtomicBool::new(false) })
    }

    #[getter]
    fn name(&self) -> &str {
        self.open.as_ref().map_or("", dsmil::Device::name)
    }

    #[getter]
    fn run_dir(&self) -> PathBuf {
        self.open.as_ref().map_or_else(PathBuf::new, |device| device.run_dir().path().to_owned())
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.closed() {
            self.ask(py, dsmil::Device::close)?;
            self.closed.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<Option<i32>> {
        self.ask(py, |device| device.with_fd(|file| file.map(|file| file.as_raw_fd())))
    }

    fn scan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        record::tuple(py, self.ask(py, dsmil::Device::scan)?.records)
    }

    fn read<'py>(&self, py: Python<'py>, id: Id) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.ask(py, |device| device.read(id.0))?))
    }

    fn info(&self, py: Python<'_>, id: Id) -> PyResult<DeviceRecord> {
        self.ask(py, |device| device.info(id.0)).map(DeviceRecord::from)
    }

    fn status(&self, py: Python<'_>) -> PyResult<(bool, bool, i32, u32, u32, u64)> {
        let status = self.ask(py, dsmil::Device::status)?;
        Ok((
            status.kernel_module_loaded,
            status.thermal_safe,
            status.current_temp_celsius,
            status.safe_device_count,
            status.quarantined_count,
            status.last_scan_timestamp,
        ))
    }

    fn thermal(&self, py: Python<'_>) -> PyResult<i32> {
        self.ask(py, dsmil::Device::thermal)
    }

    fn version(&self, py: Python<'_>) -> PyResult<(u8, u8, u8)> {
        let version = self.ask(py, dsmil::Device::version)?;
        Ok((version.major(), version.minor(), version.patch()))
    }

    fn probe(&self, py: Python<'_>) -> PyResult<Vec<(&'static str, &'static str, Option<i32>)>> {
        let probe = self.ask(py, dsmil::Device::probe)?;
        let outcomes = probe.outcomes.iter().map(|(request, outcome)| match outcome {
            ProbeOutcome::Works => (request.name(), "works", None),
            ProbeOutcome::Refused(errno) => (request.name(), "refused", Some(*errno as i32)),
            ProbeOutcome::Missing => (request.name(), "missing", None),
            ProbeOutcome::NotAsked => (request.name(), "not-asked", None),
        });
        Ok(outcomes.collect())
    }

    fn latency(&self, py: Python<'_>) -> PyResult<(Vec<RequestSummary>, Vec<DeviceSummary>)> {
        let report = self.ask(py, dsmil::Device::latency)?;
        let requests = report.requests.iter().map(|(request, measured)| (request.name(), summary(measured)));
        let devices = report.devices.iter().map(|(id, measured)| (id.get(), summary(measured)));
        Ok((requests.collect(), devices.collect()))
    }

    fn check(&self, py: Python<'_>, id: Id, operation: Use) -> PyResult<()> {
        self.ask(py, |device| match device.check(id.0, operation.0)? {
            Ok(()) => Ok(()),
            Err(denied) => Err(dsmil::Error::Denied { denied, unrecorded: None }),
        })
    }

    fn sim_counters(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.ask(py, |device| {
            // Closed, forked or busy: said as such, and not as *no simulated device*.
            device.with_fd(|_| ())?;
            let model = device.model();
            Ok(model.map(|model| model.lock().unwrap_or_else(PoisonError::into_inner).counters().to_json()))
        })
    }
}

impl Device {
    /// Asks the device for something while other Python threads go on.
    fn ask<T: Send>(&self, py: Python<'_>, ask: impl FnOnce(&dsmil::Device) -> Result<T, dsmil::Error> + Send) -> PyResult<T> {
        let device = self.open.as_ref();
        blocking::detached(py, || device.map_or(Err(dsmil::Error::Closed), ask))?
            .map_err(|failure| raised_or(py, &self.raised, &failure))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        blocking::drop_detached(self.open.take());
    }
}

/// Runs Python's signal handlers. Only the main thread has any to run; for the others it is a glance.
fn interrupt_check(raised: &Raised) -> dsmil::InterruptCheck {
    let raised = Arc::clone(raised);
    Arc::new(move || {
        let check = |py: Python<'_>| py.check_signals();
        let Some(Err(error)) = Python::try_attach(check) else { return false };
        *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        true
    })
}

/// The exception of the signal handler, if that is what ended the call; otherwise the error's own.
fn raised_or(py: Python<'_>, raised: &Raised, failure: &dsmil::Error) -> PyErr {
    let own = || error::raise(py, failure);
    match failure {
        dsmil::Error::Interrupted { .. } => raised.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(own),
        _ => own(),
    }
}

fn summary(measured: &LatencySummary) -> Summary {
    (
        measured.count,
        measured.min.as_secs_f64(),
        measured.p50.as_secs_f64(),
        measured.p95.as_secs_f64(),
        measured.p99.as_secs_f64(),
        measured.max.as_secs_f64(),
    )
}
