//! The watch: started, asked and stopped from Python. What it needs the interpreter for, Python's own threads do: see `desk` and
//! `bell`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use dsmil::alert::{AlertEvent, Matcher, Silence};
use dsmil::gate::Labels;
use dsmil::history::{Query, Resolution};
use dsmil::monitor::{ConfigError, Endpoint, MonitorConfig, MonitorError, Start, Stored, View, Wish, new_silence_id};
use dsmil::serve::Server;
use dsmil::{BackendSpec, Device, RunDir};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::argument::seconds;
use crate::desk::Desk;
use crate::gate::{Evaluated, evaluated};
use crate::steps::Steps;
use crate::{blocking, error, metrics};

/// The series of a metric: name, labels, resolution, points with time, value and the roll-up's count, sum, least, most and last.
type Rollup = (u64, f64, f64, f64, f64);
type Series = (String, Vec<(String, String)>, &'static str, Vec<(i64, f64, Option<Rollup>)>);

/// Why something with a monitor failed: of the monitor, or of the device before there is one.
enum Failure {
    Monitor(MonitorError),
    Device(dsmil::Error),
}

impl<E: Into<MonitorError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Monitor(error.into())
    }
}

impl Failure {
    fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Monitor(failure) => error::of_monitor(py, failure),
            Self::Device(failure) => error::raise(py, failure),
        }
    }
}

/// Where everything comes from, and where it is kept.
#[derive(Clone)]
struct Origin {
    path: Option<PathBuf>,
    text: Option<String>,
}

impl Origin {
    fn load(&self) -> Result<MonitorConfig, MonitorError> {
        match (&self.path, &self.text) {
            (Some(path), _) => Ok(MonitorConfig::load(path)?),
            (None, Some(text)) => Ok(MonitorConfig::parse(text, "<text>")?),
            (None, None) => Ok(MonitorConfig::standard()),
        }
    }
}

/// What a monitor is made of, apart from the callbacks.
struct Parts {
    origin: Origin,
    device: Option<String>,
    /// Named by an argument or the environment.
    state_dir: Option<PathBuf>,
    /// If nothing names one. Without it that is an error.
    default_state_dir: Option<PathBuf>,
    run_dir: Option<PathBuf>,
    policy: Option<PathBuf>,
}

impl Parts {
    fn start(self) -> Result<Start, Failure> {
        let config = self.origin.load()?;
        let gates = config.read_gates()?;
        let spec = match self.device.or_else(|| config.device.clone()) {
            Some(spec) => spec.parse(),
            None => BackendSpec::from_environment(),
        };
        let spec: BackendSpec = spec.map_err(Failure::Device)?;
        let run_dir = RunDir::resolve(self.run_dir.as_deref(), spec.is_in_process()).map_err(Failure::Device)?;
        let mut options = Device::options().run_dir(&run_dir);
        if let Some(policy) = &self.policy {
            options = options.policy(policy);
        }
        let Self { origin, policy, state_dir, default_state_dir, .. } = self;
        let state_dir = state_dir.or_else(|| config.state_dir.clone()).or(default_state_dir).ok_or_else(|| ConfigError {
            file: origin.path.as_ref().map_or_else(|| "Monitor".to_owned(), |path| path.display().to_string()),
            position: None,
            what: "no state directory is named: write state_dir, or set DSMIL_STATE_DIR; one program has it at a time".to_owned(),
        })?;
        Ok(Start {
            config,
            gates,
            config_path: origin.path,
            state_dir,
            spec,
            options,
            run_dir,
            policy,
            callbacks: Vec::new(),
            workers: None,
        })
    }
}

struct Running {
    server: Option<Server>,
    monitor: dsmil::monitor::Monitor,
}

impl Running {
    fn start(start: Start) -> Result<Self, MonitorError> {
        let serve = start.config.serve.clone();
        let monitor = dsmil::monitor::Monitor::start(start)?;
        let server = serve.map(|serve| Server::start(&serve, Arc::new(Endpoint::new(&monitor)))).transpose()?;
        Ok(Self { server, monitor })
    }

    fn stop(self) -> Arc<View> {
        if let Some(server) = self.server {
            server.stop();
        }
        let Self { monitor, .. } = self;
        let seen = monitor.view();
        monitor.stop();
        seen
    }
}

/// A monitor that runs in this process.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Monitor {
    /// Taken by `stop`. A process that was forked off never looks at it: its locks and threads are the parent's.
    running: RwLock<Option<Running>>,
    started_by: u32,
    /// What was known when it stopped.
    last: Mutex<Arc<View>>,
    origin: Origin,
    state_dir: PathBuf,
    address: Option<String>,
    silences: AtomicU64,
}

#[pymethods]
impl Monitor {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes each by its name")]
    #[pyo3(signature = (*, config_path, config_text, device, state_dir, default_state_dir, run_dir, policy, samplers))]
    fn new(
        py: Python<'_>,
        config_path: Option<PathBuf>,
        config_text: Option<String>,
        device: Option<String>,
        state_dir: Option<PathBuf>,
        default_state_dir: Option<PathBuf>,
        run_dir: Option<PathBuf>,
        policy: Option<PathBuf>,
        samplers: Vec<(Py<Desk>, Bound<'_, PyAny>, Bound<'_, PyAny>)>,
    ) -> PyResult<Self> {
        let origin = Origin { path: config_path, text: config_text };
        let parts = Parts { origin: origin.clone(), device, state_dir, default_state_dir, run_dir, policy };
        let mut callbacks = Vec::new();
        for (desk, interval, timeout) in &samplers {
            callbacks.push(desk.get().sampler(seconds(interval, "interval")?, seconds(timeout, "timeout")?));
        }
        let started = blocking::detached(py, || {
            let mut start = parts.start()?;
            start.callbacks = callbacks;
            let state_dir = start.state_dir.clone();
            Ok::<_, Failure>((Running::start(start)?, state_dir))
        })?;
        let (running, state_dir) = started.map_err(|failure| failure.raise(py))?;
        let address = running.server.as_ref().map(|server| server.local_addr().to_string());
        Ok(Self {
            last: Mutex::new(running.monitor.view()),
            running: RwLock::new(Some(running)),
            started_by: std::process::id(),
            origin,
            state_dir,
            address,
            silences: AtomicU64::new(0),
        })
    }

    #[getter]
    fn state_dir(&self) -> &PathBuf {
        &self.state_dir
    }

    #[getter]
    fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Whether it runs, in this process.
    fn is_running(&self, py: Python<'_>) -> PyResult<bool> {
        if std::process::id() != self.started_by {
            return Ok(false);
        }
        blocking::detached(py, || self.read().as_ref().is_some_and(|running| running.monitor.is_running()))
    }

    /// The steps from here on.
    fn steps(&self, py: Python<'_>) -> PyResult<Steps> {
        self.own(py)?;
        let steps = blocking::detached(py, || self.read().as_ref().map(|running| Steps::new(&running.monitor)))?;
        let steps = steps.ok_or_else(|| stopped(py))?;
        Ok(steps?)
    }

    /// When the newest step was taken and how many were; nothing before the first.
    fn taken(&self, py: Python<'_>) -> PyResult<Option<(i64, u64)>> {
        self.look(py, |view| (view.steps > 0).then_some((view.at, view.steps)))
    }

    fn evaluation(&self, py: Python<'_>) -> PyResult<Option<Evaluated>> {
        self.look(py, |view| view.evaluation.as_deref().map(evaluated))
    }

    /// As JSON, and when they were computed.
    fn scores(&self, py: Python<'_>) -> PyResult<Option<(String, Option<i64>)>> {
        self.look(py, |view| view.scores.as_ref().map(|scores| (scores.to_json().to_string(), view.scored_at)))
    }

    fn alerts(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |view| json!(view.alerts).to_string())
    }

    fn silences(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |view| json!(view.silences).to_string())
    }

    fn anomalies(&self, py: Python<'_>) -> PyResult<String> {
        self.look(py, |view| json!(view.anomalies).to_string())
    }

    /// What can't be sampled and why, and everything that stands against relying on the monitor.
    fn troubles(&self, py: Python<'_>) -> PyResult<(Vec<String>, Vec<String>)> {
        self.look(py, |view| (view.errors.clone(), view.doubts()))
    }

    fn acknowledge(&self, py: Python<'_>, fingerprint: &str, by: String, comment: String) -> PyResult<String> {
        let wish = fingerprint.parse().map(|fingerprint| Wish::Acknowledge { fingerprint, by, comment });
        self.ask(py, wish.map_err(MonitorError::from))
    }

    /// The id of the new silence.
    fn silence(
        &self,
        py: Python<'_>,
        matchers: Vec<String>,
        length: &Bound<'_, PyAny>,
        by: String,
        comment: String,
    ) -> PyResult<String> {
        let length = i64::try_from(seconds(length, "for_")?.as_millis()).unwrap_or(i64::MAX);
        let id = new_silence_id(self.silences.fetch_add(1, Ordering::Relaxed));
        let matchers: Result<Vec<Matcher>, _> = matchers.iter().map(|text| text.parse()).collect();
        let starts_at = metrics::now();
        let silence =
            |matchers| Silence { id: id.clone(), matchers, starts_at, ends_at: starts_at.saturating_add(length), by, comment };
        self.ask(py, matchers.map(silence).map(Wish::Silence).map_err(MonitorError::from))?;
        Ok(id)
    }

    fn expire(&self, py: Python<'_>, id: String, by: String) -> PyResult<String> {
        self.ask(py, Ok(Wish::Expire { id, by }))
    }

    fn history(
        &self,
        py: Python<'_>,
        metric: &Bound<'_, PyAny>,
        since: &Bound<'_, PyAny>,
        until: &Bound<'_, PyAny>,
        labels: Option<&Bound<'_, PyAny>>,
        resolution: &str,
    ) -> PyResult<Vec<Series>> {
        let name = metrics::metric_name(metric)?;
        let mut query = Query::new(name.clone(), metrics::time(since, "since")?, metrics::time(until, "until")?);
        query.labels = labels.map_or_else(|| Ok(Labels::default()), |labels| metrics::read_labels(labels, &name))?;
        let known = [Resolution::Auto, Resolution::Raw, Resolution::Minute, Resolution::Hour];
        let found = known.into_iter().find(|known| resolution_name(*known) == resolution);
        query.resolution = found
            .ok_or_else(|| error::argument(py, "resolution", &format!("{resolution:?} is neither auto, raw, minute nor hour")))?;
        let found = blocking::detached(py, || {
            let stored = Stored::open(&self.state_dir)?;
            Ok::<_, MonitorError>(stored.reader().query(&query)?)
        })?;
        let found = found.map_err(|failure| error::of_monitor(py, &failure))?;
        Ok(found.into_iter().map(series).collect())
    }

    /// Reads the configuration again, or another one: the rules that begin anew.
    fn reload(&self, py: Python<'_>, config_path: Option<PathBuf>, config_text: Option<String>) -> PyResult<Vec<String>> {
        self.own(py)?;
        let named = config_path.is_some() || config_text.is_some();
        let origin = if named { Origin { path: config_path, text: config_text } } else { self.origin.clone() };
        let anew = blocking::detached(py, || {
            let config = origin.load()?;
            let gates = config.read_gates()?;
            let running = self.read();
            let running = running.as_ref().ok_or(MonitorError::Ended)?;
            let anew = running.monitor.reload(config, gates)?;
            if let Some(server) = &running.server {
                server.reload_keys()?;
                server.reload_certificate()?;
            }
            Ok::<_, MonitorError>(anew)
        })?;
        anew.map_err(|failure| error::of_monitor(py, &failure))
    }

    /// Stops. Once more is fine; whoever comes second waits for the first.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if std::process::id() != self.started_by {
            return Ok(());
        }
        blocking::detached(py, || {
            let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(running) = running.take() {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = running.stop();
            }
        })
    }
}

impl Monitor {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Option<Running>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a process that was forked off.
    fn own(&self, py: Python<'_>) -> PyResult<()> {
        error::forked(py, self.started_by)
    }

    /// Looks at what is known, also after the end.
    fn look<T: Send>(&self, py: Python<'_>, look: impl FnOnce(&View) -> T + Send) -> PyResult<T> {
        self.own(py)?;
        blocking::detached(py, || {
            let running = self.read();
            let last = || Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner));
            let view = running.as_ref().map_or_else(last, |running| running.monitor.view());
            drop(running);
            look(&view)
        })
    }

    fn ask(&self, py: Python<'_>, wish: Result<Wish, MonitorError>) -> PyResult<String> {
        self.own(py)?;
        let answer = blocking::detached(py, || match (self.read().as_ref(), wish) {
            (None, _) => None,
            (Some(_), Err(failure)) => Some(Err(failure)),
            (Some(running), Ok(wish)) => Some(running.monitor.ask(wish)),
        })?;
        let events = answer.ok_or_else(|| stopped(py))?.map_err(|failure| error::of_monitor(py, &failure))?;
        Ok(events_as_json(&events))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if std::process::id() == self.started_by {
            blocking::drop_detached(running);
        } else {
            // Its threads are the parent's: to wait for them would be to wait for ever.
            std::mem::forget(running);
        }
    }
}

fn stopped(py: Python<'_>) -> PyErr {
    error::plain(py, "closed", "the monitor has been stopped")
}

const fn resolution_name(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Auto => "auto",
        Resolution::Raw => "raw",
        Resolution::Minute => "minute",
        Resolution::Hour => "hour",
    }
}

fn series(found: dsmil::history::SeriesPoints) -> Series {
    let points = found.points.iter().map(|point| {
        let rollup = point.rollup.map(|rollup| (rollup.count, rollup.sum, rollup.min, rollup.max, rollup.last));
        (point.at, point.value, rollup)
    });
    let labels = found.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    (found.metric, labels.collect(), resolution_name(found.resolution), points.collect())
}

/// What happened to alerts, as JSON.
pub(crate) fn events_as_json(events: &[AlertEvent]) -> String {
    let one = |event: &AlertEvent| {
        let fingerprint = event.fingerprint().map(|fingerprint| fingerprint.to_string());
        let mut what = json!(event.what);
        // A map of one key, the kind; what it holds says the rest.
        let inner = what.as_object_mut().and_then(|map| map.values_mut().next()).map_or(Value::Null, Value::take);
        json!({ "at": event.at, "kind": event.kind(), "fingerprint": fingerprint, "what": inner })
    };
    Value::from(events.iter().map(one).collect::<Vec<_>>()).to_string()
}

/// Runs the checks behind the scores once, without a monitor: the scores as JSON.
#[pyfunction]
#[pyo3(signature = (*, config_path, config_text, device, state_dir, default_state_dir, run_dir, policy))]
#[expect(clippy::too_many_arguments, reason = "Python passes each by its name")]
pub(crate) fn validate(
    py: Python<'_>,
    config_path: Option<PathBuf>,
    config_text: Option<String>,
    device: Option<String>,
    state_dir: Option<PathBuf>,
    default_state_dir: Option<PathBuf>,
    run_dir: Option<PathBuf>,
    policy: Option<PathBuf>,
) -> PyResult<String> {
    let origin = Origin { path: config_path, text: config_text };
    let parts = Parts { origin, device, state_dir, default_state_dir, run_dir, policy };
    let scores = blocking::detached(py, || Ok::<_, Failure>(dsmil::monitor::validate(parts.start()?)?))?;
    let scores = scores.map_err(|failure| failure.raise(py))?;
    Ok(scores.to_json().to_string())
}
