//! The one place where a failure, or a panic, becomes a status.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::failure::Failure;
use crate::status::dsmil_status;

/// Carries out a call. Its failure is kept for this thread's dsmil_last_error().
///
/// Asserting unwind safety is sound: a device that is left by a panic is closed, and everything else that a
/// handle holds is either unchangeable or behind a lock.
pub(crate) fn call(act: impl FnOnce() -> Result<(), Failure>) -> dsmil_status {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(())) => dsmil_status::DSMIL_OK,
        Ok(Err(failure)) => failure.keep(),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Failure::panic(&text).keep()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status_with_its_text() {
        let status = call(|| panic!("the sky fell on {}", 7));
        assert_eq!(status, dsmil_status::DSMIL_ERROR_PANIC);
        // SAFETY: the text lives until the next failing call of this thread.
        let text = unsafe { std::ffi::CStr::from_ptr(crate::dsmil_last_error_message()) };
        assert!(text.to_string_lossy().contains("the sky fell on 7"));
    }
}
