//! The devices: whether each one answers, how fast, in which state, how warm.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsmil_device::{Device, EXPECTED_ANSWER, Error};
use dsmil_gate::Labels;
use dsmil_protocol::{DeviceId, State};
use dsmil_quarantine::Operation;
use nix::errno::Errno;

use crate::sampler::label;
use crate::{Batch, SampleError, Sampler};

const METRICS: [&str; 8] = [
    "device_up",
    "device_latency_ms",
    "device_state",
    "device_requests_total",
    "device_errors_total",
    "device_state_changes_total",
    "device_error_percent",
    "devices_answering_percent",
];

/// Opens the device, again whenever it was lost.
pub type OpenDevice = Box<dyn FnMut() -> Result<Arc<Device>, Error> + Send>;

/// `device_up{device}` and its kin, for each device that is watched and may be read.
///
/// Each is asked with one READ_DEVICE, which touches no other. One that the quarantine denies is not asked at all, and so
/// is silent. An answer that comes late, is wrong or fails is an error of that device and of no other. What concerns
/// all of them (an emergency stop, a device that is gone) ends the sample.
pub struct DeviceSampler {
    open: OpenDevice,
    device: Option<Arc<Device>>,
    answer_within: Duration,
    watched: Vec<Watched>,
    /// Where the next round begins: after the last one that there was time for.
    next: usize,
    driver: Labels,
}

#[derive(Debug)]
struct Watched {
    id: DeviceId,
    labels: Labels,
    state: Option<State>,
    requests: u64,
    errors: u64,
    state_changes: u64,
}

impl std::fmt::Debug for DeviceSampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceSampler").field("device", &self.device).field("watched", &self.watched).finish_non_exhaustive()
    }
}

impl DeviceSampler {
    /// Watches these ids, all 108 if there are none, and those among them that may be read. A `device` of its own is best:
    /// waiting for another thread's transfer counts as latency.
    pub fn new(ids: impl IntoIterator<Item = DeviceId>, open: OpenDevice) -> Self {
        let watched = |id: DeviceId| {
            let labels = label("device", id.to_string());
            Watched { id, labels, state: None, requests: 0, errors: 0, state_changes: 0 }
        };
        let mut ids: BTreeSet<DeviceId> = ids.into_iter().collect();
        if ids.is_empty() {
            ids = DeviceId::served().collect();
        }
        let watched = ids.into_iter().map(watched).collect();
        let driver = label("sensor", "dsmil-72dev");
        Self { open, device: None, answer_within: EXPECTED_ANSWER, watched, next: 0, driver }
    }

    /// The same, with an open device.
    pub fn with_device(ids: impl IntoIterator<Item = DeviceId>, device: Arc<Device>) -> Self {
        Self::new(ids, Box::new(move || Ok(Arc::clone(&device))))
    }

    /// An answer that takes longer is an error: 100 ms, if nothing else is said.
    #[must_use]
    pub fn answer_within(mut self, limit: Duration) -> Self {
        self.answer_within = limit;
        self
    }

    fn device(&mut self) -> Result<Arc<Device>, Error> {
        match &self.device {
            Some(device) => Ok(Arc::clone(device)),
            None => Ok(Arc::clone(self.device.insert((self.open)()?))),
        }
    }

    /// Asks one after the other, beginning where the last round had to stop, for as long as there is time.
    fn round(&mut self, device: &Device, batch: &mut Batch<'_>) -> Result<(), Error> {
        let count = self.watched.len();
        let (mut asked, mut failed, mut left_out) = (0u32, 0u32, 0usize);
        for index in (self.next..count).chain(0..self.next) {
            let watched = &mut self.watched[index];
            if device.check(watched.id, Operation::Info)?.is_err() {
                continue;
            }
            // One at least is asked, or a round without time would be one without end.
            if asked > 0 && batch.remaining().is_zero() {
                if left_out == 0 {
                    self.next = index;
                }
                left_out += 1;
                continue;
            }
            match watched.ask(device, self.answer_within, batch)? {
                Asked::Answered => asked += 1,
                Asked::Failed => (asked, failed) = (asked + 1, failed + 1),
                Asked::Denied => {}
            }
        }
        if asked > 0 {
            let (at, percent) = (batch.now(), 100.0 * f64::from(failed) / f64::from(asked));
            batch.add("device_error_percent", at, percent);
            batch.add("devices_answering_percent", at, 100.0 - percent);
        }
        if left_out > 0 {
            let what = format!("asking {} devices, {left_out} of which were not asked,", asked as usize + left_out);
            batch.problem(SampleError::Timeout { what, limit: batch.timeout() });
        }
        Ok(())
    }

    /// The driver's own temperature. No sensor: nothing to say.
    fn thermal(&self, device: &Device, batch: &mut Batch<'_>) -> Result<(), Error> {
        let at = batch.now();
        match device.thermal() {
            Ok(celsius) => batch.add_with("temperature_celsius", &self.driver, at, f64::from(celsius)),
            Err(Error::Request { errno: Errno::EIO, .. }) => {}
            Err(error) if is_of_all(&error) => return Err(error),
            Err(error) => batch.problem(error.into()),
        }
        Ok(())
    }
}

impl Sampler for DeviceSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        METRICS.map(Cow::from).into()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let device = self.device()?;
        let sampled = self.thermal(&device, batch).and_then(|()| self.round(&device, batch));
        if let Err(error) = sampled {
            if is_lost(&error) {
                self.device = None;
            }
            return Err(error.into());
        }
        Ok(())
    }
}

enum Asked {
    Answered,
    Failed,
    /// Isolated in between.
    Denied,
}

impl Watched {
    /// Asks it. Fails only for what concerns all devices.
    fn ask(&mut self, device: &Device, within: Duration, batch: &mut Batch<'_>) -> Result<Asked, Error> {
        let (at, begun) = (batch.now(), Instant::now());
        let answer = device.info(self.id);
        let took = begun.elapsed();
        let state = match &answer {
            Ok(record) => Some(record.state),
            Err(Error::Request { state, .. }) => *state,
            Err(_) => None,
        };
        let record = match answer {
            Err(Error::Denied { .. }) => return Ok(Asked::Denied),
            // It says nothing of this device.
            Err(error) if is_of_all(&error) => return Err(error),
            Err(error) => {
                tracing::debug!(id = %self.id, %error, "a device doesn't answer");
                None
            }
            Ok(record) => Some(record),
        };
        let answered = record.is_some() && took <= within;
        self.requests += 1;
        self.errors += u64::from(!answered);
        batch.add_with("device_up", &self.labels, at, f64::from(answered));
        batch.add_with("device_latency_ms", &self.labels, at, took.as_secs_f64() * 1e3);
        if let Some(state) = state {
            self.state_changes += u64::from(self.state.replace(state).is_some_and(|before| before != state));
            batch.add_with("device_state", &self.labels, at, f64::from(state.number()));
        }
        if let Some(celsius) = record.and_then(|record| record.thermal_celsius) {
            batch.add_with("device_temperature_celsius", &self.labels, at, f64::from(celsius));
        }
        batch.add_with("device_requests_total", &self.labels, at, self.requests as f64);
        batch.add_with("device_errors_total", &self.labels, at, self.errors as f64);
        batch.add_with("device_state_changes_total", &self.labels, at, self.state_changes as f64);
        Ok(if answered { Asked::Answered } else { Asked::Failed })
    }
}

/// Whether the next device would fare no better.
fn is_of_all(error: &Error) -> bool {
    is_lost(error)
        || matches!(
            error,
            Error::Stopped(_)
                | Error::DryRun { .. }
                | Error::Busy { .. }
                | Error::Unsupported { .. }
                | Error::Interrupted { .. }
                | Error::RunDirectory { .. }
                | Error::Audit(_)
                | Error::Isolations { .. }
                | Error::Trace { .. }
        )
}

/// Whether the device has to be opened again.
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Vanished { .. } | Error::Closed | Error::Forked { .. } | Error::Open { .. })
}
