//! Metrics as Python has them: a dict of numbers, or of what says more than a number. The shapes are those of
//! [`MetricsText`], the JSON of all languages.

use std::borrow::Cow;

use dsmil::gate::{Labels, MetricsText, is_label_name, is_metric_name, is_stale};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyList, PyMapping, PyString, PyTuple, PyType};

use crate::error;

/// Name, bits of the value, time, labels.
type Fields<'py> = (String, u64, i64, Bound<'py, PyDict>);

/// One observation. Immutable; compares, hashes, copies and pickles by its fields.
#[pyclass(frozen, module = "dsmil._dsmil")]
pub(crate) struct Measurement(pub(crate) dsmil::gate::Measurement);

#[pymethods]
impl Measurement {
    #[new]
    #[pyo3(signature = (metric, value, at_ms, labels=None))]
    fn new(metric: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, at_ms: i64, labels: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let name = metric_name(metric)?;
        let Some(value) = number(value, &name)? else {
            return Err(error::argument(metric.py(), &name, "a measurement has a value"));
        };
        let labels = labels.map_or_else(|| Ok(Labels::default()), |labels| read_labels(labels, &name))?;
        Ok(Self(dsmil::gate::Measurement::new(name, at_ms, value).with_labels(labels)))
    }

    /// The metric's name.
    #[getter]
    fn metric(&self) -> &str {
        &self.0.metric
    }

    /// What was observed.
    #[getter]
    fn value(&self) -> f64 {
        self.0.value
    }

    /// When, in milliseconds since the Unix epoch.
    #[getter]
    fn at_ms(&self) -> i64 {
        self.0.at
    }

    /// When, in UTC.
    #[getter]
    fn at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static TIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        TIME.import(py, "dsmil.records", "_time")?.call1((self.0.at,))
    }

    /// The labels; a dict of the caller's own.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        labels_as_python(py, &self.0.labels)
    }

    /// Whether the series ends here: from here on it has no value.
    #[getter]
    fn is_stale(&self) -> bool {
        is_stale(self.0.value)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> Py<PyAny> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => PyBool::new(py, self.key() == other.get().key()).to_owned().into_any().unbind(),
            Err(_) => py.NotImplemented(),
        }
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.key().hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Fields<'py>)> {
        static AGAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Self(seen) = slf.get();
        let again = AGAIN.import(slf.py(), "dsmil._dsmil", "_measurement")?.clone();
        Ok((again, (seen.metric.to_string(), seen.value.to_bits(), seen.at, labels_as_python(slf.py(), &seen.labels)?)))
    }

    fn __repr__(&self) -> String {
        let seen = &self.0;
        format!("<Measurement {}{} {} at {} ms>", seen.metric, seen.labels, seen.value, seen.at)
    }
}

impl Measurement {
    /// Two NaN are equal here if their bits are.
    fn key(&self) -> (&str, &Labels, i64, u64) {
        (&self.0.metric, &self.0.labels, self.0.at, self.0.value.to_bits())
    }
}

/// What pickle makes a measurement of again, to the last bit.
#[pyfunction]
pub(crate) fn _measurement(metric: &Bound<'_, PyAny>, bits: u64, at_ms: i64, labels: &Bound<'_, PyAny>) -> PyResult<Measurement> {
    let name = metric_name(metric)?;
    let labels = read_labels(labels, &name)?;
    Ok(Measurement(dsmil::gate::Measurement::new(name, at_ms, f64::from_bits(bits)).with_labels(labels)))
}

/// Reads a dict of metrics; what has no time of its own was observed at `now`. Errors name the metric and what was found.
pub(crate) fn read(metrics: &Bound<'_, PyAny>, now: i64) -> PyResult<MetricsText> {
    let Ok(mapping) = metrics.cast::<PyMapping>() else {
        let found = shown(metrics);
        return Err(PyTypeError::new_err(format!("{found} where a dict of metrics should be: {{\"cpu_percent\": 40.0}}")));
    };
    let mut all = MetricsText::default();
    for pair in mapping.items()?.iter() {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
        let name = metric_name(&name)?;
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            for (index, element) in value.try_iter()?.enumerate() {
                one(&mut all, &name, &format!("{name}: element {index}"), &element?, now)?;
            }
        } else {
            one(&mut all, &name, &name, &value, now)?;
        }
    }
    Ok(all)
}

/// A value, a measurement, or a dict with a value or samples, labels and a time.
fn one(all: &mut MetricsText, name: &str, place: &str, value: &Bound<'_, PyAny>, now: i64) -> PyResult<()> {
    let py = value.py();
    if let Ok(seen) = value.cast::<Measurement>() {
        let seen = &seen.get().0;
        if seen.metric != name {
            return Err(error::argument(py, place, &format!("this is a measurement of {}", seen.metric)));
        }
        all.measurements.push(seen.clone());
        return Ok(());
    }
    let Ok(object) = value.cast::<PyMapping>() else {
        return add(all, name, place, Labels::default(), now, value);
    };
    for key in object.keys()?.iter() {
        let known = key
            .cast::<PyString>()
            .is_ok_and(|key| ["labels", "value", "at", "samples"].iter().any(|known| key.to_string_lossy() == *known));
        if !known {
            let what = match key.cast::<PyString>() {
                Ok(text) => format!("{:?}", text.to_string_lossy()),
                Err(_) => shown(&key),
            };
            return Err(error::argument(py, place, &format!("unknown key {what}: there are value, labels, at and samples")));
        }
    }
    let part = |key: &str| if object.contains(key)? { object.get_item(key).map(Some) } else { Ok(None) };
    let labels = part("labels")?.filter(|labels| !labels.is_none());
    let labels = labels.map_or_else(|| Ok(Labels::default()), |labels| read_labels(&labels, place))?;
    let at = part("at")?.filter(|at| !at.is_none());
    match (part("value")?, part("samples")?) {
        (Some(value), None) => {
            let at = at.map_or(Ok(now), |at| time(&at, &format!("{place}: at")))?;
            add(all, name, place, labels, at, &value)
        }
        (None, Some(samples)) if at.is_none() => {
            for (index, sample) in samples.try_iter()?.enumerate() {
                let place = format!("{place}: samples: element {index}");
                let pair: Option<Vec<Bound<'_, PyAny>>> = sample?.extract().ok();
                let Some([at, value]) = pair.as_deref() else {
                    return Err(PyTypeError::new_err(format!("{place} is no [time, value]")));
                };
                add(all, name, &place, labels.clone(), time(at, &place)?, value)?;
            }
            Ok(())
        }
        _ => {
            let what = "exactly one of the keys value and samples must be there; samples have times of their own";
            Err(error::argument(py, place, what))
        }
    }
}

fn add(all: &mut MetricsText, name: &str, place: &str, labels: Labels, at: i64, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match number(value, place)? {
        Some(value) => {
            let seen = dsmil::gate::Measurement::new(Cow::Owned(name.to_owned()), at, value);
            all.measurements.push(seen.with_labels(labels));
        }
        None => all.unreadable.push(name.to_owned()),
    }
    Ok(())
}

/// The name of a metric, if it is one.
pub(crate) fn metric_name(name: &Bound<'_, PyAny>) -> PyResult<String> {
    let wrong = |_| PyTypeError::new_err(format!("{} where a metric's name should be", shown(name)));
    let text = name.cast::<PyString>().map_err(wrong)?;
    let text = text.to_string_lossy().into_owned();
    if is_metric_name(&text) {
        return Ok(text);
    }
    let what = format!("{text:?} is no metric's name: write letters, digits, _ and :, not a digit first");
    Err(error::argument(name.py(), "metric", &what))
}

/// A number, or `None`: it could not be read. A bool is no number here: `True` where a measurement should be is a slip.
pub(crate) fn number(value: &Bound<'_, PyAny>, place: &str) -> PyResult<Option<f64>> {
    if value.is_none() {
        return Ok(None);
    }
    let wrong = || {
        let found = shown(value);
        PyTypeError::new_err(format!("{place}: {found} where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or None)"))
    };
    if let Ok(word) = value.cast::<PyString>() {
        let number = match &*word.to_string_lossy() {
            "NaN" => f64::NAN,
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            _ => return Err(wrong()),
        };
        return Ok(Some(number));
    }
    // A bool of numpy is none of Python's, and has a number too.
    if value.get_type().name().is_ok_and(|name| matches!(&*name.to_string_lossy(), "bool" | "bool_")) {
        return Err(wrong());
    }
    match value.extract::<f64>() {
        // Python's NaN may be any: the one that ends a series is not to come about by chance.
        Ok(number) if number.is_nan() => Ok(Some(f64::NAN)),
        Ok(number) => Ok(Some(number)),
        Err(failure) if failure.is_instance_of::<PyOverflowError>(value.py()) => {
            Err(error::argument(value.py(), place, "the number is too large for a float"))
        }
        Err(failure) if failure.is_instance_of::<PyTypeError>(value.py()) => Err(wrong()),
        Err(failure) => Err(failure),
    }
}

/// Labels: a dict from names to texts.
pub(crate) fn read_labels(labels: &Bound<'_, PyAny>, place: &str) -> PyResult<Labels> {
    let Ok(mapping) = labels.cast::<PyMapping>() else {
        return Err(PyTypeError::new_err(format!("{place}: labels: {} where a dict should be", shown(labels))));
    };
    let mut pairs = Vec::new();
    for pair in mapping.items()?.iter() {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
        let text = |of: &Bound<'_, PyAny>, what: &str| match of.cast::<PyString>() {
            Ok(text) => Ok(text.to_string_lossy().into_owned()),
            Err(_) => Err(PyTypeError::new_err(format!("{place}: {what}: {} where a text should be", shown(of)))),
        };
        let name = text(&name, "a label's name")?;
        if !is_label_name(&name) {
            let what = format!("{name:?} is no label's name: write letters, digits and _, not a digit first");
            return Err(error::argument(labels.py(), place, &what));
        }
        let value = text(&value, &format!("label {name}"))?;
        pairs.push((name, value));
    }
    Ok(pairs.into_iter().collect())
}

/// A time: a datetime that knows its zone, such a time as text, or whole milliseconds since the Unix epoch.
pub(crate) fn time(value: &Bound<'_, PyAny>, place: &str) -> PyResult<i64> {
    static DATETIME: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    let class = DATETIME.import(py, "datetime", "datetime")?;
    let naive = || error::argument(py, place, &format!("{value} has no time zone: write datetime.now(UTC) or the like"));
    let stamp = |moment: &Bound<'_, PyAny>| {
        if moment.call_method0("utcoffset")?.is_none() {
            return Err(naive());
        }
        let seconds: f64 = moment.call_method0("timestamp")?.extract()?;
        #[expect(clippy::cast_possible_truncation, reason = "a datetime ends with the year 9999")]
        Ok((seconds * 1e3).round() as i64)
    };
    if value.is_instance(class)? {
        return stamp(value);
    }
    if value.is_instance_of::<PyString>() {
        let moment = class.call_method1("fromisoformat", (value,)).map_err(|_| {
            let text = value.to_string();
            let what = format!("{text:?} is neither a time (\"2026-01-31T12:00:00Z\") nor milliseconds since 1970");
            error::argument(py, place, &what)
        })?;
        return stamp(&moment);
    }
    let wrong = || {
        let expected = "a datetime with its zone, such a text, or whole milliseconds since 1970";
        PyTypeError::new_err(format!("{place}: {} where a time should be: {expected}", shown(value)))
    };
    if value.is_instance_of::<PyBool>() {
        return Err(wrong());
    }
    match value.extract::<i64>() {
        Ok(at) => Ok(at),
        Err(failure) if failure.is_instance_of::<PyOverflowError>(py) => {
            Err(error::argument(py, place, "the time has more than 64 bits"))
        }
        Err(_) => Err(wrong()),
    }
}

/// What was found, in the words of all languages; what JSON has not by the name of its type.
fn shown(found: &Bound<'_, PyAny>) -> String {
    if found.is_none() {
        return "None".to_owned();
    }
    let kind = found.get_type().name().map_or_else(|_| "something".to_owned(), |name| name.to_string());
    if let Ok(text) = found.cast::<PyString>() {
        return format!("the text {:?}", text.to_string_lossy().chars().take(40).collect::<String>());
    }
    match kind.as_str() {
        "bool" => found.to_string().to_lowercase(),
        // A huge one is not written out.
        "int" | "float" => found.extract::<f64>().map_or_else(|_| "a number".to_owned(), |number| format!("the number {number}")),
        "list" | "tuple" => "a list".to_owned(),
        "dict" => "an object".to_owned(),
        _ => format!("a value of type {kind}"),
    }
}

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Labels as a dict.
pub(crate) fn labels_as_python<'py>(py: Python<'py>, labels: &Labels) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    labels.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
    Ok(dict)
}
