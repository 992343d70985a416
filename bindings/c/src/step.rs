//! The steps of a monitor, as they are taken.

use std::ffi::c_char;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use dsmil::gate::{Labels, Measurement, Sample, is_stale};
use dsmil::monitor::{Next, Step, Subscription};
use serde_json::{Value, json};

use crate::call::call;
use crate::failure::Failure;
use crate::forked::Home;
use crate::label::{dsmil_label, labels as labels_of, metric as metric_of};
use crate::library::give;
use crate::pointer::{Out, free, handle, shared};
use crate::status::dsmil_status;
use crate::verdict::dsmil_verdict;

/// A step of a monitor: what was seen, what the gates decide, what happened to alerts. It never changes, so that
/// threads may share it; it outlives the monitor, and is as good in a child made by fork().
pub struct dsmil_step {
    pub(crate) step: Arc<Step>,
    pub(crate) missed: u64,
}

/// The steps of a monitor from the time of dsmil_monitor_subscribe() on. At most 1,024 wait to be read, then the
/// oldest is dropped. Threads may share it: each step is given to one of them. In a child made by fork() it answers
/// DSMIL_ERROR_FORKED.
pub struct dsmil_subscription {
    pub(crate) home: Home,
    pub(crate) subscription: Subscription,
}

/// The one value that is asked for, of all that have the labels.
pub(crate) fn only(metric: &str, wanted: &Labels, found: Vec<(&Labels, Sample)>) -> Result<Sample, Failure> {
    let mut newest: Vec<(&Labels, Sample)> = Vec::new();
    for (labels, sample) in found {
        match newest.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, known)) if known.at <= sample.at => *known = sample,
            Some(_) => {}
            None => newest.push((labels, sample)),
        }
    }
    newest.retain(|(_, sample)| !is_stale(sample.value));
    match newest.as_slice() {
        [] => Err(Failure::new(dsmil_status::DSMIL_ERROR_NO_VALUE, &format!("there is no value of {metric}{wanted}"))),
        [(_, only)] => Ok(*only),
        [(one, _), (other, _), ..] => {
            let count = newest.len();
            let what = format!("{count} series of {metric} have these labels, such as {one} and {other}: name more labels");
            Err(Failure::argument("labels", &what))
        }
    }
}

/// Writes a value and its time to where they are wanted.
///
/// # Safety
/// `at_ms` is NULL or points to room for a time.
pub(crate) unsafe fn put(sample: Sample, value: Out<f64>, at_ms: *mut i64) {
    if let Some(at_ms) = NonNull::new(at_ms) {
        // SAFETY: not NULL, and the caller promises room.
        unsafe { at_ms.write(sample.at) };
    }
    value.set(sample.value);
}

fn number(value: f64) -> Value {
    match value {
        value if value.is_finite() => json!(value),
        value if is_stale(value) => json!("stale"),
        f64::INFINITY => json!("+Inf"),
        f64::NEG_INFINITY => json!("-Inf"),
        _ => json!("NaN"),
    }
}

fn measured(seen: &Measurement) -> Value {
    json!({ "metric": seen.metric, "labels": seen.labels, "at": seen.at, "value": number(seen.value) })
}

fn document(step: &Step, missed: u64) -> Value {
    json!({
        "at": step.at,
        "verdict": step.evaluation.verdict,
        "reasons": step.evaluation.reasons(),
        "evaluation": *step.evaluation,
        "changes": step.changes,
        "measurements": step.measurements.iter().map(measured).collect::<Vec<_>>(),
        "scores": step.scores.as_ref().map(|scores| scores.to_json()),
        "alerts": step.alerts,
        "errors": step.errors,
        "saved": step.saved,
        "missed": missed,
    })
}

/// Waits for the next step, for `timeout_ms` milliseconds at most; UINT64_MAX waits for ever.
///
/// *step is to be freed with dsmil_step_free(). Blocks as long as said, or until the monitor ends. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _TIMEOUT (none came), _ENDED (the monitor has ended, and all was read), _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_subscription_next(
    subscription: *const dsmil_subscription,
    timeout_ms: u64,
    step: *mut *mut dsmil_step,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(step, "step") }?;
        // SAFETY: the header asks for NULL or a live subscription.
        let subscription = unsafe { shared(subscription, "subscription") }?;
        subscription.home.check("monitor")?;
        match subscription.subscription.next(Duration::from_millis(timeout_ms)) {
            Next::Step(step, missed) => out.set(handle(dsmil_step { step, missed })),
            Next::TimedOut => {
                let what = format!("no step was taken within {timeout_ms} ms");
                return Err(Failure::new(dsmil_status::DSMIL_ERROR_TIMEOUT, &what));
            }
            Next::Ended => return Err(ended()),
        }
        Ok(())
    })
}

pub(crate) fn ended() -> Failure {
    Failure::new(dsmil_status::DSMIL_ERROR_ENDED, "the monitor has ended")
}

/// Ends a subscription. NULL is fine. Never blocks. No other thread may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_subscription_free(subscription: *mut dsmil_subscription) {
    // SAFETY: the header asks for NULL or a live subscription.
    if unsafe { subscription.as_ref() }.is_some_and(|subscription| subscription.home.is_here()) {
        // SAFETY: the header asks for one that is not used again. A child's copy may be half changed, and is left.
        unsafe { free(subscription) }
    }
}

/// When the step was taken, in milliseconds since the Unix epoch; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_at(step: *const dsmil_step) -> i64 {
    // SAFETY: the header asks for NULL or a live step.
    unsafe { step.as_ref() }.map_or(0, |step| step.step.at)
}

/// How many steps were dropped before this one because nobody read them; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_missed(step: *const dsmil_step) -> u64 {
    // SAFETY: the header asks for NULL or a live step.
    unsafe { step.as_ref() }.map_or(0, |step| step.missed)
}

/// Whether all of the step is on the disk; false for NULL. If not, it is tried again with the next step, and nobody
/// is told of an alert before.
///
/// Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_is_saved(step: *const dsmil_step) -> bool {
    // SAFETY: the header asks for NULL or a live step.
    unsafe { step.as_ref() }.is_some_and(|step| step.step.saved)
}

/// What the gates of the monitor decide in this step, on what evidence.
///
/// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_verdict(step: *const dsmil_step, verdict: *mut *mut dsmil_verdict) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(verdict, "verdict") }?;
        // SAFETY: the header asks for NULL or a live step.
        let step = unsafe { shared(step, "step") }?;
        out.set(handle(dsmil_verdict::new(Arc::clone(&step.step.evaluation))));
        Ok(())
    })
}

/// What was measured since the step before of a metric with these labels (NULL and 0 for none; the series may have
/// more), and when, in milliseconds since the Unix epoch; of several the newest. `at_ms` may be NULL. A sampler whose
/// interval is longer than the steps' gives nothing to some: dsmil_monitor_value() knows what it gave last.
///
/// Never blocks; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (also: several series have these labels), _NO_VALUE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_value(
    step: *const dsmil_step,
    metric: *const c_char,
    labels: *const dsmil_label,
    label_count: usize,
    value: *mut f64,
    at_ms: *mut i64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(value, "value") }?;
        // SAFETY: the header asks for NULL or a live step, a string, and so many labels.
        let (step, metric, labels) = unsafe { (shared(step, "step")?, metric_of(metric)?, labels_of(labels, label_count)?) };
        let found = step.step.measurements.iter().filter(|seen| seen.metric == metric && seen.labels.satisfy(&labels));
        let found = found.map(|seen| (&seen.labels, Sample { at: seen.at, value: seen.value })).collect();
        // SAFETY: the header asks for NULL or room for a time.
        unsafe { put(only(metric, &labels, found)?, out, at_ms) };
        Ok(())
    })
}

/// Everything as one line of JSON: at, verdict, reasons, evaluation, changes, measurements, scores, alerts, errors,
/// saved, missed.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_json(step: *const dsmil_step, json: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(json, "json") }?;
        // SAFETY: the header asks for NULL or a live step.
        let step = unsafe { shared(step, "step") }?;
        out.set(give(&document(&step.step, step.missed).to_string()));
        Ok(())
    })
}

/// Frees a step. NULL is fine. Never blocks. One that a callback is given is not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_step_free(step: *mut dsmil_step) {
    // SAFETY: the header asks for NULL or a step that is not used again.
    unsafe { free(step) }
}
