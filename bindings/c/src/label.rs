//! Labels and times, as they come over the border.

use std::collections::BTreeSet;
use std::ffi::c_char;
use std::slice;

use dsmil::gate::{Labels, is_label_name, is_metric_name};
use dsmil::sample::{Clock, SystemClock};

use crate::failure::Failure;
use crate::pointer::text;

/// In place of a time: now, by the clock on the wall.
pub const DSMIL_NOW: i64 = i64::MIN;

/// More labels than this are a mistake.
const MOST: usize = 64;

/// A label of a metric, such as device = "0x8003". Both texts are copied.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_label {
    /// Letters, digits and _, and not a digit first.
    pub name: *const c_char,
    /// Any text. A label with an empty value is as one that is not there.
    pub value: *const c_char,
}

/// The labels of an array.
///
/// # Safety
/// `labels` is NULL, or points to `count` labels whose texts end with a zero, and which nobody changes meanwhile.
pub(crate) unsafe fn labels(labels: *const dsmil_label, count: usize) -> Result<Labels, Failure> {
    if count == 0 {
        return Ok(Labels::default());
    }
    if labels.is_null() {
        return Err(Failure::null("labels"));
    }
    if count > MOST {
        return Err(Failure::argument("labels", &format!("{count} are more than {MOST}")));
    }
    // SAFETY: not NULL, and the caller promises so many, of which there are few.
    let given = unsafe { slice::from_raw_parts(labels, count) };
    let mut names = BTreeSet::new();
    let pair = |label: &dsmil_label| {
        // SAFETY: the caller promises strings.
        let (name, value) = unsafe { (text(label.name, "labels[].name")?, text(label.value, "labels[].value")?) };
        if !is_label_name(name) {
            let what = format!("{name:?} is no label's name: write letters, digits and _, not a digit first");
            return Err(Failure::argument("labels", &what));
        }
        if names.insert(name) { Ok((name, value)) } else { Err(Failure::argument("labels", &format!("{name} is there twice"))) }
    };
    given.iter().map(pair).collect()
}

/// The name of a metric.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn metric<'a>(pointer: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: as promised to this function.
    let name = unsafe { text(pointer, "metric") }?;
    if is_metric_name(name) {
        return Ok(name);
    }
    Err(Failure::argument("metric", &format!("{name:?} is no metric's name: write letters, digits, _ and :, not a digit first")))
}

/// A time that was given, in milliseconds since the Unix epoch.
pub(crate) fn time(at_ms: i64) -> i64 {
    if at_ms == DSMIL_NOW { SystemClock.unix_ms() } else { at_ms }
}
