//! The library itself: its version, and the texts that it gives out to keep.

use std::ffi::{CString, c_char};

/// The library's version, "MAJOR.MINOR.PATCH".
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_library_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Frees a text that a function of this library gave out as `char **`. NULL is fine.
///
/// Never blocks; any thread, once for each text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_string_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the header asks for a text that came from `give`, once.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// A text that the caller frees with [`dsmil_string_free`].
pub(crate) fn give(text: &str) -> *mut c_char {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default().into_raw()
}
