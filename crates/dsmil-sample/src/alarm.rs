//! The wait for a tick: a timer on the steady clock, which also fires at once when the machine wakes up from a suspend,
//! and a way to end the wait from another thread.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::{Clock, SampleError, SystemClock};

/// Waits until a time on the [system's steady clock](SystemClock), or until somebody wakes it.
#[derive(Debug)]
pub struct Alarm {
    timer: TimerFd,
    event: Arc<EventFd>,
}

/// Ends the wait of an [`Alarm`], from any thread.
#[derive(Clone, Debug)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// Ends the wait, or the next one if nobody waits now.
    pub fn wake(&self) {
        // It fails only when 2^64 wakes have not been looked at: then the alarm wakes anyway.
        _ = self.0.write(1);
    }
}

impl Alarm {
    /// A new one.
    ///
    /// # Errors
    /// [`SampleError::System`] when the process has no file descriptors left.
    pub fn new() -> Result<Self, SampleError> {
        let fail = |what: &'static str| move |errno: Errno| SampleError::System { what, errno };
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags).map_err(fail("timerfd_create"))?;
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(fail("eventfd"))?;
        Ok(Self { timer, event: Arc::new(event) })
    }

    /// What wakes it.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.event))
    }

    /// Waits until `until` on the steady clock, `None`: without end. Whether it was woken rather than that the time came.
    ///
    /// # Errors
    /// [`SampleError::System`] if the system can't wait.
    pub fn wait(&self, until: Option<Duration>) -> Result<bool, SampleError> {
        let fail = |what: &'static str| move |errno: Errno| SampleError::System { what, errno };
        match until {
            Some(until) => {
                // A time that has passed fires at once; zero would disarm it.
                let at = Expiration::OneShot(TimeSpec::from_duration(until.max(Duration::from_nanos(1))));
                self.timer.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME).map_err(fail("timerfd_settime"))?;
            }
            None => self.timer.unset().map_err(fail("timerfd_settime"))?,
        }
        loop {
            let mut fds =
                [PollFd::new(self.event.as_fd(), PollFlags::POLLIN), PollFd::new(self.timer.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(fail("poll")(errno)),
            }
            if fds[0].any() == Some(true) {
                return match self.event.read() {
                    Ok(_) | Err(Errno::EAGAIN) => Ok(true),
                    Err(errno) => Err(fail("read of the eventfd")(errno)),
                };
            }
            if until.is_none_or(|until| SystemClock.steady() >= until) {
                return Ok(false);
            }
        }
    }
}
