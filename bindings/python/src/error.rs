//! Errors of the core as Python exceptions. The classes are in `dsmil.exceptions`, by kind; what a
//! variant carries becomes attributes.

use dsmil::history;
use dsmil::monitor::{ConfigError, MonitorError};
use dsmil::{Denied, Error, Interference, TransferError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::stop;

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let attributes = PyDict::new(py);
    match describe(&attributes, error) {
        Ok(()) => make(py, error.kind(), &error.to_string(), &attributes),
        Err(failure) => failure,
    }
}

/// An error of a kind that carries nothing but its text.
pub(crate) fn plain(py: Python<'_>, kind: &str, message: &str) -> PyErr {
    make(py, kind, message, &PyDict::new(py))
}

/// An argument that is out of its range.
pub(crate) fn argument(py: Python<'_>, name: &str, what: &str) -> PyErr {
    let attributes = PyDict::new(py);
    match attributes.set_item("name", name) {
        Ok(()) => make(py, "argument", &format!("{name}: {what}"), &attributes),
        Err(failure) => failure,
    }
}

/// An exception of a class of `dsmil.exceptions` that the caller names: gates and monitors have kinds of their own.
pub(crate) fn of_class(py: Python<'_>, class: &str, kind: &str, message: &str, attributes: &Bound<'_, PyDict>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE.import(py, "dsmil.exceptions", "make_as").and_then(|make| make.call1((class, kind, message, attributes)));
    made.map_or_else(|failure| failure, PyErr::from_value)
}

/// Refuses a process that is not the one that made something, but its child by `fork`.
pub(crate) fn forked(py: Python<'_>, made_by: u32) -> PyResult<()> {
    if std::process::id() == made_by {
        return Ok(());
    }
    let attributes = PyDict::new(py);
    attributes.set_item("opened_by", made_by)?;
    let text = format!("the monitor runs in process {made_by}, of which this one is a child by fork: start one anew");
    Err(make(py, "forked", &text, &attributes))
}

/// The exception for an error of the monitor.
pub(crate) fn of_monitor(py: Python<'_>, failure: &MonitorError) -> PyErr {
    let attributes = PyDict::new(py);
    match describe_monitor(&attributes, failure) {
        Ok(class) => of_class(py, class, failure.kind(), &failure.to_string(), &attributes),
        Err(other) => other,
    }
}

/// Writes down what the error carries: the class that stands for it.
fn describe_monitor(to: &Bound<'_, PyDict>, failure: &MonitorError) -> PyResult<&'static str> {
    match failure {
        MonitorError::Config(ConfigError { file, position, .. }) => {
            let (line, column) = position.unzip();
            to.set_item("file", file)?;
            to.set_item("line", line)?;
            to.set_item("column", column)?;
            Ok("ConfigError")
        }
        MonitorError::Gates { file, .. } => {
            to.set_item("file", file)?;
            Ok("ConfigError")
        }
        MonitorError::History(history::Error::Held { path, pid, since, command }) => {
            to.set_item("path", path.as_os_str())?;
            to.set_item("pid", pid)?;
            to.set_item("since", since)?;
            to.set_item("command", command)?;
            Ok("HeldError")
        }
        _ if failure.kind() == "config" => Ok("ConfigError"),
        MonitorError::Alert(_) => Ok("AlertError"),
        _ => Ok("MonitorError"),
    }
}

fn make(py: Python<'_>, kind: &str, message: &str, attributes: &Bound<'_, PyDict>) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE.import(py, "dsmil.exceptions", "make").and_then(|make| make.call1((kind, message, attributes)));
    made.map_or_else(|failure| failure, PyErr::from_value)
}

/// Writes down everything that the variant carries. Every one of them is named here; what a later
/// version adds still has its kind, its text and what the three questions answer.
fn describe(to: &Bound<'_, PyDict>, error: &Error) -> PyResult<()> {
    if let Some(errno) = error.errno() {
        to.set_item("errno", errno as i32)?;
    }
    if let Some(id) = error.id() {
        to.set_item("id", id.get())?;
    }
    if let Some(fault) = error.fault() {
        to.set_item("fault", fault.name())?;
    }
    match error {
        Error::Denied { denied, unrecorded } => {
            describe_denial(to, denied)?;
            to.set_item("unrecorded", unrecorded.as_deref())
        }
        Error::Stopped(record) => to.set_item("record", stop::as_python(to.py(), record)?),
        Error::DryRun { request, .. } | Error::Unsupported { request } | Error::Vanished { request, .. } => {
            to.set_item("request", request.name())
        }
        Error::Interrupted { during } => to.set_item("during", *during),
        Error::Deadline { what, limit, elapsed, interrupted, .. } => {
            to.set_item("what", *what)?;
            to.set_item("limit", limit.as_secs_f64())?;
            to.set_item("elapsed", elapsed.as_secs_f64())?;
            to.set_item("interrupted", *interrupted)
        }
        Error::Busy { device, waited } => {
            to.set_item("device", device)?;
            to.set_item("waited", waited.as_secs_f64())
        }
        Error::Contended { transfer, attempts, last, .. } => {
            to.set_item("transfer", transfer.to_string())?;
            to.set_item("attempts", *attempts)?;
            match last {
                Interference::Session(source) => describe_transfer(to, source),
                Interference::Closed { chunk, bytes_done } => describe_progress(to, Some(*chunk), *bytes_done),
            }
        }
        Error::Protocol { source, .. } => describe_transfer(to, source),
        Error::Request { request, attempts, state, chunk, bytes_done, .. } => {
            to.set_item("request", request.name())?;
            to.set_item("attempts", *attempts)?;
            to.set_item("state", state.map(dsmil::State::number))?;
            describe_progress(to, *chunk, *bytes_done)
        }
        Error::Open { path, what, remedy, .. } | Error::RunDirectory { path, what, remedy } => {
            to.set_item("path", path.as_os_str())?;
            to.set_item("what", what)?;
            to.set_item("remedy", remedy)
        }
        Error::Spec { spec, what } => {
            to.set_item("spec", spec)?;
            to.set_item("what", what)
        }
        Error::Argument { name, what } => {
            to.set_item("name", *name)?;
            to.set_item("what", what)
        }
        Error::Forked { opened_by } => to.set_item("opened_by", *opened_by),
        Error::Trace { path, line, what } => {
            to.set_item("path", path.as_os_str())?;
            to.set_item("line", *line)?;
            to.set_item("what", what)
        }
        Error::Isolations { path, what } => {
            to.set_item("path", path.as_os_str())?;
            to.set_item("what", what)
        }
        // These carry their text alone; and the enumeration may grow.
        Error::Record { .. } | Error::Closed | Error::Audit(_) | _ => Ok(()),
    }
}

fn describe_denial(to: &Bound<'_, PyDict>, denied: &Denied) -> PyResult<()> {
    to.set_item("key", denied.key())?;
    to.set_item("explicit", denied.is_explicit())?;
    to.set_item("reason", PyString::new(to.py(), &denied.grounds.to_string()))?;
    to.set_item("operation", denied.operation.name())
}

fn describe_transfer(to: &Bound<'_, PyDict>, source: &TransferError) -> PyResult<()> {
    to.set_item("transfer", source.transfer.to_string())?;
    describe_progress(to, Some(source.chunk), source.bytes_done)
}

fn describe_progress(to: &Bound<'_, PyDict>, chunk: Option<u32>, bytes_done: usize) -> PyResult<()> {
    to.set_item("chunk", chunk)?;
    to.set_item("bytes_done", bytes_done)
}
