//! Serving until a signal ends it.

use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::{Config, Faults, Server, SimError};

/// How often a look is taken whether someone has unmounted the directory by hand, in milliseconds.
const LOOK_MS: u16 = 500;

/// Serves a model in a directory, calls `ready` when the device answers, and blocks until SIGTERM or
/// SIGINT comes (or until someone unmounts the directory by hand); then ends the service.
///
/// The two signals are blocked in this thread and in those that it starts from here on. Call it
/// before there are other threads: one of those would take the signal, and end the process.
///
/// # Errors
/// As [`Server::start_with_mode`] and [`Server::stop`], and [`SimError::Signals`].
pub fn serve_until_signal(
    place: &Path,
    config: Config,
    faults: Faults,
    mode: u16,
    ready: impl FnOnce(&Server),
) -> Result<(), SimError> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    // Blocked before the server's threads exist, so that they inherit it.
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(SimError::Signals)?;
    let done = serve(place, config, faults, mode, ready, &signals);
    before.thread_set_mask().map_err(SimError::Signals)?;
    done
}

fn serve(
    place: &Path,
    config: Config,
    faults: Faults,
    mode: u16,
    ready: impl FnOnce(&Server),
    signals: &SigSet,
) -> Result<(), SimError> {
    let incoming = SignalFd::with_flags(signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(SimError::Signals)?;
    let server = Server::start_with_mode(place, config, faults, mode)?;
    ready(&server);
    while server.is_running() {
        let mut waiting = [PollFd::new(incoming.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(LOOK_MS)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(SimError::Signals(errno)),
        }
        // Reading takes the signal, so that it doesn't strike when the mask is put back.
        if incoming.read_signal().map_err(SimError::Signals)?.is_some() {
            break;
        }
    }
    server.stop()
}
