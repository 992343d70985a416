//! Whatever may block: away from the interpreter, and with panics caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::error;

/// Runs something that may block while other Python threads go on. A panic, which would be a fault of
/// this library, becomes an `InternalError`; PyO3 would make it a `BaseException` that no
/// `except Exception` catches.
pub(crate) fn detached<T: Send>(py: Python<'_>, act: impl FnOnce() -> T + Send) -> PyResult<T> {
    py.detach(|| catch_unwind(AssertUnwindSafe(act))).map_err(|panic| fault(py, &*panic))
}

/// Runs something that never blocks; a panic becomes an `InternalError` all the same. The interpreter stays attached, so that no
/// other thread can fork while a lock of ours is held.
pub(crate) fn attached<T>(py: Python<'_>, act: impl FnOnce() -> T) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| fault(py, &*panic))
}

fn fault(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error::plain(py, "internal", &format!("a fault in dsmil itself: {}", text.unwrap_or("no message")))
}

/// The same for something that can fail.
pub(crate) fn run<T: Send>(py: Python<'_>, act: impl FnOnce() -> Result<T, dsmil::Error> + Send) -> PyResult<T> {
    detached(py, act)?.map_err(|failure| error::raise(py, &failure))
}

/// Drops something whose end may block, from wherever Python's garbage collection happens to run.
pub(crate) fn drop_detached<T: Send>(value: T) {
    let mut value = Some(value);
    // At the very end of the process there may be no interpreter left to detach from.
    let dropped = Python::try_attach(|py| {
        let value = value.take();
        py.detach(|| catch_unwind(AssertUnwindSafe(|| drop(value)))).is_ok()
    });
    if dropped.is_none() {
        drop(value);
    }
}
