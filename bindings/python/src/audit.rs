//! The audit log, read: as JSON, which the Python side turns into its records.

use std::path::PathBuf;

use dsmil::RunDir;
use dsmil::audit::{AuditError, Expect};
use pyo3::prelude::*;

use crate::{blocking, error};

/// The report of a verification as JSON.
#[pyfunction]
#[pyo3(signature = (directory, run_dir, expect))]
pub(crate) fn audit_verify(
    py: Python<'_>,
    directory: Option<PathBuf>,
    run_dir: Option<PathBuf>,
    expect: Option<(u64, String)>,
) -> PyResult<String> {
    let expect = expect.map(|(seq, hash)| Expect { seq, hash });
    blocking::run(py, || {
        let report = dsmil::audit::verify(place(directory, run_dir)?, expect)?;
        serde_json::to_string(&report).map_err(|error| AuditError::from(error).into())
    })
}

/// The newest records as a JSON array, oldest first.
#[pyfunction]
#[pyo3(signature = (count, directory, run_dir))]
pub(crate) fn audit_tail(py: Python<'_>, count: i64, directory: Option<PathBuf>, run_dir: Option<PathBuf>) -> PyResult<String> {
    let Ok(count) = usize::try_from(count) else {
        return Err(error::argument(py, "count", &format!("{count} is negative")));
    };
    blocking::run(py, || {
        let records = dsmil::audit::tail(place(directory, run_dir)?, count)?;
        serde_json::to_string(&records).map_err(|error| AuditError::from(error).into())
    })
}

fn place(directory: Option<PathBuf>, run_dir: Option<PathBuf>) -> Result<PathBuf, dsmil::Error> {
    match directory {
        Some(directory) => Ok(directory),
        None => Ok(RunDir::open(&RunDir::resolve_default(run_dir.as_deref())?)?.audit_path()),
    }
}
