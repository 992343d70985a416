//! Whether this is still the process that opened the device, at the cost of one load.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};

/// The kernel fills this page with zeros in a child that `fork` makes, whichever way it was called.
static PAGE: OnceLock<Result<&'static AtomicU32, Errno>> = OnceLock::new();

/// The number of this process: its pid, read from memory. A child of `fork` gets another one.
///
/// # Errors
/// The kernel gave no memory for the page, or has no `MADV_WIPEONFORK` (before Linux 4.14).
pub(crate) fn process_mark() -> Result<u32, Errno> {
    let page = process_page()?;
    match page.load(Ordering::Acquire) {
        0 => {
            let pid = std::process::id();
            page.store(pid, Ordering::Release);
            Ok(pid)
        }
        mark => Ok(mark),
    }
}

/// The word that holds the mark, or 0 in a child that has not asked for its own yet.
///
/// # Errors
/// As for `process_mark`.
pub(crate) fn process_page() -> Result<&'static AtomicU32, Errno> {
    *PAGE.get_or_init(make_page)
}

fn make_page() -> Result<&'static AtomicU32, Errno> {
    let length = NonZeroUsize::new(super::page::PAGE_BYTES).ok_or(Errno::EINVAL)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
    let page = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE)? };
    // SAFETY: the range is the mapping made above, which nobody else knows of.
    unsafe { madvise(page, length.get(), MmapAdvise::MADV_WIPEONFORK)? };
    // SAFETY: the mapping is page-aligned, zero-filled (a valid AtomicU32), and never unmapped.
    Ok(unsafe { page.cast::<AtomicU32>().as_ref() })
}
