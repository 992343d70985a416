//! The emergency stop.

use std::ffi::c_char;
use std::ptr::NonNull;

use dsmil::{Pulled, StopRecord, clear_stop, emergency_stop, stop_state};

use crate::call::call;
use crate::pointer::{Out, fill, run_dir as resolve, text};
use crate::status::dsmil_status;

/// Room for the reason of a stop, with the zero at its end.
pub const DSMIL_REASON_BYTES: usize = 1604;
/// Room for the name of a program, with the zero at its end.
pub const DSMIL_PROGRAM_BYTES: usize = 404;

/// Who pulled the emergency stop, when, and why.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_stop_record {
    /// When, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// From dsmil_emergency_stop(): how long it took until every process was stopped, in nanoseconds. Otherwise 0.
    pub took_ns: u64,
    /// The user id.
    pub uid: u32,
    /// The process.
    pub pid: u32,
    /// From dsmil_emergency_stop(): whether the audit log has a record of it; the stop holds in either case.
    pub is_audited: bool,
    /// Why.
    pub reason: [c_char; DSMIL_REASON_BYTES],
    /// The program's name.
    pub program: [c_char; DSMIL_PROGRAM_BYTES],
}

impl From<&StopRecord> for dsmil_stop_record {
    fn from(record: &StopRecord) -> Self {
        Self {
            since_ms: record.since_ms,
            took_ns: 0,
            uid: record.uid,
            pid: record.pid,
            is_audited: false,
            reason: fill(&record.reason),
            program: fill(&record.program),
        }
    }
}

impl From<&Pulled> for dsmil_stop_record {
    fn from(pulled: &Pulled) -> Self {
        Self {
            took_ns: u64::try_from(pulled.took.as_nanos()).unwrap_or(u64::MAX),
            is_audited: pulled.unrecorded.is_none(),
            ..(&pulled.record).into()
        }
    }
}

/// Pulls the emergency stop: from now on no process that uses the run directory (NULL: what DSMIL_RUN_DIR says, or
/// /var/lib/dsmil) asks a device for anything, until dsmil_stop_clear(). It takes force before anything is written
/// about it. `record` may be NULL; otherwise it gets the stop that is in force: an older one, if there was one.
///
/// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL (no reason), _ARGUMENT, _RUN_DIRECTORY (then there is no access
/// either).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_emergency_stop(
    run_dir: *const c_char,
    reason: *const c_char,
    record: *mut dsmil_stop_record,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for a string.
        let reason = unsafe { text(reason, "reason") }?;
        // SAFETY: the header asks for NULL or a string.
        let pulled = emergency_stop(&unsafe { resolve(run_dir) }?, reason)?;
        if let Some(record) = NonNull::new(record) {
            // SAFETY: not NULL, and the header asks for room for one.
            unsafe { record.write((&pulled).into()) };
        }
        Ok(())
    })
}

/// Ends the emergency stop. *was_pulled tells whether there was one.
///
/// Blocks for files. Any thread.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _RUN_DIRECTORY, _AUDIT (it can't be recorded: then the stop stays).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_stop_clear(run_dir: *const c_char, reason: *const c_char, was_pulled: *mut bool) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a truth value.
        let out = unsafe { Out::new(was_pulled, "was_pulled") }?;
        // SAFETY: the header asks for a string.
        let reason = unsafe { text(reason, "reason") }?;
        // SAFETY: the header asks for NULL or a string.
        out.set(clear_stop(&unsafe { resolve(run_dir) }?, reason)?);
        Ok(())
    })
}

/// Whether the emergency stop is pulled. `record` may be NULL; otherwise it gets the stop that is in force, if one is.
///
/// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_stop_state(
    run_dir: *const c_char,
    is_pulled: *mut bool,
    record: *mut dsmil_stop_record,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a truth value.
        let out = unsafe { Out::new(is_pulled, "is_pulled") }?;
        // SAFETY: the header asks for NULL or a string.
        let state = stop_state(&unsafe { resolve(run_dir) }?)?;
        if let (Some(state), Some(record)) = (&state, NonNull::new(record)) {
            // SAFETY: not NULL, and the header asks for room for one.
            unsafe { record.write(state.into()) };
        }
        out.set(state.is_some());
        Ok(())
    })
}
