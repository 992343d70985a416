//! Computes the scores in a thread of its own: the checks wait for the disk and the device.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use dsmil_device::{BackendSpec, Device, OpenOptions};
use dsmil_gate::Samples;
use dsmil_health::{AuditAnchor, Check, CheckFn, Checks, Context, FileRule, Found, Kind, Scores, ScoresConfig};
use dsmil_sample::{Clock, SystemClock, Workers};
use parking_lot::{Mutex, RwLock};

use crate::MonitorError;

/// What the checks look at, beside the samples.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) spec: BackendSpec,
    pub(crate) options: OpenOptions,
    pub(crate) run_dir: PathBuf,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) state_dir: PathBuf,
    pub(crate) files: Vec<FileRule>,
    pub(crate) workers: Option<Workers>,
}

/// The scores, and how far the audit log was found sound.
pub(crate) type Scored = (Scores, Option<AuditAnchor>);

/// The thread that computes scores.
pub(crate) struct Scorer {
    ask: Sender<Checks>,
    stop: Option<Sender<()>>,
    handle: Option<JoinHandle<()>>,
    newest: Arc<Mutex<Option<Scored>>>,
}

/// The checks of a configuration, with those of the monitor itself.
///
/// # Errors
/// [`MonitorError::Health`] by what is wrong with the configuration.
pub fn checks(config: &ScoresConfig) -> Result<Checks, MonitorError> {
    Ok(Checks::builder(config.clone()).register(Box::new(WholeScan)).build()?)
}

/// Runs the checks once. Blocks for the disk and the device.
pub(crate) fn run(
    checks: &mut Checks,
    around: &Surroundings,
    device: &Result<Device, String>,
    samples: &Samples,
    now: i64,
) -> Scores {
    let mut context = Context::new(samples, &around.run_dir)
        .device(&around.spec, device.as_ref().map_err(Clone::clone))
        .policy(around.policy.clone())
        .scratch(&around.state_dir);
    for rule in &around.files {
        context = context.file(rule.clone());
    }
    checks.run(&context, now)
}

impl Surroundings {
    /// The device, or why it can't be opened.
    pub(crate) fn open(&self) -> Result<Device, String> {
        self.options.clone().open_spec(&self.spec).map_err(|error| error.to_string())
    }
}

impl Scorer {
    pub(crate) fn start(
        mut checks: Checks,
        around: Surroundings,
        samples: Arc<RwLock<Samples>>,
        every: Duration,
    ) -> Result<Self, MonitorError> {
        let newest: Arc<Mutex<Option<Scored>>> = Arc::default();
        let (ask, asked) = channel::<Checks>();
        let (stop, stopped): (Sender<()>, Receiver<()>) = channel();
        let into = Arc::clone(&newest);
        let loops = move || {
            let mut device = around.open();
            loop {
                if let Some(mut other) = asked.try_iter().last() {
                    if let Some(anchor) = checks.audit_anchor() {
                        other.set_audit_anchor(anchor);
                    }
                    checks = other;
                }
                let seen = samples.read().clone();
                let scores = run(&mut checks, &around, &device, &seen, SystemClock.unix_ms());
                // A device that was lost is opened anew for the next time.
                if scores.health.check("driver-answers").is_none_or(|check| !check.has_passed()) {
                    device = around.open();
                }
                *into.lock() = Some((scores, checks.audit_anchor()));
                match stopped.recv_timeout(every) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let name = "dsmil scores";
        let handle = Builder::new().name(name.to_owned()).spawn(loops).map_err(|source| MonitorError::Thread { name, source })?;
        Ok(Self { ask, stop: Some(stop), handle: Some(handle), newest })
    }

    /// From the next time on these checks.
    pub(crate) fn replace(&self, checks: Checks) {
        _ = self.ask.send(checks);
    }

    /// The scores, if they were computed since it was asked last.
    pub(crate) fn take(&self) -> Option<Scored> {
        self.newest.lock().take()
    }

    /// Ends the thread after what it is doing; waits for it for at most `patience`.
    pub(crate) fn end(&mut self, patience: Duration) {
        drop(self.stop.take());
        let Some(handle) = self.handle.take() else { return };
        let until = std::time::Instant::now() + patience;
        while !handle.is_finished() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// `chunked-scan`: scans in chunks, which asks the driver for its table and touches no device.
struct WholeScan;

impl CheckFn for WholeScan {
    fn check(&self) -> Check {
        Check::new("chunked-scan", Kind::Health, 2.0)
    }

    fn run(&mut self, context: &Context<'_>, _now: i64) -> Found {
        let device = match (context.device, &context.device_error) {
            (Some(device), _) => device,
            (None, why) => return Found::could_not_run(why.clone().unwrap_or_else(|| "no device is configured".to_owned())),
        };
        match device.scan() {
            Ok(scan) => {
                let (found, all) = (scan.records.len(), dsmil_protocol::DEVICE_COUNT);
                let text = format!("a scan in chunks brought {found} of {all} devices");
                Found::partly(found as f64 / all as f64, text).with("devices", found)
            }
            Err(error) => Found::failed(format!("a scan in chunks failed: {error}")),
        }
    }
}
