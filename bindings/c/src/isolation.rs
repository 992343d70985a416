//! Isolations: devices that somebody takes out of use, for a reason, perhaps for a time.

use std::ffi::{CString, c_char};
use std::time::Duration;

use dsmil::{DeviceId, Isolation, Isolations, RunDir};

use crate::call::call;
use crate::failure::Failure;
use crate::pointer::{Out, free, handle, run_dir as resolve, shared, text};
use crate::status::dsmil_status;

/// One isolation. Its texts belong to the list that it is of.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_isolation {
    /// Why.
    pub reason: *const c_char,
    /// Who decided it.
    pub author: *const c_char,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Until when, in milliseconds since the Unix epoch, if has_end.
    pub until_ms: u64,
    /// The device.
    pub id: u16,
    /// Whether it ends by itself; otherwise it holds until it is released.
    pub has_end: bool,
}

/// The isolations that were in force at one moment. It never changes, so that threads may share it.
pub struct dsmil_isolations {
    entries: Vec<Entry>,
}

struct Entry {
    isolation: Isolation,
    reason: CString,
    author: CString,
}

impl From<Isolation> for Entry {
    fn from(isolation: Isolation) -> Self {
        let text = |text: &str| CString::new(text.replace('\0', "\\0")).unwrap_or_default();
        Self { reason: text(&isolation.reason), author: text(&isolation.author), isolation }
    }
}

/// # Safety
/// As for [`resolve`].
unsafe fn open(run_dir: *const c_char) -> Result<Isolations, Failure> {
    // SAFETY: as promised to this function.
    let path = unsafe { resolve(run_dir) }?;
    Ok(Isolations::new(RunDir::open(&path)?))
}

/// Takes a device out of use for `duration_ms` milliseconds; 0: until it is released. Every process that uses the run
/// directory (NULL: what DSMIL_RUN_DIR says, or the default device's) heeds it from its next operation on. One that is isolated
/// already is isolated anew. It is audited.
///
/// Blocks for files, and up to 5 s for another process's change. Any thread.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (an empty text, or an id that the driver doesn't serve), _RUN_DIRECTORY, _AUDIT,
/// _ISOLATIONS: then nothing has changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_isolate(
    run_dir: *const c_char,
    id: u16,
    reason: *const c_char,
    author: *const c_char,
    duration_ms: u64,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for strings.
        let (reason, author) = unsafe { (text(reason, "reason")?, text(author, "author")?) };
        let duration = (duration_ms > 0).then(|| Duration::from_millis(duration_ms));
        // SAFETY: the header asks for NULL or a string.
        unsafe { open(run_dir) }?.isolate(DeviceId::new(id), reason, author, duration)?;
        Ok(())
    })
}

/// Puts a device back into use. *was_isolated tells whether there was anything to end. It is audited.
///
/// Blocks for files, and up to 5 s for another process's change. Any thread.
/// Errors: DSMIL_ERROR_NULL, _DENIED (one of the permanent seven), _ARGUMENT (an empty author), _RUN_DIRECTORY, _AUDIT,
/// _ISOLATIONS: then nothing has changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_release(
    run_dir: *const c_char,
    id: u16,
    author: *const c_char,
    was_isolated: *mut bool,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a truth value.
        let out = unsafe { Out::new(was_isolated, "was_isolated") }?;
        // SAFETY: the header asks for a string.
        let author = unsafe { text(author, "author") }?;
        // SAFETY: the header asks for NULL or a string.
        out.set(unsafe { open(run_dir) }?.release(DeviceId::new(id), author)?.is_some());
        Ok(())
    })
}

/// Takes the list of the isolations that are in force, by id.
///
/// *isolations is to be freed with dsmil_isolations_free(). Blocks for files, and up to 5 s for another process's change.
/// Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY, _ISOLATIONS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_isolations_load(run_dir: *const c_char, isolations: *mut *mut dsmil_isolations) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(isolations, "isolations") }?;
        // SAFETY: the header asks for NULL or a string.
        let active = unsafe { open(run_dir) }?.active()?;
        out.set(handle(dsmil_isolations { entries: active.into_iter().map(Entry::from).collect() }));
        Ok(())
    })
}

/// How many isolations a list has; 0 for NULL. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_isolations_count(isolations: *const dsmil_isolations) -> usize {
    // SAFETY: the header asks for NULL or a live list.
    unsafe { isolations.as_ref() }.map_or(0, |list| list.entries.len())
}

/// One isolation of a list, by its position from 0. Its texts belong to the list.
///
/// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_isolations_get(
    isolations: *const dsmil_isolations,
    index: usize,
    isolation: *mut dsmil_isolation,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(isolation, "isolation") }?;
        // SAFETY: the header asks for NULL or a live list.
        let list = unsafe { shared(isolations, "isolations") }?;
        let missing = || Failure::argument("index", &format!("{index} where the list has {} entries", list.entries.len()));
        let Entry { isolation, reason, author } = list.entries.get(index).ok_or_else(missing)?;
        out.set(dsmil_isolation {
            reason: reason.as_ptr(),
            author: author.as_ptr(),
            since_ms: isolation.since_ms,
            until_ms: isolation.until_ms.unwrap_or_default(),
            id: isolation.id.get(),
            has_end: isolation.until_ms.is_some(),
        });
        Ok(())
    })
}

/// Frees a list. NULL is fine. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_isolations_free(isolations: *mut dsmil_isolations) {
    // SAFETY: the header asks for NULL or a list that is not used again.
    unsafe { free(isolations) }
}
