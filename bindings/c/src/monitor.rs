//! The monitor: samples, gates, scores, alerts and history in one loop.

use std::ffi::{c_char, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use dsmil::gate::Sample;
use dsmil::health::Score;
use dsmil::monitor::{Monitor, MonitorError, Next, Subscription, View, Wish, once};
use dsmil::sample::{Clock, SystemClock};
use serde_json::json;

use crate::call::call;
use crate::failure::Failure;
use crate::forked::Home;
use crate::label::{dsmil_label, labels as labels_of, metric as metric_of};
use crate::library::give;
use crate::monitor_options::{Source, dsmil_monitor_options};
use crate::pointer::{Out, free, handle, shared};
use crate::running::{Context, Counted, Running};
use crate::status::dsmil_status;
use crate::step::{dsmil_step, dsmil_subscription, ended, only, put};
use crate::verdict::dsmil_verdict;

/// Callbacks that go on after the end are waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A monitor that runs, on threads of its own. Threads may share it. After fork() the child's copy answers
/// DSMIL_ERROR_FORKED to everything: the child frees it. A child that goes on without exec keeps the state directory
/// held until it ends.
pub struct dsmil_monitor {
    home: Home,
    is_stopping: AtomicBool,
    /// `None` once stopped.
    monitor: RwLock<Option<Monitor>>,
    source: Source,
    running: Arc<Running>,
    readers: Mutex<Vec<JoinHandle<()>>>,
    /// How many silences were made with it.
    pub(crate) silences: AtomicU64,
}

/// A function that is told of each step. `step` belongs to the library and lives until the function returns. It is
/// called on a thread of the library, never twice at a time; one that is slow misses steps and holds nothing up. It
/// may use the library; see dsmil_monitor_stop() for what would wait for itself. It must not leave by longjmp or a
/// C++ exception, and a child that it makes by fork() must end by exec or _exit.
pub type dsmil_step_function = Option<unsafe extern "C" fn(step: *const dsmil_step, context: *mut c_void)>;

/// A score, 0 to 100.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_score {
    /// The score.
    pub value: f64,
    /// The same over what was measured here: without external attestations.
    pub own_value: f64,
    /// When it was computed, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Of how many checks.
    pub checks: usize,
    /// How many of them passed.
    pub passed: usize,
}

impl dsmil_monitor {
    fn with<T>(&self, act: impl FnOnce(&Monitor) -> Result<T, Failure>) -> Result<T, Failure> {
        self.home.check("monitor")?;
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(ended());
        }
        let monitor = self.monitor.read().unwrap_or_else(PoisonError::into_inner);
        act(monitor.as_ref().filter(|monitor| monitor.is_running()).ok_or_else(ended)?)
    }

    pub(crate) fn ask(&self, wish: Wish) -> Result<(), Failure> {
        self.with(|monitor| Ok(monitor.ask(wish).map(drop)?))
    }

    pub(crate) fn view(&self) -> Result<Arc<View>, Failure> {
        self.with(|monitor| Ok(monitor.view()))
    }

    fn score(&self, pick: impl FnOnce(&View) -> Option<(Score, i64)>) -> Result<(Score, i64), Failure> {
        let unknown = || Failure::new(dsmil_status::DSMIL_ERROR_NO_VALUE, "the scores have not been computed yet");
        pick(&*self.view()?).ok_or_else(unknown)
    }

    /// What would wait for itself is refused.
    fn check_outside(&self, what: &str) -> Result<(), Failure> {
        self.home.check("monitor")?;
        if self.running.is_inside() {
            let what = format!("{what} from a callback of the monitor would wait for that callback: do it from another thread");
            return Err(Failure::new(dsmil_status::DSMIL_ERROR_IN_CALLBACK, &what));
        }
        Ok(())
    }

    /// Ends the loop, and waits for the callbacks.
    fn stop(&self, patience: Option<Duration>) -> Result<(), Failure> {
        self.is_stopping.store(true, Ordering::Release);
        // Nobody holds the lock for longer than a step; callbacks must not wait for it while they are waited for.
        let monitor = self.monitor.write().unwrap_or_else(PoisonError::into_inner).take();
        monitor.into_iter().for_each(Monitor::stop);
        self.running.close();
        if !self.running.wait(patience) {
            let what = "the monitor has stopped, but a callback has not returned: what it uses must live on; stop again to wait";
            return Err(Failure::new(dsmil_status::DSMIL_ERROR_CALLBACK_RUNS, what));
        }
        let readers = std::mem::take(&mut *self.readers.lock().unwrap_or_else(PoisonError::into_inner));
        // Each has left its last callback, and only ends.
        for reader in readers {
            drop(reader.join());
        }
        Ok(())
    }
}

fn health(view: &View) -> Option<(Score, i64)> {
    view.scores.as_ref().map(|scores| (scores.health.clone(), view.scored_at.unwrap_or(view.at)))
}

fn security(view: &View) -> Option<(Score, i64)> {
    view.scores.as_ref().map(|scores| (scores.security.clone(), view.scored_at.unwrap_or(view.at)))
}

impl From<(Score, i64)> for dsmil_score {
    fn from((score, at_ms): (Score, i64)) -> Self {
        let passed = score.checks.iter().filter(|check| check.has_passed()).count();
        Self { value: score.value, own_value: score.own_value, at_ms, checks: score.checks.len(), passed }
    }
}

/// # Safety
/// As for [`shared`].
pub(crate) unsafe fn json_of(
    monitor: *const dsmil_monitor,
    json: *mut *mut c_char,
    make: impl FnOnce(&dsmil_monitor) -> Result<String, Failure>,
) -> dsmil_status {
    call(|| {
        // SAFETY: as promised to this function.
        let out = unsafe { Out::new(json, "json") }?;
        // SAFETY: as promised to this function.
        out.set(give(&make(unsafe { shared(monitor, "monitor") }?)?));
        Ok(())
    })
}

/// Starts a monitor: takes the state directory, goes on where the last one ended, and begins to sample. The options
/// are copied.
///
/// *monitor is to be freed with dsmil_monitor_free(). Blocks for files. Any thread.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no state directory), _SPEC, _RUN_DIRECTORY, _CONFIG and _GATES (the detail
/// has file and line), _HELD (another monitor has the directory), 10xx to 14xx. Then nothing runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_start(
    options: *const dsmil_monitor_options,
    monitor: *mut *mut dsmil_monitor,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(monitor, "monitor") }?;
        // SAFETY: the header asks for NULL or live options.
        let options = unsafe { shared(options, "options") }?;
        let running = Arc::new(Running::default());
        let started = options.start(&running).and_then(|start| Ok(Monitor::start(start)?));
        if started.is_err() {
            running.close();
            running.wait(None);
        }
        out.set(handle(dsmil_monitor {
            home: Home::here(),
            is_stopping: AtomicBool::new(false),
            monitor: RwLock::new(Some(started?)),
            source: options.source.clone(),
            running,
            readers: Mutex::default(),
            silences: AtomicU64::default(),
        }));
        Ok(())
    })
}

/// Takes one step without a loop: every sampler once, the scores, the gates. What is decided is in the store;
/// notifications wait there for the next monitor.
///
/// *step is to be freed with dsmil_step_free(). Blocks for files, for the slowest sampler (at most for its time-out),
/// and until each callback has returned. Any thread. Errors: as dsmil_monitor_start().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_once(options: *const dsmil_monitor_options, step: *mut *mut dsmil_step) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(step, "step") }?;
        // SAFETY: the header asks for NULL or live options.
        let options = unsafe { shared(options, "options") }?;
        let running = Arc::new(Running::default());
        let taken = options.start(&running).and_then(|start| Ok(once(start)?));
        running.close();
        running.wait(None);
        out.set(handle(dsmil_step { step: Arc::new(taken?), missed: 0 }));
        Ok(())
    })
}

/// Begins to keep the steps from here on, for dsmil_subscription_next().
///
/// *subscription is to be freed with dsmil_subscription_free(); it may outlive the monitor. Never blocks; threads may
/// share.
/// Errors: DSMIL_ERROR_NULL, _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_subscribe(
    monitor: *const dsmil_monitor,
    subscription: *mut *mut dsmil_subscription,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(subscription, "subscription") }?;
        // SAFETY: the header asks for NULL or a live monitor.
        let subscription = unsafe { shared(monitor, "monitor") }?.with(|monitor| Ok(monitor.subscribe()))?;
        out.set(handle(dsmil_subscription { home: Home::here(), subscription }));
        Ok(())
    })
}

/// Has a function called with `context` for each step from here on, on a thread of its own, until
/// dsmil_monitor_stop() returns DSMIL_OK or dsmil_monitor_free() returns; the last step that was taken is among them.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED, _FORKED, _THREAD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_on_step(
    monitor: *const dsmil_monitor,
    function: dsmil_step_function,
    context: *mut c_void,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live monitor.
        let monitor = unsafe { shared(monitor, "monitor") }?;
        let function = function.ok_or_else(|| Failure::null("function"))?;
        let context = Context(context);
        monitor.with(|inner| {
            // Counted from here on, so that a stop waits for it.
            let counted = monitor.running.begin().ok_or_else(ended)?;
            let steps = inner.subscribe();
            let name = "dsmil on-step";
            let reader = Builder::new().name(name.to_owned()).spawn(move || tell(counted, &steps, function, context));
            let reader = reader.map_err(|source| MonitorError::Thread { name, source })?;
            monitor.readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            Ok(())
        })
    })
}

/// Calls the function for each step until there are no more.
fn tell(
    counted: Counted,
    steps: &Subscription,
    function: unsafe extern "C" fn(step: *const dsmil_step, context: *mut c_void),
    context: Context,
) {
    let _inside = counted.inside();
    loop {
        match steps.next(Duration::MAX) {
            Next::Step(step, missed) => {
                let step = dsmil_step { step, missed };
                // SAFETY: the header asks for a function that may be called with this context until the monitor has stopped.
                unsafe { function(&raw const step, context.0) };
            }
            Next::TimedOut => {}
            Next::Ended => return,
        }
    }
}

/// What the gates decide now, and on what evidence: that of the newest step, whose time dsmil_verdict_at() tells.
///
/// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share.
/// Errors: DSMIL_ERROR_NULL, _NO_VALUE (no step was taken yet), _ENDED, _FORKED. Then there is no verdict, and that
/// is no go.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_verdict(monitor: *const dsmil_monitor, verdict: *mut *mut dsmil_verdict) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(verdict, "verdict") }?;
        // SAFETY: the header asks for NULL or a live monitor.
        let evaluation = unsafe { shared(monitor, "monitor") }?.view()?.evaluation.clone();
        let unknown = || Failure::new(dsmil_status::DSMIL_ERROR_NO_VALUE, "no step has been taken yet");
        out.set(handle(dsmil_verdict::new(evaluation.ok_or_else(unknown)?)));
        Ok(())
    })
}

/// What was measured last of a metric with these labels (NULL and 0 for none; the series may have more), and when, in
/// milliseconds since the Unix epoch. `at_ms` may be NULL.
///
/// Blocks for a moment; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (also: several series have these labels), _NO_VALUE, _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_value(
    monitor: *const dsmil_monitor,
    metric: *const c_char,
    labels: *const dsmil_label,
    label_count: usize,
    value: *mut f64,
    at_ms: *mut i64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(value, "value") }?;
        // SAFETY: the header asks for NULL or a live monitor, a string, and so many labels.
        let (monitor, metric, labels) =
            unsafe { (shared(monitor, "monitor")?, metric_of(metric)?, labels_of(labels, label_count)?) };
        let now = SystemClock.unix_ms();
        let found: Sample = monitor.with(|monitor| {
            let samples = monitor.samples();
            let samples = samples.read();
            let series = samples.matching(metric, &labels);
            let newest = series.filter_map(|(labels, id)| Some((labels, samples.get(id)?.newest(now)?))).collect();
            only(metric, &labels, newest)
        })?;
        // SAFETY: the header asks for NULL or room for a time.
        unsafe { put(found, out, at_ms) };
        Ok(())
    })
}

/// The health score: how well the machine and its devices are.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _NO_VALUE (it was not computed yet), _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_health(monitor: *const dsmil_monitor, score: *mut dsmil_score) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(score, "score") }?;
        // SAFETY: the header asks for NULL or a live monitor.
        out.set(unsafe { shared(monitor, "monitor") }?.score(health)?.into());
        Ok(())
    })
}

/// The security score: how well the machine and its devices are guarded.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _NO_VALUE (it was not computed yet), _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_security(monitor: *const dsmil_monitor, score: *mut dsmil_score) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(score, "score") }?;
        // SAFETY: the header asks for NULL or a live monitor.
        out.set(unsafe { shared(monitor, "monitor") }?.score(security)?.into());
        Ok(())
    })
}

/// The health score as JSON: with every check, its weight, result and evidence.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: as dsmil_monitor_health().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_health_json(monitor: *const dsmil_monitor, json: *mut *mut c_char) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live monitor, and room for a pointer.
    unsafe { json_of(monitor, json, |monitor| Ok(monitor.score(health)?.0.to_json().to_string())) }
}

/// The security score as JSON: with every check, its weight, result and evidence.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: as
/// dsmil_monitor_security().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_security_json(monitor: *const dsmil_monitor, json: *mut *mut c_char) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live monitor, and room for a pointer.
    unsafe { json_of(monitor, json, |monitor| Ok(monitor.score(security)?.0.to_json().to_string())) }
}

/// How the monitor itself is, as JSON: at, steps, doubts (what stands against relying on it), errors (what can't be
/// sampled, and why), anomalies of devices.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
/// _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_status_json(monitor: *const dsmil_monitor, json: *mut *mut c_char) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live monitor, and room for a pointer.
    unsafe {
        json_of(monitor, json, |monitor| {
            let view = monitor.view()?;
            let (doubts, errors, anomalies) = (view.doubts(), &view.errors, &view.anomalies);
            Ok(json!({ "at": view.at, "steps": view.steps, "doubts": doubts, "errors": errors, "anomalies": anomalies })
                .to_string())
        })
    }
}

/// Puts another configuration and other gates in force, without a gap: those of `options`, or, if that is NULL, those
/// of the start, read again. The state of what didn't change goes on; so do the samplers of the program, the device
/// and the directories. *anew, which may be NULL, gets the rules that begin anew, as a list in JSON of "FILE: RULE".
///
/// *anew is to be freed with dsmil_string_free(). Blocks for files and for a step at most; threads may share.
/// Errors: DSMIL_ERROR_NULL, _CONFIG, _GATES, 10xx to 14xx, _ENDED, _FORKED: then all stays as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_reload(
    monitor: *const dsmil_monitor,
    options: *const dsmil_monitor_options,
    anew: *mut *mut c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live monitor.
        let monitor = unsafe { shared(monitor, "monitor") }?;
        monitor.home.check("monitor")?;
        // SAFETY: the header asks for NULL or live options.
        let source = unsafe { options.as_ref() }.map_or(&monitor.source, |options| &options.source);
        let (config, gates) = source.read()?;
        let rules = monitor.with(|monitor| Ok(monitor.reload(config, gates)?))?;
        if let Some(anew) = NonNull::new(anew) {
            // SAFETY: not NULL, and the header asks for room for a pointer.
            unsafe { anew.write(give(&json!(rules).to_string())) };
        }
        Ok(())
    })
}

/// Stops a monitor: it takes a last step with all that was seen, lets the state directory go, and calls no function
/// of the program any more. The handle stays and answers DSMIL_ERROR_ENDED from then on. Stopping twice is fine.
///
/// Blocks for some seconds at most, unless the disk hangs. Threads may share. From a callback of the monitor it is
/// refused, since it would wait for that very callback.
/// Errors: DSMIL_ERROR_NULL, _FORKED, _IN_CALLBACK (it runs on), _CALLBACK_RUNS (it has stopped, but a callback has
/// not returned after 5 s: what it uses must live until another dsmil_monitor_stop() returns DSMIL_OK).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_stop(monitor: *const dsmil_monitor) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live monitor.
        let monitor = unsafe { shared(monitor, "monitor") }?;
        monitor.check_outside("stopping")?;
        monitor.stop(Some(PATIENCE))
    })
}

/// Stops a monitor, if it isn't yet, and frees the handle. NULL is fine; subscriptions, steps and verdicts go on.
///
/// Blocks as dsmil_monitor_stop(), and until each callback has returned. No other thread may be using the handle.
/// From a callback of the monitor it does nothing, and dsmil_last_error() then says DSMIL_ERROR_IN_CALLBACK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_free(monitor: *mut dsmil_monitor) {
    // SAFETY: the header asks for NULL or a live monitor.
    let Some(live) = (unsafe { monitor.as_ref() }) else { return };
    // A child has none of the threads, and its copy may be half changed: it is left, and so is the parent's lock.
    if live.home.is_here() && call(|| live.check_outside("freeing").and_then(|()| live.stop(None))) == dsmil_status::DSMIL_OK {
        // SAFETY: the header asks for one that is not used again.
        unsafe { free(monitor) }
    }
}
