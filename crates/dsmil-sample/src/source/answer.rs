//! Metrics as JSON, from a file or a command.

use dsmil_gate::Measurement;

use crate::{SampleError, json};

/// The measurements of a text; those without a time were observed at `at`.
pub(super) fn metrics(text: &[u8], at: i64, origin: &str) -> Result<Vec<Measurement>, SampleError> {
    let text = str::from_utf8(text).map_err(|error| SampleError::parse(origin, format!("not UTF-8 text: {error}")))?;
    if text.trim_ascii().is_empty() {
        return Err(SampleError::parse(origin, "it is empty; {} is how to say that there are no metrics"));
    }
    json::measurements_from_json(text, at).map_err(|what| SampleError::parse(origin, what))
}
