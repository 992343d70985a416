//! Arguments from Python, judged. A wrong type is a TypeError, a wrong value an `ArgumentError`, which
//! is a ValueError: never an OverflowError, and never something silently cut to size.

use std::time::Duration;

use dsmil::{DeviceId, Operation};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::error;

/// A device id: a whole number from 0 to 65535, or text such as `0x8003`.
pub(crate) struct Id(pub(crate) DeviceId);

impl<'a, 'py> FromPyObject<'a, 'py> for Id {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            let text = text.to_string_lossy();
            return text.parse().map(Self).map_err(|why| error::argument(value.py(), "id", &format!("{why}")));
        }
        let wrong = || error::argument(value.py(), "id", &format!("{} is not between 0 and 65535", shown(&value)));
        match whole_number(&value, "id")? {
            Some(number) => u16::try_from(number).map(|raw| Self(DeviceId::new(raw))).map_err(|_| wrong()),
            None => Err(wrong()),
        }
    }
}

/// What is to be done with a device: `"info"`, `"read"`, or the enumeration's member (which is a `str`).
pub(crate) struct Use(pub(crate) Operation);

impl<'a, 'py> FromPyObject<'a, 'py> for Use {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| PyTypeError::new_err(wrong_type(&value, "operation", "str")))?;
        let text = text.to_string_lossy();
        let found = Operation::ALL.into_iter().find(|operation| operation.name() == text);
        found
            .map(Self)
            .ok_or_else(|| error::argument(value.py(), "operation", &format!("{text:?} is neither \"info\" nor \"read\"")))
    }
}

/// A length of time in seconds.
pub(crate) fn seconds(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Duration> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(wrong_type(value, name, "float (seconds)")));
    }
    let number: f64 = match value.extract() {
        Ok(number) => number,
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => f64::INFINITY,
        Err(error) => return Err(error),
    };
    let wrong = |_| error::argument(value.py(), name, &format!("{number} is not a length of time in seconds"));
    Duration::try_from_secs_f64(number).map_err(wrong)
}

/// How many times something is done.
pub(crate) fn count(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<u32> {
    let wrong = || error::argument(value.py(), name, &format!("{} is not between 1 and 100", shown(value)));
    let number = whole_number(value, name)?.ok_or_else(wrong)?;
    u32::try_from(number).map_err(|_| wrong())
}

/// A whole number; `None` if it has more than 64 bits. A bool is no number here: `read(True)` is a slip.
fn whole_number(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<i64>> {
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(wrong_type(value, name, "int")));
    }
    match value.extract::<i64>() {
        Ok(number) => Ok(Some(number)),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(None),
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => {
            Err(PyTypeError::new_err(wrong_type(value, name, "int")))
        }
        Err(error) => Err(error),
    }
}

fn wrong_type(value: &Bound<'_, PyAny>, name: &str, expected: &str) -> String {
    let got = value.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string());
    format!("{name} must be {expected}, not {got}")
}

/// A number for a message. A huge one is not written out, which could take for ever (or be refused).
fn shown(value: &Bound<'_, PyAny>) -> String {
    value.extract::<i64>().map_or_else(|_| "the number".to_owned(), |number| number.to_string())
}
