//! Metrics as JSON, from a file or a command.

use dsmil_gate::MetricsText;

use super::Marks;
use crate::{Batch, SampleError};

/// Takes in the measurements of a text; those without a time were observed at `at`.
pub(super) fn take(text: &[u8], at: i64, origin: &str, marks: &Marks, batch: &mut Batch<'_>) -> Result<(), SampleError> {
    let text = str::from_utf8(text).map_err(|error| SampleError::parse(origin, format!("not UTF-8 text: {error}")))?;
    if text.trim_ascii().is_empty() {
        return Err(SampleError::parse(origin, "it is empty; {} is how to say that there are no metrics"));
    }
    let read = MetricsText::parse(text, at).map_err(|error| SampleError::parse(origin, error.what))?;
    for measurement in read.measurements {
        batch.push(marks.mark(measurement));
    }
    for metric in read.unreadable {
        batch.problem(SampleError::NoValue { origin: origin.to_owned(), metric });
    }
    Ok(())
}
