//! What a callback of the program measures.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use dsmil::gate::Measurement;
use dsmil::sample::{Batch, SampleError, Sampler, Scheduled};

use crate::call::call;
use crate::label::{DSMIL_NOW, dsmil_label, labels as labels_of, metric as metric_of};
use crate::pointer::{exclusive, text};
use crate::running::{Context, Running};
use crate::status::dsmil_status;

/// What a callback measures. It belongs to the library and lives until the callback returns; only the callback's own
/// thread may use it.
pub struct dsmil_metrics<'a, 'b> {
    batch: &'a mut Batch<'b>,
    why: Option<String>,
}

/// A function that measures: it adds what it sees to `metrics`, and says with dsmil_metrics_fail() what it can't see.
/// It is called on a thread of the library, never twice at a time for one sampler, and may block: one that takes
/// longer than its time-out has failed, and is called again when it has returned. It may use the library; see
/// dsmil_monitor_stop() for what would wait for itself. It must not leave by longjmp or a C++ exception, and a child
/// that it makes by fork() must end by exec or _exit.
pub type dsmil_sampler_function = Option<unsafe extern "C" fn(metrics: *mut dsmil_metrics, context: *mut c_void)>;

/// A sampler of the program, as it is described.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) metrics: Vec<String>,
    pub(crate) function: unsafe extern "C" fn(metrics: *mut dsmil_metrics, context: *mut c_void),
    pub(crate) context: Context,
}

/// One that runs.
struct Callback {
    described: Described,
    running: Arc<Running>,
}

impl Described {
    pub(crate) fn scheduled(&self, running: &Arc<Running>) -> Scheduled {
        Scheduled {
            name: self.name.clone(),
            interval: self.interval,
            timeout: self.timeout,
            identity: format!("C callback {}", self.name),
            sampler: Box::new(Callback { described: self.clone(), running: Arc::clone(running) }),
        }
    }
}

impl Sampler for Callback {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.described.metrics.iter().map(|metric| Cow::Owned(metric.clone())).collect()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let Some(counted) = self.running.begin() else {
            return Err(SampleError::Callback("the monitor has stopped".to_owned()));
        };
        let _inside = counted.inside();
        let mut metrics = dsmil_metrics { batch, why: None };
        // SAFETY: the header asks for a function that may be called with this context until the monitor has stopped.
        unsafe { (self.described.function)(&raw mut metrics, self.described.context.0) };
        metrics.why.map_or(Ok(()), |why| Err(SampleError::Callback(why)))
    }
}

/// Adds an observation: of a metric with these labels (NULL and 0 for none), at a time in milliseconds since the Unix
/// epoch or DSMIL_NOW. At most 20,000 in a sample.
///
/// Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT (a name that is none): then it is not added, and the sample goes
/// on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_metrics_add(
    metrics: *mut dsmil_metrics,
    metric: *const c_char,
    labels: *const dsmil_label,
    label_count: usize,
    at_ms: i64,
    value: f64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for the callback's metrics, a string, and so many labels.
        let (metrics, metric, labels) =
            unsafe { (exclusive(metrics, "metrics")?, metric_of(metric)?, labels_of(labels, label_count)?) };
        let at = if at_ms == DSMIL_NOW { metrics.batch.now() } else { at_ms };
        metrics.batch.push(Measurement::new(metric.to_owned(), at, value).with_labels(labels));
        Ok(())
    })
}

/// Says that something could not be measured, and why (copied; of several the first counts). What was added counts
/// all the same; the sample has failed, and the metrics that it should have given and didn't can't be read until it
/// succeeds.
///
/// Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_metrics_fail(metrics: *mut dsmil_metrics, why: *const c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for the callback's metrics and a string.
        let (metrics, why) = unsafe { (exclusive(metrics, "metrics")?, text(why, "why")?) };
        metrics.why.get_or_insert_with(|| why.to_owned());
        Ok(())
    })
}

/// How long the callback still has until its time-out, in milliseconds; 0 after it, once the monitor stops, and for
/// NULL.
///
/// Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_metrics_remaining_ms(metrics: *const dsmil_metrics) -> u64 {
    // SAFETY: the header asks for NULL or the callback's metrics.
    let left = unsafe { metrics.as_ref() }.map_or(Duration::ZERO, |metrics| metrics.batch.remaining());
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
