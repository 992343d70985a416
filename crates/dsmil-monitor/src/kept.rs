//! The caller's own samplers over a reload, which knows nothing of them.

use std::borrow::Cow;
use std::time::Duration;

use dsmil_sample::{Batch, SampleError, Sampler, Scheduled};

/// What is known of one: enough to name it again, so that the one that runs, runs on.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    name: String,
    interval: Duration,
    timeout: Duration,
    identity: String,
    metrics: Vec<Cow<'static, str>>,
}

impl Kept {
    pub(crate) fn new(scheduled: &Scheduled) -> Self {
        let Scheduled { name, interval, timeout, identity, sampler } = scheduled;
        let (name, identity, metrics) = (name.clone(), identity.clone(), sampler.metrics());
        Self { name, interval: *interval, timeout: *timeout, identity, metrics }
    }

    /// Stands for it among the samplers of a reload, of which it takes the place again.
    pub(crate) fn again(&self) -> Scheduled {
        let Self { name, interval, timeout, identity, .. } = self.clone();
        Scheduled { name, interval, timeout, identity, sampler: Box::new(self.clone()) }
    }
}

impl Sampler for Kept {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.metrics.clone()
    }

    fn sample(&mut self, _batch: &mut Batch<'_>) -> Result<(), SampleError> {
        // Only if the one that it stands for is not there.
        Err(SampleError::Callback("the program's own sampler was lost in a reload; start the monitor anew".to_owned()))
    }
}
