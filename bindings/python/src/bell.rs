//! Wakes Python from a thread that knows nothing of it: a byte on a socket, which Python waits for by its own means (`select`, an
//! event loop). So no thread of ours ever needs the interpreter, and the interpreter may end whenever it likes.

use std::io::{Read, Result, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

/// Both ends: they live and die together, so that ringing never meets a closed one.
#[derive(Debug)]
pub(crate) struct Bell {
    rope: UnixStream,
    ear: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> Result<Self> {
        let (rope, ear) = UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Self { rope, ear })
    }

    /// Makes the descriptor readable. Never blocks: if it is full, it is readable already.
    pub(crate) fn ring(&self) {
        _ = (&self.rope).write(&[0]);
    }

    /// Makes it quiet.
    pub(crate) fn hush(&self) {
        let mut bytes = [0; 64];
        while (&self.ear).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }

    pub(crate) fn fileno(&self) -> RawFd {
        self.ear.as_raw_fd()
    }
}
