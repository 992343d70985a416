//! Gates: a file of them, and the samples that they are held against.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dsmil::gate::{
    Engine, Evaluation, FileError, GateFile, Labels, Measurement, MetricsText, Pushed, Samples, State, TestFile, is_stale,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::{Deserialize, Serialize};

use crate::{blocking, error, metrics};

/// An evaluation as Python takes it: JSON, text, reasons.
pub(crate) type Evaluated = (String, String, Vec<String>);

/// The version of what `save` gives.
const VERSION: u32 = 1;

/// A gate file, and where its rules stand. Nothing here blocks: the interpreter stays attached, and the lock is never waited for.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Gate {
    file: GateFile,
    name: String,
    live: Mutex<Live>,
}

struct Live {
    engine: Engine,
    samples: Samples,
    unreadable: Unreadable,
}

/// Why a metric can't be read, by the labels of those of its series that can't.
type Unreadable = BTreeMap<String, BTreeMap<Labels, String>>;

/// What `save` gives: the states, and the samples on which the rules will still look. Values are text: every number comes back to
/// the last bit, and JSON has no NaN.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    states: State,
    series: Vec<SavedSeries>,
    unreadable: Vec<(String, Labels, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSeries {
    metric: String,
    labels: Labels,
    samples: Vec<(i64, String)>,
}

#[pymethods]
impl Gate {
    #[new]
    fn new(py: Python<'_>, text: &str, name: &str) -> PyResult<Self> {
        let parsed = blocking::attached(py, || GateFile::parse(text, name))?;
        Ok(Self::of(parsed.map_err(|failure| file_error(py, &failure))?, name))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let name = path.display().to_string();
        let text = read_file(py, &path)?;
        Self::new(py, &text, &name)
    }

    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.file.fingerprint()
    }

    /// The names of gates, zones and rules, and of the metrics that the rules look at.
    fn names(&self) -> (Vec<&str>, Vec<&str>, Vec<&str>, Vec<&str>) {
        let mut metrics: Vec<&str> = self.file.rules().iter().map(|rule| rule.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        (
            self.file.gates().iter().map(|gate| gate.name.as_str()).collect(),
            self.file.zones().iter().map(|zone| zone.name.as_str()).collect(),
            self.file.rules().iter().map(|rule| rule.name.as_str()).collect(),
            metrics,
        )
    }

    /// Evaluates once, on these metrics alone.
    fn check(&self, py: Python<'_>, metrics: &Bound<'_, PyAny>, at: Option<&Bound<'_, PyAny>>) -> PyResult<Evaluated> {
        let now = time_or_now(at)?;
        let found = metrics::read(metrics, now)?;
        let (samples, conflict) = blocking::attached(py, || pour(&found))?;
        if let Some(twice) = conflict {
            let what = format!("there are two values for {}{} at {} ms", twice.metric, twice.labels, twice.at);
            return Err(error::argument(py, &twice.metric, &what));
        }
        blocking::attached(py, || evaluated(&Engine::new(self.file.clone()).evaluate(&samples, now)))
    }

    /// Takes in a value; what became of it.
    fn record(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        labels: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<&'static str> {
        let name = metrics::metric_name(metric)?;
        let value = metrics::number(value, &name)?;
        let (labels, at) = (labels_or_none(labels, &name)?, time_or_now(at)?);
        self.change(py, |live| {
            live.mark(&name, &labels, value.is_none().then_some(UNREADABLE));
            value.map_or("unreadable", |value| outcome(live.samples.record(&name, &labels, at, value)))
        })
    }

    /// Says why a metric can't be read, or that it can be again.
    fn set_error(&self, py: Python<'_>, metric: &Bound<'_, PyAny>, why: Option<&str>) -> PyResult<()> {
        let name = metrics::metric_name(metric)?;
        self.change(py, |live| {
            if why.is_none() {
                live.unreadable.remove(&name);
            }
            live.mark(&name, &Labels::default(), why);
        })
    }

    /// Says that a series ends; what became of it.
    fn end(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        labels: Option<&Bound<'_, PyAny>>,
        at: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<&'static str> {
        let name = metrics::metric_name(metric)?;
        let (labels, at) = (labels_or_none(labels, &name)?, time_or_now(at)?);
        self.change(py, |live| outcome(live.samples.take(&Measurement::stale(Cow::Owned(name), labels, at))))
    }

    /// Carries the states on, and drops the samples on which no rule can look any more.
    fn evaluate(&self, py: Python<'_>, at: Option<&Bound<'_, PyAny>>) -> PyResult<Evaluated> {
        let now = time_or_now(at)?;
        self.change(py, |live| {
            let evaluation = live.engine.evaluate(&live.samples, now);
            live.samples.prune(now.saturating_sub(self.file.longest_look_back()));
            evaluated(&evaluation)
        })
    }

    fn save(&self, py: Python<'_>) -> PyResult<String> {
        self.change(py, |live| {
            let series = live.samples.all().map(|series| SavedSeries {
                metric: series.metric().to_owned(),
                labels: series.labels().clone(),
                samples: series.samples().iter().map(|sample| (sample.at, word(sample.value))).collect(),
            });
            let unreadable = live.unreadable.iter().flat_map(|(metric, of_metric)| {
                of_metric.iter().map(|(labels, why)| (metric.clone(), labels.clone(), why.clone()))
            });
            let (series, unreadable) = (series.collect(), unreadable.collect());
            let saved = Saved { version: VERSION, states: live.engine.save(), series, unreadable };
            serde_json::to_string(&saved).unwrap_or_default()
        })
    }

    fn restore(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let done = self.change(py, |live| {
            let saved: Saved = serde_json::from_str(text).map_err(|why| format!("it is no saved state: {why}"))?;
            if saved.version != VERSION {
                return Err(format!("version {} is not known, only {VERSION}; use the release that wrote it", saved.version));
            }
            let samples = saved.samples()?;
            live.engine.restore(&saved.states).map_err(|why| why.to_string())?;
            live.samples = samples;
            live.unreadable.clear();
            saved.unreadable.iter().for_each(|(metric, labels, why)| live.mark(metric, labels, Some(why)));
            Ok(())
        })?;
        done.map_err(|what| {
            let message = format!("{}: restore: {what}", self.name);
            match file_attribute(py, &self.name) {
                Ok(attributes) => error::of_class(py, "GateError", "gate-state", &message, &attributes),
                Err(failure) => failure,
            }
        })
    }

    /// Line, subject, what, remedy.
    fn lint(&self, py: Python<'_>) -> PyResult<Vec<(usize, String, String, String)>> {
        let lints = blocking::attached(py, || self.file.lint())?;
        Ok(lints.into_iter().map(|lint| (lint.line, lint.subject, lint.what, lint.remedy.to_owned())).collect())
    }

    fn export_prometheus(&self, py: Python<'_>, group: &str) -> PyResult<(String, Vec<String>)> {
        let exported = blocking::attached(py, || self.file.to_prometheus(group))?;
        Ok((exported.yaml, exported.not_expressed))
    }
}

impl Gate {
    fn of(file: GateFile, name: &str) -> Self {
        let live = Live { engine: Engine::new(file.clone()), samples: Samples::new(), unreadable: BTreeMap::new() };
        Self { file, name: name.to_owned(), live: Mutex::new(live) }
    }

    /// Does something with the states. After a panic they are not to be relied on.
    fn change<T>(&self, py: Python<'_>, act: impl FnOnce(&mut Live) -> T) -> PyResult<T> {
        let done = blocking::attached(py, || self.live.lock().ok().map(|mut live| act(&mut live)))?;
        done.ok_or_else(|| error::plain(py, "internal", "a fault before has left this gate's states unusable: load it anew"))
    }
}

impl Saved {
    fn samples(&self) -> Result<Samples, String> {
        let mut samples = Samples::new();
        for series in &self.series {
            let id = samples.series(&series.metric, &series.labels);
            for (at, value) in &series.samples {
                let place = || format!("{}{} at {at} ms", series.metric, series.labels);
                let pushed = match value.as_str() {
                    STALE => samples.push_stale(id, *at),
                    text => samples.push(id, *at, text.parse().map_err(|_| format!("{}: {text:?} is no number", place()))?),
                };
                if pushed != Pushed::Newest {
                    return Err(format!("{}: its samples are not in order", place()));
                }
            }
        }
        Ok(samples)
    }
}

impl Live {
    /// Notes why a series can't be read, or that it can: the metric can be read when all of its series can.
    fn mark(&mut self, metric: &str, labels: &Labels, why: Option<&str>) {
        if let Some(why) = why {
            self.unreadable.entry(metric.to_owned()).or_default().insert(labels.clone(), why.to_owned());
        } else if let Some(of_metric) = self.unreadable.get_mut(metric) {
            of_metric.remove(labels);
            if of_metric.is_empty() {
                self.unreadable.remove(metric);
            }
        }
        let why = self.unreadable.get(metric).and_then(|of_metric| of_metric.values().next());
        self.samples.set_error(metric, why.map(String::as_str));
    }
}

const STALE: &str = "stale";
const UNREADABLE: &str = "its source says that it could not be read";

fn word(value: f64) -> String {
    if is_stale(value) { STALE.to_owned() } else { format!("{value:?}") }
}

const fn outcome(pushed: Pushed) -> &'static str {
    match pushed {
        Pushed::Newest => "newest",
        Pushed::Late => "late",
        Pushed::Duplicate => "duplicate",
        Pushed::Conflict | Pushed::NoSuchSeries => "conflict",
    }
}

/// The samples of a text, and one that contradicts another, if one does.
fn pour(found: &MetricsText) -> (Samples, Option<&Measurement>) {
    let mut samples = Samples::new();
    let contradiction = found.pour(&mut samples);
    (samples, contradiction)
}

pub(crate) fn evaluated(evaluation: &Evaluation) -> Evaluated {
    (evaluation.to_json(), evaluation.to_string(), evaluation.reasons())
}

fn time_or_now(at: Option<&Bound<'_, PyAny>>) -> PyResult<i64> {
    at.map_or_else(|| Ok(metrics::now()), |at| metrics::time(at, "at"))
}

fn labels_or_none(labels: Option<&Bound<'_, PyAny>>, place: &str) -> PyResult<Labels> {
    labels.map_or_else(|| Ok(Labels::default()), |labels| metrics::read_labels(labels, place))
}

/// Runs the tests of a test file: how many claims held, and those that did not.
#[pyfunction]
pub(crate) fn gate_tests(py: Python<'_>, path: PathBuf) -> PyResult<(usize, Vec<String>)> {
    let text = read_file(py, &path)?;
    let tests = TestFile::parse(&text, &path.display().to_string()).map_err(|failure| file_error(py, &failure))?;
    let gates = path.parent().unwrap_or(Path::new("")).join(tests.gates());
    let text = read_file(py, &gates)?;
    let gates = GateFile::parse(&text, &gates.display().to_string()).map_err(|failure| file_error(py, &failure))?;
    let report = blocking::detached(py, || tests.run(&gates))?;
    Ok((report.held, report.failures))
}

/// Reads a file that people wrote, and no more of it than one of them may have.
fn read_file(py: Python<'_>, path: &Path) -> PyResult<String> {
    let read = blocking::detached(py, || {
        let mut text = String::new();
        File::open(path)?.take(GateFile::MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    })?;
    read.map_err(|failure: std::io::Error| {
        let name = path.display().to_string();
        let describe = || {
            let attributes = file_attribute(py, &name)?;
            attributes.set_item("errno", failure.raw_os_error())?;
            attributes.set_item("path", &name)?;
            PyResult::Ok(attributes)
        };
        match describe() {
            Ok(attributes) => {
                let message = format!("{name}: it can't be read: {failure}");
                error::of_class(py, "GateReadError", "gate-read", &message, &attributes)
            }
            Err(other) => other,
        }
    })
}

fn file_attribute<'py>(py: Python<'py>, file: &str) -> PyResult<Bound<'py, PyDict>> {
    let attributes = PyDict::new(py);
    attributes.set_item("file", file)?;
    Ok(attributes)
}

/// A file that can't be used, with everything that is wrong with it.
fn file_error(py: Python<'_>, failure: &FileError) -> PyErr {
    let describe = || {
        let attributes = file_attribute(py, &failure.file)?;
        let fault = |fault: &dsmil::gate::Fault| {
            let (line, column) = fault.position.unzip();
            (line, column, fault.key.clone(), fault.what.clone(), fault.remedy.clone())
        };
        attributes.set_item("faults", failure.faults.iter().map(fault).collect::<Vec<_>>())?;
        PyResult::Ok(attributes)
    };
    match describe() {
        Ok(attributes) => error::of_class(py, "GateError", "gate-file", &failure.to_string(), &attributes),
        Err(other) => other,
    }
}
