//! The quarantine's self-check.

use dsmil::{Device, SelfCheck};

use crate::call::call;
use crate::options::dsmil_options;
use crate::pointer::Out;
use crate::record::DSMIL_PERMANENT_COUNT;
use crate::status::dsmil_status;

/// What the self-check found of one id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dsmil_self_check_entry {
    /// Accesses that the simulated driver counted while the library was asked: must be 0.
    pub accesses: u64,
    /// Accesses that it counted when it was asked past the library: not 0, or the count proves nothing.
    pub control: u64,
    /// The id.
    pub id: u16,
    /// Every operation was denied.
    pub was_denied: bool,
    /// Denied, never touched, and the counter works.
    pub is_enforced: bool,
}

/// What the self-check found.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct dsmil_self_check {
    /// Each of the seven.
    pub entries: [dsmil_self_check_entry; DSMIL_PERMANENT_COUNT],
    /// Whether all of them are enforced.
    pub is_ok: bool,
}

/// Tries to reach each of the seven through the library, on a simulated driver that counts every access. Nothing outside
/// this process is asked. `options` (run directory, policy) may be NULL.
///
/// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY, _STOPPED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_self_check_run(options: *const dsmil_options, result: *mut dsmil_self_check) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(result, "result") }?;
        // SAFETY: the header asks for NULL or live options.
        let options = unsafe { options.as_ref() }.map_or_else(Device::options, dsmil_options::get);
        let found = SelfCheck::run(options)?;
        let mut plain = dsmil_self_check { is_ok: found.is_ok(), ..dsmil_self_check::default() };
        for (plain, entry) in plain.entries.iter_mut().zip(&found.entries) {
            *plain = dsmil_self_check_entry {
                accesses: entry.accesses,
                control: entry.control,
                id: entry.id.get(),
                was_denied: entry.denied,
                is_enforced: entry.is_enforced(),
            };
        }
        out.set(plain);
        Ok(())
    })
}
