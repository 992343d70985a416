//! The alerts of a monitor: what they are, and what people want of them.

use std::ffi::c_char;
use std::slice;
use std::sync::atomic::Ordering;

use dsmil::alert::{Matcher, Silence};
use dsmil::monitor::{MonitorError, Wish, new_silence_id};

use crate::call::call;
use crate::failure::Failure;
use crate::label::time;
use crate::library::give;
use crate::monitor::{dsmil_monitor, json_of};
use crate::pointer::{Out, shared, text};
use crate::status::dsmil_status;

/// More matchers than this are a mistake.
const MOST_MATCHERS: usize = 64;

/// The alerts that are pending or firing, and those that have resolved lately, as a list in JSON.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
/// _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_alerts_json(monitor: *const dsmil_monitor, json: *mut *mut c_char) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live monitor, and room for a pointer.
    unsafe { json_of(monitor, json, |monitor| Ok(serde_json::to_string(&monitor.view()?.alerts)?)) }
}

/// The silences as a list in JSON.
///
/// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
/// _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_silences_json(monitor: *const dsmil_monitor, json: *mut *mut c_char) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live monitor, and room for a pointer.
    unsafe { json_of(monitor, json, |monitor| Ok(serde_json::to_string(&monitor.view()?.silences)?)) }
}

/// Says that somebody takes care of a firing alert, whose fingerprint dsmil_monitor_alerts_json() tells: nobody is
/// told of it again. When it returns, it is on the disk.
///
/// Blocks for a step at most; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _FINGERPRINT, _UNKNOWN_ALERT, _NOT_FIRING, _WORDS, _NOT_SAVED, _ENDED,
/// _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_ack(
    monitor: *const dsmil_monitor,
    fingerprint: *const c_char,
    by: *const c_char,
    comment: *const c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live monitor, and for strings.
        let (monitor, fingerprint) = unsafe { (shared(monitor, "monitor")?, text(fingerprint, "fingerprint")?) };
        // SAFETY: as above.
        let (by, comment) = unsafe { (text(by, "by")?.to_owned(), text(comment, "comment")?.to_owned()) };
        let fingerprint = fingerprint.parse().map_err(MonitorError::Alert)?;
        monitor.ask(Wish::Acknowledge { fingerprint, by, comment })
    })
}

/// Has nobody told of some alerts for a while: those that all matchers fit, which are written as
/// `severity="critical"` or `device=~"0x80.*"`. It ends by itself. When it returns, it is on the disk.
///
/// `starts_at_ms` may be DSMIL_NOW. *id, which names the silence, is to be freed with dsmil_string_free(). Blocks for
/// a step at most; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _MATCHER, _SILENCE (it can't be kept as it
/// is), _NOT_SAVED, _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_silence(
    monitor: *const dsmil_monitor,
    matchers: *const *const c_char,
    matcher_count: usize,
    starts_at_ms: i64,
    duration_ms: u64,
    by: *const c_char,
    comment: *const c_char,
    id: *mut *mut c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(id, "id") }?;
        // SAFETY: the header asks for NULL or a live monitor, and for so many matchers.
        let (monitor, matchers) = unsafe { (shared(monitor, "monitor")?, matchers_of(matchers, matcher_count)?) };
        // SAFETY: the header asks for strings.
        let (by, comment) = unsafe { (text(by, "by")?.to_owned(), text(comment, "comment")?.to_owned()) };
        let starts_at = time(starts_at_ms);
        let ends_at = starts_at.saturating_add(i64::try_from(duration_ms).unwrap_or(i64::MAX));
        let id = new_silence_id(monitor.silences.fetch_add(1, Ordering::Relaxed));
        monitor.ask(Wish::Silence(Silence { id: id.clone(), matchers, starts_at, ends_at, by, comment }))?;
        out.set(give(&id));
        Ok(())
    })
}

/// # Safety
/// `matchers` is NULL, or points to `count` strings.
unsafe fn matchers_of(matchers: *const *const c_char, count: usize) -> Result<Vec<Matcher>, Failure> {
    if matchers.is_null() {
        return Err(Failure::null("matchers"));
    }
    if count > MOST_MATCHERS {
        return Err(Failure::argument("matcher_count", &format!("{count} are more than {MOST_MATCHERS}")));
    }
    // SAFETY: not NULL, and the caller promises so many, of which there are few.
    let given = unsafe { slice::from_raw_parts(matchers, count) };
    let matcher = |matcher: &*const c_char| {
        // SAFETY: the caller promises strings.
        let matcher = unsafe { text(*matcher, "matchers[]") }?;
        Ok(matcher.parse().map_err(MonitorError::Alert)?)
    };
    given.iter().map(matcher).collect()
}

/// Ends a silence now. When it returns, it is on the disk.
///
/// Blocks for a step at most; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _UNKNOWN_SILENCE, _WORDS, _NOT_SAVED, _ENDED, _FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_expire_silence(
    monitor: *const dsmil_monitor,
    id: *const c_char,
    by: *const c_char,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live monitor, and for strings.
        let (monitor, id, by) = unsafe { (shared(monitor, "monitor")?, text(id, "id")?.to_owned(), text(by, "by")?.to_owned()) };
        monitor.ask(Wish::Expire { id, by })
    })
}
