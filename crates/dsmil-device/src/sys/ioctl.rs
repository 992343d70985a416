//! The ioctl call. Nothing else in the project makes one.

use std::os::fd::{AsRawFd, BorrowedFd};

use dsmil_quarantine::Request;
use nix::errno::Errno;

/// Carries out one request. What goes in comes from the request alone, whatever stands in `argument`;
/// what comes out stands there afterwards. It has exactly the request's size: none for a request
/// without an argument.
///
/// # Errors
/// What the kernel or the driver answers; EINVAL, without a call, for an argument of another size.
#[inline]
pub(crate) fn ioctl(fd: BorrowedFd<'_>, request: &Request, argument: &mut [u8]) -> Result<(), Errno> {
    if argument.len() != request.code().size() {
        return Err(Errno::EINVAL);
    }
    request.fill(argument);
    // SAFETY: the code tells the kernel how many bytes it may read and write at the pointer, and the
    // check above has made sure that the slice has that many; the borrow keeps both slice and file
    // open during the call. A request of size 0 takes no argument, and its pointer is not followed.
    let answer = unsafe { nix::libc::ioctl(fd.as_raw_fd(), request.code().code().into(), argument.as_mut_ptr()) };
    Errno::result(answer).map(drop)
}
