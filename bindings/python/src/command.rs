//! The command `dsmil`, the same code as the native program.

use std::ffi::OsString;
use std::io::Write;

use pyo3::prelude::*;

use crate::blocking;

/// Runs the command and gives its exit status. The first argument is the program's name.
#[pyfunction]
#[pyo3(signature = (arguments))]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    blocking::detached(py, || {
        let status = dsmil_cli::run(arguments);
        // Rust flushes at the end of its own programs only, and this one is Python's.
        let _ = std::io::stdout().flush();
        status
    })
}
