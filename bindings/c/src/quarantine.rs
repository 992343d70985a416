//! The quarantine, as a list taken at one moment.

use std::ffi::c_char;
use std::slice;
use std::time::{SystemTime, UNIX_EPOCH};

use dsmil::{DeviceId, Error, Operation, PERMANENT, Quarantine, RunDir, current_quarantine};

use crate::call::call;
use crate::failure::Failure;
use crate::pointer::{Out, free, handle, optional_path, run_dir as resolve, shared};
use crate::record::DSMIL_PERMANENT_COUNT;
use crate::status::dsmil_status;

/// What is to be done with a device.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_operation {
    /// Ask for its record.
    DSMIL_OPERATION_INFO = 0,
    /// Read its data.
    DSMIL_OPERATION_READ = 1,
}

/// Who may be touched and who may not, as it was when it was loaded. It never changes, so that threads may share it. A
/// device asks the rules that hold *now*, whatever an older list says.
pub struct dsmil_quarantine {
    quarantine: Quarantine,
    /// When it was loaded, in milliseconds since the Unix epoch.
    loaded_ms: u64,
}

pub(crate) fn operation_of(number: i32) -> Result<Operation, Failure> {
    match number {
        0 => Ok(Operation::Info),
        1 => Ok(Operation::Read),
        other => Err(Failure::argument("operation", &format!("{other} is no operation: 0 is info, 1 is read"))),
    }
}

const _: () = assert!(dsmil_operation::DSMIL_OPERATION_INFO as i32 == 0 && dsmil_operation::DSMIL_OPERATION_READ as i32 == 1);

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Takes the list: the permanent seven, /etc/dsmil/policy.toml, the policy given (or what DSMIL_POLICY names), and the
/// isolations of the run directory (NULL: what DSMIL_RUN_DIR says, or the default device's). A policy, or isolations, that
/// can't be used are no error here: the list then denies everything, and says why in the detail of each denial.
///
/// *quarantine is to be freed with dsmil_quarantine_free(). Blocks for files, and up to 5 s for a change to the isolations.
/// Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_quarantine_load(
    policy: *const c_char,
    run_dir: *const c_char,
    quarantine: *mut *mut dsmil_quarantine,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(quarantine, "quarantine") }?;
        // SAFETY: the header asks for NULL or a string.
        let (policy, run_dir) = unsafe { (optional_path(policy), resolve(run_dir)?) };
        let quarantine = current_quarantine(&RunDir::open(&run_dir)?, policy);
        let loaded_ms = unix_ms();
        out.set(handle(dsmil_quarantine { quarantine, loaded_ms }));
        Ok(())
    })
}

/// Whether a list allows an operation (one of dsmil_operation) on a device: DSMIL_OK or DSMIL_ERROR_DENIED, with the rule
/// in dsmil_last_error(). A question and not an attempt: it is not audited.
///
/// Takes a few nanoseconds if it is allowed; never blocks; threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such operation), _DENIED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_quarantine_check(quarantine: *const dsmil_quarantine, id: u16, operation: i32) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live list. The way to DSMIL_OK can't panic: it looks up two bytes.
    if let Some(list) = unsafe { quarantine.as_ref() }
        && list.quarantine.allows_at_once(DeviceId::new(id))
        && (operation == 0 || operation == 1)
    {
        return dsmil_status::DSMIL_OK;
    }
    check_by_rules(quarantine, id, operation)
}

/// What is not allowed at once: names the rule, and allows a device whose isolation has ended since. Not inlined, and of
/// C's convention, so that the short way needs no stack of its own.
#[cold]
#[inline(never)]
extern "C" fn check_by_rules(quarantine: *const dsmil_quarantine, id: u16, operation: i32) -> dsmil_status {
    call(|| {
        // SAFETY: the caller's caller promises NULL or a live list.
        let list = unsafe { shared(quarantine, "quarantine") }?;
        let operation = operation_of(operation)?;
        let answer = list.quarantine.clear(DeviceId::new(id), operation, unix_ms().max(list.loaded_ms));
        answer.map(drop).map_err(|denied| Error::Denied { denied, unrecorded: None }.into())
    })
}

/// Frees a list. NULL is fine. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_quarantine_free(quarantine: *mut dsmil_quarantine) {
    // SAFETY: the header asks for NULL or a list that is not used again.
    unsafe { free(quarantine) }
}

/// The seven ids that may never be touched, in ascending order; `ids` has room for DSMIL_PERMANENT_COUNT of them.
///
/// Never blocks; any thread. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_quarantine_permanent(ids: *mut u16) -> dsmil_status {
    call(|| {
        if ids.is_null() {
            return Err(Failure::null("ids"));
        }
        // SAFETY: not NULL, and the header asks for room for seven.
        let room = unsafe { slice::from_raw_parts_mut(ids.cast::<std::mem::MaybeUninit<u16>>(), DSMIL_PERMANENT_COUNT) };
        for (slot, permanent) in room.iter_mut().zip(&PERMANENT) {
            slot.write(permanent.id.get());
        }
        Ok(())
    })
}

/// What touching one of the seven does, "data destruction"; NULL for any other id.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_permanent_what(id: u16) -> *const c_char {
    let what = match id {
        0x8009 => c"data destruction",
        0x800A => c"cascade wipe",
        0x800B => c"hardware sanitize",
        0x8019 => c"network kill",
        0x8029 => c"communications blackout",
        0x8100 => c"secure wipe execute",
        0x8101 => c"hardware destruct",
        _ => return std::ptr::null(),
    };
    what.as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_texts_of_the_seven_are_the_facades() {
        for raw in 0..=u16::MAX {
            let text = dsmil_permanent_what(raw);
            // SAFETY: not NULL, and static.
            let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().ok()).flatten();
            assert_eq!(text, DeviceId::new(raw).permanent().map(|permanent| permanent.what));
        }
    }
}
