//! Metrics as JSON text: what a file, a command, or a program in another language gives.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::evidence::value_of_word;
use crate::samples::{Labels, Measurement, Pushed, Samples};

/// A text that holds no metrics. It names the metric and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics: {what}")]
pub struct MetricsError {
    /// What is wrong, where, and what would be right.
    pub what: String,
}

/// What a text says of metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsText {
    /// What was observed.
    pub measurements: Vec<Measurement>,
    /// The metrics that could not be read: those whose value is `null`.
    pub unreadable: Vec<String>,
}

impl MetricsText {
    /// Reads an object with a key for each metric:
    ///
    /// ```json
    /// {
    ///   "cpu_percent": 40.0,
    ///   "disk_free_bytes": [{"labels": {"path": "/"}, "value": 1e9, "at": "2026-11-21T12:00:00Z"}],
    ///   "temperature_celsius": {"samples": [[1763726400000, 61.5], [1763726430000, 62.0]]},
    ///   "health_score": null
    /// }
    /// ```
    ///
    /// A value is a number, one of the words `"NaN"`, `"+Inf"`, `"-Inf"`, or `null`: it could not be read. `at` is a time or
    /// milliseconds since the Unix epoch; what has none was observed at `now`.
    ///
    /// # Errors
    /// [`MetricsError`] with the first that is wrong; two different values of one series for one time are wrong too, since nobody
    /// knows which is true. Of a key that stands twice the last counts, as JSON has it.
    pub fn parse(text: &str, now: i64) -> Result<Self, MetricsError> {
        let read = || {
            let value: Value = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
            let Value::Object(metrics) = value else {
                return Err(format!("{} where an object of metrics should be: {{\"cpu_percent\": 40.0}}", kind(&value)));
            };
            let all = Self::of(&metrics, now)?;
            match all.pour(&mut Samples::new()) {
                Some(Measurement { metric, labels, at, .. }) => {
                    Err(format!("there are two values for {metric}{labels} at {at} ms: keep the one that is true"))
                }
                None => Ok(all),
            }
        };
        read().map_err(|what| MetricsError { what })
    }

    /// What was observed goes into the samples, what could not be read becomes an error of its metric. Gives the first value that
    /// contradicts another of its series for the same time, if one does: the other stays.
    pub fn pour(&self, samples: &mut Samples) -> Option<&Measurement> {
        let mut ordered: Vec<&Measurement> = self.measurements.iter().collect();
        // A series that stands there backwards would be turned round sample by sample.
        ordered.sort_by_key(|measurement| measurement.at);
        let mut contradiction = None;
        for measurement in ordered {
            if samples.take(measurement) == Pushed::Conflict {
                contradiction.get_or_insert(measurement);
            }
        }
        for metric in &self.unreadable {
            samples.set_error(metric, Some("its source says that it could not be read"));
        }
        contradiction
    }

    fn of(metrics: &Map<String, Value>, now: i64) -> Result<Self, String> {
        let mut all = Self::default();
        for (name, value) in metrics {
            if !is_metric_name(name) {
                return Err(format!("{name:?} is no metric's name: write letters, digits, _ and :, not a digit first"));
            }
            let wrong = |what: String| format!("{name}: {what}");
            match value {
                Value::Array(list) => {
                    for (index, element) in list.iter().enumerate() {
                        all.read(name, element, now).map_err(|what| wrong(format!("element {index}: {what}")))?;
                    }
                }
                one => all.read(name, one, now).map_err(wrong)?,
            }
        }
        Ok(all)
    }

    /// A value, or an object with a value or samples, labels and a time.
    fn read(&mut self, name: &str, value: &Value, now: i64) -> Result<(), String> {
        let Value::Object(object) = value else { return self.add(name, Labels::default(), now, value) };
        if let Some(key) = object.keys().find(|key| !matches!(key.as_str(), "labels" | "value" | "at" | "samples")) {
            return Err(format!("unknown key {key:?}: there are value, labels, at and samples"));
        }
        let labels = object.get("labels").map_or(Ok(Labels::default()), labels)?;
        match (object.get("value"), object.get("samples")) {
            (Some(value), None) => {
                let at = object.get("at").map_or(Ok(now), time)?;
                self.add(name, labels, at, value)
            }
            (None, Some(samples)) if !object.contains_key("at") => {
                let list = samples.as_array().ok_or_else(|| format!("samples: {} where a list should be", kind(samples)))?;
                for (index, sample) in list.iter().enumerate() {
                    let pair = sample.as_array().filter(|pair| pair.len() == 2);
                    let pair = pair.ok_or_else(|| format!("samples: element {index} is no [time, value]"))?;
                    let at = time(&pair[0]).map_err(|what| format!("samples: element {index}: {what}"))?;
                    self.add(name, labels.clone(), at, &pair[1])?;
                }
                Ok(())
            }
            _ => Err("exactly one of the keys value and samples must be there; samples have times of their own".to_owned()),
        }
    }

    fn add(&mut self, name: &str, labels: Labels, at: i64, value: &Value) -> Result<(), String> {
        let number = match value {
            Value::Null => {
                self.unreadable.push(name.to_owned());
                return Ok(());
            }
            Value::String(word) => value_of_word(word),
            other => other.as_f64(),
        };
        let wrong = || format!("{} where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or null)", kind(value));
        let number = number.ok_or_else(wrong)?;
        self.measurements.push(Measurement::new(Cow::Owned(name.to_owned()), at, number).with_labels(labels));
        Ok(())
    }
}

fn time(value: &Value) -> Result<i64, String> {
    let wrong = || format!("at: {value} is neither a time (\"2026-01-31T12:00:00Z\") nor milliseconds since 1970");
    match value {
        Value::String(text) => text.parse().map(Timestamp::as_millisecond).map_err(|_| wrong()),
        other => other.as_i64().ok_or_else(wrong),
    }
}

fn labels(value: &Value) -> Result<Labels, String> {
    let object = value.as_object().ok_or_else(|| format!("labels: {} where an object should be", kind(value)))?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(value) if is_label_name(name) => Ok((name.clone(), value.clone())),
        Value::String(_) => Err(format!("{name:?} is no label's name: write letters, digits and _, not a digit first")),
        other => Err(format!("label {name}: {} where a text should be", kind(other))),
    };
    object.iter().map(pair).collect()
}

/// Whether Prometheus would take this as the name of a metric.
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, |c| c == '_' || c == ':')
}

/// Whether Prometheus would take this as the name of a label.
pub fn is_label_name(name: &str) -> bool {
    is_name(name, |c| c == '_')
}

fn is_name(name: &str, also: impl Fn(char) -> bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || also(c);
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(word) => format!("{word}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
