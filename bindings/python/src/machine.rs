//! CPU and memory, at once.

use std::sync::Mutex;

use dsmil::sample::{MachineReading, MachineSampler};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::{blocking, error};

/// The sampler of the process: what `cpu_percent` counts from is the call before, whichever thread made it.
static MACHINE: Mutex<Option<MachineSampler>> = Mutex::new(None);

/// CPU and memory at a moment. Immutable.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct MachineSample(MachineReading);

#[pymethods]
impl MachineSample {
    /// When, in milliseconds since the Unix epoch.
    #[getter]
    fn at_ms(&self) -> i64 {
        self.0.at
    }

    /// When, in UTC.
    #[getter]
    fn at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static TIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        TIME.import(py, "dsmil.records", "_time")?.call1((self.0.at,))
    }

    /// How busy all processors were since the call before, 0 to 100; None at the first.
    #[getter]
    fn cpu_percent(&self) -> Option<f64> {
        self.0.cpu_percent
    }

    /// Memory in use, 0 to 100: all but what is available.
    #[getter]
    fn memory_percent(&self) -> f64 {
        self.0.memory_percent
    }

    /// Memory that programs can have without swapping, in bytes.
    #[getter]
    fn memory_available_bytes(&self) -> u64 {
        self.0.memory_available_bytes
    }

    /// All memory, in bytes.
    #[getter]
    fn memory_total_bytes(&self) -> u64 {
        self.0.memory_total_bytes
    }

    /// Swap in use, 0 to 100; 0 where there is none.
    #[getter]
    fn swap_percent(&self) -> f64 {
        self.0.swap_percent
    }

    fn __repr__(&self) -> String {
        let cpu = self.0.cpu_percent.map_or_else(|| "None".to_owned(), |percent| format!("{percent:.1}"));
        format!("<MachineSample cpu_percent={cpu} memory_percent={:.1}>", self.0.memory_percent)
    }
}

/// Looks at CPU and memory.
#[pyfunction]
pub(crate) fn sample_machine(py: Python<'_>) -> PyResult<MachineSample> {
    let looked = blocking::attached(py, || {
        let mut machine = MACHINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        machine.get_or_insert_with(MachineSampler::new).sample()
    })?;
    looked
        .map(MachineSample)
        .map_err(|failure| error::of_class(py, "MonitorError", failure.kind(), &failure.to_string(), &PyDict::new(py)))
}
