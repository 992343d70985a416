//! The loop around the core: a thread that steps it on a steady clock, and what goes to it and comes from it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use dsmil_alert::{AlertEvent, Input};
use dsmil_device::{BackendSpec, OpenOptions};
use dsmil_gate::{GateFile, Samples};
use dsmil_history::StateDir;
use dsmil_sample::{Clock, Runner, SamplerReport, Scheduled, SystemClock, Ticker, Workers};
use parking_lot::RwLock;

use crate::core::{Core, Intake, Step};
use crate::courier::Couriers;
use crate::inbox::{self, Wish};
use crate::kept::Kept;
use crate::scorer::{Scorer, Surroundings, checks};
use crate::subscription::{Hub, Subscription};
use crate::verdicts::VerdictLog;
use crate::view::View;
use crate::{MonitorConfig, MonitorError};

/// So many reports wait for the next step; then samplers wait.
pub(crate) const WAITING_REPORTS: usize = 4096;
/// Threads that are told to end are waited for so long, and then left behind.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first step waits at most so long for the first report of each sampler.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks for them.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// What a monitor is started with.
#[derive(Debug)]
pub struct Start {
    /// The configuration.
    pub config: MonitorConfig,
    /// Its gate files, as [`MonitorConfig::read_gates`] gives them.
    pub gates: Vec<(String, GateFile)>,
    /// Where it stands, if it is a file: its owner and mode are checked with the rest.
    pub config_path: Option<PathBuf>,
    /// Where samples, states and logs are kept.
    pub state_dir: PathBuf,
    /// The device.
    pub spec: BackendSpec,
    /// How it is opened.
    pub options: OpenOptions,
    /// The run directory.
    pub run_dir: PathBuf,
    /// A policy beside the machine's own.
    pub policy: Option<PathBuf>,
    /// Samplers of the caller's own.
    pub callbacks: Vec<Scheduled>,
    /// The caller's workers, which the sampler of workers counts.
    pub workers: Option<Workers>,
}

enum Control {
    Ask(Wish, Sender<Result<Vec<AlertEvent>, MonitorError>>),
    Reload(Box<(MonitorConfig, Vec<(String, GateFile)>)>, Sender<Result<Vec<String>, MonitorError>>),
    /// A receiver was told, or was not.
    Outcome,
    Stop,
}

/// What the loop and those outside share.
pub(crate) struct Shared {
    pub(crate) view: RwLock<Arc<View>>,
    pub(crate) samples: Arc<RwLock<Samples>>,
    hub: Hub,
    control: Sender<Control>,
    steps: AtomicU64,
}

/// A monitor that runs. Dropping it stops it.
pub struct Monitor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("steps", &self.shared.steps.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Starts: takes the state directory, goes on where the last one ended, and begins to sample. Blocks for the disk.
    ///
    /// # Errors
    /// [`MonitorError`]; then nothing runs. [`dsmil_history::Error::Held`] says who holds the directory.
    pub fn start(start: Start) -> Result<Self, MonitorError> {
        let Start { config, gates, config_path, state_dir, spec, options, run_dir, policy, callbacks, workers } = start;
        let held = StateDir::hold(&state_dir)?;
        let core = Core::open(held, config.clone(), gates, SystemClock.unix_ms())?;
        let samples = core.samples();
        let files = config.file_rules(config_path.as_deref(), &state_dir);
        let verdicts = VerdictLog::new(&run_dir);
        let around = Surroundings { spec, options, run_dir, policy, state_dir: state_dir.clone(), files, workers };
        let mut checks = checks(&config.scores)?;
        if let Some(anchor) = core.audit_anchor()? {
            checks.set_audit_anchor(anchor);
        }
        let scorer = Scorer::start(checks, around.clone(), Arc::clone(&samples), config.score_every.as_std())?;
        let (control, controls) = channel();
        let wake = control.clone();
        let mut couriers = Couriers::new(Arc::new(move || drop(wake.send(Control::Outcome))));
        couriers.replace(&config.receivers)?;
        let kept = callbacks.iter().map(Kept::new).collect();
        let mut samplers = config.samplers(&around)?;
        samplers.extend(callbacks);
        let awaited = samplers.iter().map(|sampler| sampler.name.clone()).collect();
        let longest = samplers.iter().map(|sampler| sampler.timeout).max().unwrap_or(Duration::ZERO);
        let (runner, reports) = Runner::start(samplers, WAITING_REPORTS)?;
        let view = View { state_dir: state_dir.clone(), ..View::default() };
        let shared = Arc::new(Shared {
            view: RwLock::new(Arc::new(view)),
            samples,
            hub: Hub::default(),
            control,
            steps: AtomicU64::new(0),
        });
        let watch = Watch {
            core,
            runner: Some(runner),
            reports,
            couriers,
            scorer,
            controls,
            shared: Arc::clone(&shared),
            around,
            state_dir,
            callbacks: kept,
            verdicts,
            first: Vec::new(),
            awaited,
            wait_until: SystemClock.steady() + longest.min(FIRST_PATIENCE),
            scored_at: None,
            every: config.evaluate_every.as_std(),
        };
        let name = "dsmil monitor";
        let ended = Ended(Arc::clone(&shared));
        let run = move || {
            let _ended = ended;
            watch.run();
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread.map_err(|source| MonitorError::Thread { name, source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What is known after the newest step. Doesn't block.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.shared.view.read())
    }

    /// The newest samples. Hold the lock for a moment only: the monitor waits for it.
    pub fn samples(&self) -> Arc<RwLock<Samples>> {
        Arc::clone(&self.shared.samples)
    }

    /// The steps from here on.
    pub fn subscribe(&self) -> Subscription {
        self.shared.hub.subscribe(None)
    }

    /// The same for readers that wait for something else than [`Subscription::next`], such as a file descriptor: `wake` is called
    /// by the monitor's thread after each step and at the end. It must neither block nor panic.
    pub fn subscribe_with(&self, wake: impl Fn() + Send + Sync + 'static) -> Subscription {
        self.shared.hub.subscribe(Some(Box::new(wake)))
    }

    /// How many steps were taken: a watchdog sees by it that the loop goes on.
    pub fn steps(&self) -> u64 {
        self.shared.steps.load(Ordering::Relaxed)
    }

    /// Whether the loop runs.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// What a person wants of an alert or a silence. When it returns, it is on the disk. Blocks for a step at most.
    ///
    /// # Errors
    /// As [`Core::ask`]; [`MonitorError::Ended`].
    pub fn ask(&self, wish: Wish) -> Result<Vec<AlertEvent>, MonitorError> {
        self.shared.ask(wish)
    }

    /// Puts another configuration in force, without a gap: states of what didn't change go on. The device, the state directory, the
    /// options of history and log and the endpoint stay as they are. Which rules begin anew.
    ///
    /// # Errors
    /// [`MonitorError`]; then all stays as it was.
    pub fn reload(&self, config: MonitorConfig, gates: Vec<(String, GateFile)>) -> Result<Vec<String>, MonitorError> {
        let (reply, answer) = channel();
        let sent = self.shared.control.send(Control::Reload(Box::new((config, gates)), reply));
        sent.map_err(|_| MonitorError::Ended)?;
        answer.recv().map_err(|_| MonitorError::Ended)?
    }

    /// Stops: takes a last step with all that was seen, and lets the directory go. Blocks for some seconds at most, unless the
    /// disk hangs.
    pub fn stop(mut self) {
        self.end();
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        _ = self.shared.control.send(Control::Stop);
        if thread.join().is_err() {
            tracing::error!("the monitor had ended by a panic");
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn publish(&self, view: View, step: &Arc<Step>) {
        *self.view.write() = Arc::new(view);
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.hub.publish(step);
    }

    pub(crate) fn ask(&self, wish: Wish) -> Result<Vec<AlertEvent>, MonitorError> {
        let (reply, answer) = channel();
        self.control.send(Control::Ask(wish, reply)).map_err(|_| MonitorError::Ended)?;
        answer.recv().map_err(|_| MonitorError::Ended)?
    }
}

/// Tells the readers that nothing comes any more, also after a panic.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.hub.end();
    }
}

/// The thread.
struct Watch {
    core: Core,
    /// `None` once it was stopped.
    runner: Option<Runner>,
    reports: Receiver<SamplerReport>,
    couriers: Couriers,
    scorer: Scorer,
    controls: Receiver<Control>,
    shared: Arc<Shared>,
    around: Surroundings,
    state_dir: PathBuf,
    /// The caller's own samplers, which a reload keeps.
    callbacks: Vec<Kept>,
    verdicts: VerdictLog,
    /// The reports before the first step, those that it waits for, and until when: an alert on missing evidence means that a sampler
    /// is silent, and not that it has just been started.
    first: Vec<SamplerReport>,
    awaited: BTreeSet<String>,
    wait_until: Duration,
    scored_at: Option<i64>,
    every: Duration,
}

impl Watch {
    fn run(mut self) {
        let mut ticker = Ticker::new(SystemClock.steady(), FIRST_LOOK);
        let mut waiting = true;
        loop {
            let now = SystemClock.steady();
            if waiting && self.is_ready(now) {
                waiting = false;
                ticker = Ticker::new(now, self.every);
            }
            if waiting {
                _ = ticker.tick(now);
            } else if ticker.tick(now).is_some() {
                self.step();
                continue;
            }
            match self.controls.recv_timeout(ticker.due().saturating_sub(now)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Control::Outcome) => self.settle(),
                Ok(Control::Ask(wish, reply)) => {
                    let answer = self.core.ask(&wish.into(), SystemClock.unix_ms());
                    // Who asked looks at the view next.
                    self.refresh();
                    _ = reply.send(answer);
                }
                Ok(Control::Reload(new, reply)) => {
                    _ = reply.send(self.reload(&new.0, new.1));
                    ticker = Ticker::new(SystemClock.steady(), self.every);
                }
                Ok(Control::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
        }
    }

    /// Whether every sampler has reported, or was waited for.
    fn is_ready(&mut self, now: Duration) -> bool {
        self.first.extend(self.reports.try_iter());
        for report in &self.first {
            self.awaited.remove(&*report.sampler);
        }
        self.awaited.is_empty() || now >= self.wait_until
    }

    fn step(&mut self) {
        let now = SystemClock.unix_ms();
        self.take_wishes(now);
        let mut reports = std::mem::take(&mut self.first);
        reports.extend(self.reports.try_iter());
        let (scores, audit_anchor) = self.scorer.take().unzip();
        let intake = Intake { reports, scores, audit_anchor: audit_anchor.flatten() };
        if intake.scores.is_some() {
            self.scored_at = Some(now);
        }
        let step = Arc::new(self.core.step(intake, now));
        self.record_verdicts(&step);
        self.settle();
        let view = self.view(step.at);
        self.shared.publish(view, &step);
    }

    /// A verdict is in the audit log before it is seen.
    fn record_verdicts(&mut self, step: &Step) {
        let failure = self.verdicts.record(&step.evaluation, &step.changes).err().map(|error| error.to_string());
        if let Some(why) = &failure {
            tracing::error!(why, "a verdict can't be recorded in the audit log");
        }
        self.core.set_audit_failure(failure);
    }

    /// Takes in what became of notifications, and hands out what is due.
    fn settle(&mut self) {
        let now = SystemClock.unix_ms();
        let outcomes = self.couriers.outcomes();
        if !outcomes.is_empty() {
            self.core.settle(&outcomes, now);
        }
        self.couriers.send(&self.core.due(now));
    }

    /// What somebody asked for is seen at once.
    fn refresh(&self) {
        let now = SystemClock.unix_ms();
        let mut view = View::clone(&self.shared.view.read());
        (view.alerts, view.silences) = (self.core.alerts(now), self.core.silences(now));
        *self.shared.view.write() = Arc::new(view);
    }

    fn view(&self, now: i64) -> View {
        View {
            at: now,
            steps: self.shared.steps.load(Ordering::Relaxed) + 1,
            evaluation: self.core.evaluation(),
            scores: self.core.scores(),
            scored_at: self.scored_at,
            alerts: self.core.alerts(now),
            silences: self.core.silences(now),
            anomalies: self.core.anomalies(),
            errors: self.core.errors(),
            store_failure: self.core.store_failure().map(str::to_owned),
            log_failure: self.core.log_failure().map(str::to_owned),
            state_dir: self.state_dir.clone(),
        }
    }

    /// What people put into the inbox of the state directory.
    fn take_wishes(&mut self, now: i64) {
        for (path, wish) in inbox::waiting(&self.state_dir) {
            match self.core.ask(&Input::from(wish.clone()), now) {
                // It is tried again with the next step.
                Err(MonitorError::NotSaved { why }) => tracing::error!(why, "a wish is not written down yet"),
                Err(error) => {
                    tracing::warn!(%error, ?wish, "a wish can't be granted");
                    inbox::taken(&path);
                }
                Ok(_) => inbox::taken(&path),
            }
        }
    }

    fn reload(&mut self, config: &MonitorConfig, gates: Vec<(String, GateFile)>) -> Result<Vec<String>, MonitorError> {
        let checks = checks(&config.scores)?;
        let mut samplers = config.samplers(&self.around)?;
        samplers.extend(self.callbacks.iter().map(Kept::again));
        Runner::check(&samplers)?;
        let anew = self.core.reload(config.clone(), gates, SystemClock.unix_ms())?;
        self.couriers.replace(&config.receivers)?;
        if let Some(runner) = &self.runner {
            runner.replace(samplers)?;
        }
        self.scorer.replace(checks);
        self.every = config.evaluate_every.as_std();
        Ok(anew)
    }

    fn end(mut self) {
        self.scorer.end(PATIENCE);
        if let Some(runner) = self.runner.take() {
            runner.stop(PATIENCE);
        }
        let mut reports = std::mem::take(&mut self.first);
        reports.extend(self.reports.try_iter());
        let (scores, audit_anchor) = self.scorer.take().unzip();
        let intake = Intake { reports, scores, audit_anchor: audit_anchor.flatten() };
        let step = Arc::new(self.core.step(intake, SystemClock.unix_ms()));
        self.record_verdicts(&step);
        let outcomes = self.couriers.end(PATIENCE);
        self.core.settle(&outcomes, SystemClock.unix_ms());
        let view = self.view(step.at);
        self.shared.publish(view, &step);
    }
}
