//! Who may be touched: the quarantine as files and isolations make it, and the isolations themselves.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsmil::{Error, Isolation, Isolations, OpenOptions, PERMANENT, RunDir, SelfCheck, current_quarantine};
use pyo3::prelude::*;

use crate::argument::{Id, Use, seconds};
use crate::blocking;

/// Id, reason, author, since and until in milliseconds since the epoch.
pub(crate) type IsolationFields = (u16, String, String, u64, Option<u64>);
/// Id, what, denied, accesses, control.
type CheckFields = (u16, &'static str, bool, u64, u64);
/// File, line, index, first, last, reason.
type RuleFields = (String, usize, usize, u16, u16, String);

/// The quarantine as it was when it was loaded.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Quarantine(dsmil::Quarantine);

#[pymethods]
impl Quarantine {
    #[new]
    #[pyo3(signature = (policy, run_dir))]
    fn new(py: Python<'_>, policy: Option<PathBuf>, run_dir: Option<PathBuf>) -> PyResult<Self> {
        blocking::run(py, || {
            let run = RunDir::open(&RunDir::resolve_default(run_dir.as_deref())?)?;
            Ok(Self(current_quarantine(&run, policy.as_deref())))
        })
    }

    fn check(&self, py: Python<'_>, id: Id, operation: Use) -> PyResult<()> {
        let cleared = self.0.clear(id.0, operation.0, now_ms()).map(drop);
        cleared.map_err(|denied| crate::error::raise(py, &Error::Denied { denied, unrecorded: None }))
    }

    fn is_cleared(&self, id: Id, operation: Use) -> bool {
        self.0.clear(id.0, operation.0, now_ms()).is_ok()
    }

    fn rules(&self) -> Vec<RuleFields> {
        let rules = self.0.rules().iter();
        rules
            .map(|rule| (rule.file.clone(), rule.line, rule.index, rule.first.get(), rule.last.get(), rule.reason.clone()))
            .collect()
    }

    fn isolations(&self) -> Vec<IsolationFields> {
        self.0.isolations().iter().map(fields).collect()
    }

    fn unusable(&self) -> Option<String> {
        self.0.unusable().map(ToString::to_string)
    }
}

/// The seven, each with what touching it does.
#[pyfunction]
pub(crate) fn permanent() -> Vec<(u16, &'static str)> {
    PERMANENT.iter().map(|entry| (entry.id.get(), entry.what)).collect()
}

#[pyfunction]
#[pyo3(signature = (run_dir))]
pub(crate) fn isolations(py: Python<'_>, run_dir: Option<PathBuf>) -> PyResult<Vec<IsolationFields>> {
    let active = blocking::run(py, || open(run_dir)?.active())?;
    Ok(active.iter().map(fields).collect())
}

#[pyfunction]
#[pyo3(signature = (id, reason, author, duration, run_dir))]
pub(crate) fn isolate(
    py: Python<'_>,
    id: Id,
    reason: &str,
    author: &str,
    duration: Option<&Bound<'_, PyAny>>,
    run_dir: Option<PathBuf>,
) -> PyResult<IsolationFields> {
    let duration: Option<Duration> = duration.map(|duration| seconds(duration, "duration")).transpose()?;
    let made = blocking::run(py, || open(run_dir)?.isolate(id.0, reason, author, duration))?;
    Ok(fields(&made))
}

#[pyfunction]
#[pyo3(signature = (id, author, run_dir))]
pub(crate) fn release(py: Python<'_>, id: Id, author: &str, run_dir: Option<PathBuf>) -> PyResult<Option<IsolationFields>> {
    let released = blocking::run(py, || open(run_dir)?.release(id.0, author))?;
    Ok(released.as_ref().map(fields))
}

/// Each of the seven.
#[pyfunction]
#[pyo3(signature = (policy, run_dir))]
pub(crate) fn self_check(py: Python<'_>, policy: Option<PathBuf>, run_dir: Option<PathBuf>) -> PyResult<Vec<CheckFields>> {
    let mut options = OpenOptions::default();
    if let Some(path) = policy {
        options = options.policy(path);
    }
    if let Some(path) = run_dir {
        options = options.run_dir(path);
    }
    let found = blocking::run(py, || SelfCheck::run(options))?;
    let entries = found.entries.iter().map(|entry| (entry.id.get(), entry.what, entry.denied, entry.accesses, entry.control));
    Ok(entries.collect())
}

fn open(run_dir: Option<PathBuf>) -> Result<Isolations, Error> {
    Ok(Isolations::new(RunDir::open(&RunDir::resolve_default(run_dir.as_deref())?)?))
}

fn fields(isolation: &Isolation) -> IsolationFields {
    let Isolation { id, reason, author, since_ms, until_ms } = isolation;
    (id.get(), reason.clone(), author.clone(), *since_ms, *until_ms)
}

/// A clock before 1970 counts as 1970: then every isolation is in force.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
