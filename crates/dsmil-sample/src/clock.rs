//! The two clocks: the wall clock says when something was observed, the steady clock when to look next.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Where samplers and the runner read the time.
pub trait Clock: Send + Sync {
    /// The wall clock, in milliseconds since the Unix epoch: it may jump.
    fn unix_ms(&self) -> i64;

    /// The steady clock: since boot, suspend included. It never jumps and never goes back.
    fn steady(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> i64 {
        let since = |later: Duration| i64::try_from(later.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => since(after),
            Err(before) => -since(before.duration()),
        }
    }

    fn steady(&self) -> Duration {
        // It can't fail on Linux since 2.6.39; a clock that stood still would only stop the ticks, and that shows.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
    }
}
