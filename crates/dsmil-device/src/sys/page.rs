//! A page of a file, shared by every process that maps it and read with one load.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// Bytes of the mapping. The file must have as many, or a load would raise SIGBUS.
pub(crate) const PAGE_BYTES: usize = 4096;

/// The first page of a file, mapped for reading.
#[derive(Debug)]
pub(crate) struct SharedPage {
    base: NonNull<AtomicU32>,
}

// SAFETY: the mapping belongs to this value alone and is only read, and that atomically.
unsafe impl Send for SharedPage {}
// SAFETY: as above; atomic loads may come from any thread.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// Maps the first page of a file, which must be a page long at least.
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < PAGE_BYTES as u64 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than a page"));
        }
        let length = NonZeroUsize::new(PAGE_BYTES).ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: a new shared mapping at an address of the kernel's choice touches nothing that
        // exists. That other processes write to the file is why it is read through atomics alone.
        let base = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self { base: base.cast() })
    }

    /// The 32-bit word at this index (0 to 1023), as it is now in the file.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> u32 {
        assert!(index < PAGE_BYTES / size_of::<AtomicU32>(), "the page has 1024 words");
        // SAFETY: the index is within the mapping, which is page-aligned and lives as long as `self`.
        unsafe { self.base.add(index).as_ref() }.load(Ordering::Acquire)
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: the range is exactly what `map` mapped, and no reference to it outlives `self`.
        let _ = unsafe { munmap(self.base.cast(), PAGE_BYTES) };
    }
}
