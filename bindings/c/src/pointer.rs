//! What comes over the border and goes back: pointers, checked before anything is done.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use dsmil::RunDir;

use crate::failure::Failure;

/// A place for a result. It is checked at the start of a call and written at its end, on success only.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// `pointer` is NULL, or points to room for a `T` that lives as long as the value.
    pub(crate) unsafe fn new(pointer: *mut T, name: &'static str) -> Result<Self, Failure> {
        NonNull::new(pointer).map(Self).ok_or_else(|| Failure::null(name))
    }

    pub(crate) fn set(self, value: T) {
        // SAFETY: `new` was promised room for a `T`. What lies there is not dropped: C left it uninitialised.
        unsafe { self.0.write(value) }
    }
}

/// # Safety
/// `pointer` is NULL, or a handle of this library that nobody frees meanwhile.
pub(crate) unsafe fn shared<'a, T>(pointer: *const T, name: &'static str) -> Result<&'a T, Failure> {
    // SAFETY: NULL becomes `None`; otherwise the caller promises a live value that is only shared.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// # Safety
/// `pointer` is NULL, or a handle of this library that no other thread uses meanwhile.
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T, name: &'static str) -> Result<&'a mut T, Failure> {
    // SAFETY: NULL becomes `None`; otherwise the caller promises that nobody else uses the value.
    unsafe { pointer.as_mut() }.ok_or_else(|| Failure::null(name))
}

/// # Safety
/// `pointer` is NULL, or a string that ends with a zero and that nobody changes meanwhile.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &'static str) -> Result<&'a str, Failure> {
    // SAFETY: as promised to this function.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| Failure::null(name))
}

/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional_text<'a>(pointer: *const c_char, name: &'static str) -> Result<Option<&'a str>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and the caller promises a string that ends with a zero.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|error| Failure::argument(name, &format!("it is not UTF-8 text: {error}")))
}

/// # Safety
/// As for [`text`]. A path may have any bytes.
pub(crate) unsafe fn optional_path<'a>(pointer: *const c_char) -> Option<&'a Path> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not NULL, and the caller promises a string that ends with a zero.
    Some(Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(pointer) }.to_bytes())))
}

/// # Safety
/// As for [`optional_path`].
pub(crate) unsafe fn path<'a>(pointer: *const c_char, name: &'static str) -> Result<&'a Path, Failure> {
    // SAFETY: as promised to this function.
    unsafe { optional_path(pointer) }.ok_or_else(|| Failure::null(name))
}

/// The run directory that a path names, or for NULL the one that the environment names, or the machine's.
///
/// # Safety
/// As for [`optional_path`].
pub(crate) unsafe fn run_dir(pointer: *const c_char) -> Result<PathBuf, Failure> {
    // SAFETY: as promised to this function.
    Ok(RunDir::resolve_default(unsafe { optional_path(pointer) })?)
}

/// Gives a value out as a handle.
pub(crate) fn handle<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Frees a handle. A panic on the way has nobody to be told to.
///
/// # Safety
/// `pointer` is NULL, or came from [`handle`] and is not used again.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if let Some(pointer) = NonNull::new(pointer) {
        // SAFETY: made by `handle`, and given back once.
        let value = unsafe { Box::from_raw(pointer.as_ptr()) };
        let _ = catch_unwind(AssertUnwindSafe(move || drop(value)));
    }
}

/// Copies a text into an array of C characters; a longer one is cut between two characters.
pub(crate) fn fill<const N: usize>(text: &str) -> [c_char; N] {
    let mut array = [0; N];
    let mut end = text.len().min(N - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    for (slot, byte) in array.iter_mut().zip(&text.as_bytes()[..end]) {
        *slot = byte.cast_signed();
    }
    array
}
