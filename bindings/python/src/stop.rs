//! The emergency stop.

use std::path::PathBuf;

use dsmil::{RunDir, StopRecord};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::blocking;

/// Pulls the stop: the record in force, the seconds until it was, and why it has no audit record.
#[pyfunction]
#[pyo3(signature = (reason, run_dir))]
pub(crate) fn emergency_stop<'py>(
    py: Python<'py>,
    reason: &str,
    run_dir: Option<PathBuf>,
) -> PyResult<(Bound<'py, PyAny>, f64, Option<String>)> {
    let pulled = blocking::run(py, || dsmil::emergency_stop(&RunDir::resolve_default(run_dir.as_deref())?, reason))?;
    Ok((as_python(py, &pulled.record)?, pulled.took.as_secs_f64(), pulled.unrecorded))
}

/// Ends the stop; false if none was in force.
#[pyfunction]
#[pyo3(signature = (reason, run_dir))]
pub(crate) fn clear_stop(py: Python<'_>, reason: &str, run_dir: Option<PathBuf>) -> PyResult<bool> {
    blocking::run(py, || dsmil::clear_stop(&RunDir::resolve_default(run_dir.as_deref())?, reason))
}

/// The stop in force, if one is.
#[pyfunction]
#[pyo3(signature = (run_dir))]
pub(crate) fn stop_state(py: Python<'_>, run_dir: Option<PathBuf>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let record = blocking::run(py, || dsmil::stop_state(&RunDir::resolve_default(run_dir.as_deref())?))?;
    record.map(|record| as_python(py, &record)).transpose()
}

/// A record as a `dsmil.StopRecord`.
pub(crate) fn as_python<'py>(py: Python<'py>, record: &StopRecord) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let StopRecord { reason, uid, pid, program, since_ms } = record;
    CLASS.import(py, "dsmil.records", "StopRecord")?.call1((reason, uid, pid, program, since_ms))
}
