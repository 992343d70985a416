//! Metrics as JSON text: what files and commands give.

use std::borrow::Cow;

use dsmil_gate::{Labels, Measurement};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Reads `{"cpu_percent": 40.0, "disk_free_bytes": [{"labels": {"path": "/"}, "value": 1e9, "at": "2026-…Z"}]}`; what has
/// no `at` was observed at `at`. The error names the metric and what is wrong.
pub(crate) fn measurements_from_json(text: &str, at: i64) -> Result<Vec<Measurement>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let Value::Object(metrics) = value else {
        return Err(format!("{} where an object of metrics should be: {{\"cpu_percent\": 40.0}}", kind(&value)));
    };
    let mut measurements = Vec::with_capacity(metrics.len());
    for (name, value) in &metrics {
        if !is_name(name, ':') {
            return Err(format!("{name:?} is no metric's name: letters, digits, _ and :, not a digit first"));
        }
        let wrong = |what: String| format!("{name}: {what}");
        match value {
            Value::Array(list) => {
                for (index, element) in list.iter().enumerate() {
                    measurements.push(read(name, element, at).map_err(|what| wrong(format!("element {index}: {what}")))?);
                }
            }
            one => measurements.push(read(name, one, at).map_err(wrong)?),
        }
    }
    Ok(measurements)
}

/// A number, or an object with a value, labels and a time.
fn read(name: &str, value: &Value, at: i64) -> Result<Measurement, String> {
    let name = || Cow::Owned(name.to_owned());
    let object = match value {
        Value::Object(object) => object,
        other => return Ok(Measurement::new(name(), at, number(other)?)),
    };
    if let Some(key) = object.keys().find(|key| !matches!(key.as_str(), "labels" | "value" | "at")) {
        return Err(format!("unknown key {key:?}: there are value, labels and at"));
    }
    let value = number(object.get("value").ok_or("the key \"value\" is missing")?)?;
    let at = object.get("at").map_or(Ok(at), time)?;
    let labels = object.get("labels").map_or(Ok(Labels::default()), labels)?;
    Ok(Measurement::new(name(), at, value).with_labels(labels))
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{} where a number should be", kind(value)))
}

fn time(value: &Value) -> Result<i64, String> {
    let wrong = || format!("at: {value} is neither a time (\"2026-01-31T12:00:00Z\") nor milliseconds since 1970");
    match value {
        Value::String(text) => text.parse().map(Timestamp::as_millisecond).map_err(|_| wrong()),
        other => other.as_i64().ok_or_else(wrong),
    }
}

fn labels(value: &Value) -> Result<Labels, String> {
    let object: &Map<String, Value> =
        value.as_object().ok_or_else(|| format!("labels: {} where an object should be", kind(value)))?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(value) if is_name(name, '_') => Ok((name.clone(), value.clone())),
        Value::String(_) => Err(format!("{name:?} is no label's name: letters, digits and _, not a digit first")),
        other => Err(format!("label {name}: {} where a text should be", kind(other))),
    };
    object.iter().map(pair).collect()
}

/// Whether Prometheus would take this name; `also` is one more character that may be in it.
pub(crate) fn is_name(name: &str, also: char) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == also;
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
