//! What a sampler is, and where it puts what it has seen.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dsmil_gate::{Labels, Measurement};

use crate::{Clock, SampleError};

/// So many measurements one sample may hold.
pub const MAX_MEASUREMENTS: usize = 20_000;

/// Looks at something when it is told to.
pub trait Sampler: Send {
    /// The metrics that it gives when all is well, as far as it knows them beforehand: when a sample fails they can't be
    /// read, and rules that look at them fail.
    fn metrics(&self) -> Vec<Cow<'static, str>>;

    /// Looks now. What could be seen goes into the batch; what could not be seen in part is a
    /// [problem](Batch::problem) there. It may block, but should end at [`Batch::remaining`] or when [`Batch::is_cancelled`].
    ///
    /// # Errors
    /// Why nothing could be seen.
    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError>;
}

/// One sample: what was seen and what could not be seen.
pub struct Batch<'a> {
    clock: &'a dyn Clock,
    cancelled: &'a AtomicBool,
    begun: Duration,
    timeout: Duration,
    measurements: Vec<Measurement>,
    problems: Vec<SampleError>,
}

impl<'a> Batch<'a> {
    /// An empty one; the time until the time-out runs from here on.
    pub fn new(clock: &'a dyn Clock, timeout: Duration, cancelled: &'a AtomicBool) -> Self {
        let begun = clock.steady();
        Self { clock, cancelled, begun, timeout, measurements: Vec::new(), problems: Vec::new() }
    }

    /// The wall clock, in milliseconds since the Unix epoch: the time of what is observed now.
    pub fn now(&self) -> i64 {
        self.clock.unix_ms()
    }

    /// The steady clock.
    pub fn steady(&self) -> Duration {
        self.clock.steady()
    }

    /// The time-out of the whole sample.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is left until the time-out; nothing after it, or when the sample was broken off.
    pub fn remaining(&self) -> Duration {
        if self.is_cancelled() {
            return Duration::ZERO;
        }
        self.timeout.saturating_sub(self.clock.steady().saturating_sub(self.begun))
    }

    /// Whether nobody waits for this sample any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Adds an observation. Beyond [`MAX_MEASUREMENTS`] they are left out, which is a problem.
    pub fn push(&mut self, measurement: Measurement) {
        const UNIT: &str = "measurements";
        if self.measurements.len() < MAX_MEASUREMENTS {
            self.measurements.push(measurement);
            return;
        }
        let has_said_so = |error: &SampleError| matches!(error, SampleError::TooMuch { unit: UNIT, .. });
        if !self.problems.last().is_some_and(has_said_so) {
            self.problem(SampleError::TooMuch { origin: "sample".to_owned(), limit: MAX_MEASUREMENTS, unit: UNIT });
        }
    }

    /// Adds an observation without labels.
    pub fn add(&mut self, metric: &'static str, at: i64, value: f64) {
        self.push(Measurement::new(metric, at, value));
    }

    /// Adds an observation with these labels.
    pub fn add_with(&mut self, metric: &'static str, labels: &Labels, at: i64, value: f64) {
        self.push(Measurement::new(metric, at, value).with_labels(labels.clone()));
    }

    /// Says that a part could not be seen.
    pub fn problem(&mut self, error: SampleError) {
        self.problems.push(error);
    }

    /// What was seen so far.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    /// What was seen, and what could not be seen.
    pub fn into_parts(self) -> (Vec<Measurement>, Vec<SampleError>) {
        (self.measurements, self.problems)
    }
}

/// Samples once, in this thread: what was seen, and what went wrong. Blocks for as long as the sampler does.
pub fn sample_once(sampler: &mut dyn Sampler, clock: &dyn Clock, timeout: Duration) -> (Vec<Measurement>, Vec<SampleError>) {
    let cancelled = AtomicBool::new(false);
    let mut batch = Batch::new(clock, timeout, &cancelled);
    if let Err(error) = sampler.sample(&mut batch) {
        batch.problem(error);
    }
    batch.into_parts()
}

/// A label set of one.
pub(crate) fn label(name: &'static str, value: impl Into<String>) -> Labels {
    [(name, value.into())].into_iter().collect()
}

/// A sampler with a name and a pace: what a [`Runner`](crate::Runner) runs.
pub struct Scheduled {
    /// Its name, unique among those that run together: `cpu`, `file app`.
    pub name: String,
    /// The time between two samples.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// What it was made from. On [`Runner::replace`](crate::Runner::replace) one of the same name, identity and pace runs on.
    pub identity: String,
    /// What samples.
    pub sampler: Box<dyn Sampler>,
}

impl std::fmt::Debug for Scheduled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduled").field("name", &self.name).field("interval", &self.interval).finish_non_exhaustive()
    }
}
