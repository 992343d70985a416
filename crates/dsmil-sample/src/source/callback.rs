//! A function of the program.

use std::borrow::Cow;

use dsmil_gate::Measurement;

use crate::{Batch, SampleError, Sampler};

/// What a callback gives, or why it can't.
pub type CallbackResult = Result<Vec<Measurement>, String>;

/// Asks a function for measurements. It is called in the sampler's thread and may block; one that panics has failed.
pub struct CallbackSampler {
    metrics: Vec<Cow<'static, str>>,
    callback: Box<dyn FnMut() -> CallbackResult + Send>,
}

impl std::fmt::Debug for CallbackSampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackSampler").field("metrics", &self.metrics).finish_non_exhaustive()
    }
}

impl CallbackSampler {
    /// `metrics` are those that it should give: they can't be read when it fails.
    pub fn new(
        metrics: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
        callback: impl FnMut() -> CallbackResult + Send + 'static,
    ) -> Self {
        Self { metrics: metrics.into_iter().map(Into::into).collect(), callback: Box::new(callback) }
    }
}

impl Sampler for CallbackSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.metrics.clone()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let measurements = (self.callback)().map_err(SampleError::Callback)?;
        for measurement in measurements {
            batch.push(measurement);
        }
        Ok(())
    }
}
