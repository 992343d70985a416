//! The steps of a monitor, one after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsmil::monitor::{Next, Subscription};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::bell::Bell;
use crate::gate::{Evaluated, evaluated};
use crate::metrics::Measurement;
use crate::{blocking, error};

/// What Python waits at: readable when there is something to take.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Steps {
    subscription: Mutex<Option<Subscription>>,
    bell: Arc<Bell>,
    made_by: u32,
}

/// A step as Python takes it: time, measurements, evaluation, changed verdicts, scores as JSON, events of alerts as JSON, what
/// could not be seen, whether it is on the disk, and how many were dropped before it.
pub(crate) type Step =
    (i64, Vec<Measurement>, Evaluated, Vec<(String, Option<String>, String)>, Option<String>, String, Vec<String>, bool, u64);

#[pymethods]
impl Steps {
    /// Readable when there is something to take.
    fn fileno(&self) -> i32 {
        self.bell.fileno()
    }

    /// Takes the next step: None if there is none yet, False if none will come any more. Doesn't wait.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        error::forked(py, self.made_by)?;
        self.bell.hush();
        let next = blocking::attached(py, || {
            let subscription = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
            subscription.as_ref().map_or(Next::Ended, |subscription| subscription.next(Duration::ZERO))
        })?;
        match next {
            Next::TimedOut => Ok(None),
            Next::Ended => {
                self.bell.ring();
                Ok(Some(PyBool::new(py, false).to_owned().into_any()))
            }
            Next::Step(step, missed) => {
                let taken = blocking::attached(py, || as_python(&step, missed))?;
                // There may be more, for others who wait here: they look again.
                self.bell.ring();
                Ok(Some(taken.into_pyobject(py)?.into_any()))
            }
        }
    }

    /// Takes no more; whoever waits is woken.
    fn close(&self) {
        drop(self.subscription.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.bell.ring();
    }
}

impl Steps {
    pub(crate) fn new(monitor: &dsmil::monitor::Monitor) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::new()?);
        let rung = Arc::clone(&bell);
        let subscription = monitor.subscribe_with(move || rung.ring());
        Ok(Self { subscription: Mutex::new(Some(subscription)), bell, made_by: std::process::id() })
    }
}

fn as_python(step: &dsmil::monitor::Step, missed: u64) -> Step {
    let changes = step.changes.iter();
    (
        step.at,
        step.measurements.iter().cloned().map(Measurement).collect(),
        evaluated(&step.evaluation),
        changes.map(|change| (change.gate.clone(), change.from.map(|from| from.to_string()), change.to.to_string())).collect(),
        step.scores.as_ref().map(|scores| scores.to_json().to_string()),
        crate::monitor::events_as_json(&step.alerts),
        step.errors.clone(),
        step.saved,
        missed,
    )
}
