//! The two clocks: the wall clock for what people agree on, the monotonic one for everything else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Milliseconds since the Unix epoch; 0 for a clock that is set before it.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A moment on the monotonic clock, in nanoseconds. A plain number, since the door looks at the clock
/// twice for each request: taking one of the standard library's instants from another costs more than
/// all that the door does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// When the clock started: before everything.
    pub(crate) const EPOCH: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        // The monotonic clock can't fail on Linux; if it ever did, every deadline would be past.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(u64::MAX, |time| {
            (time.tv_sec().cast_unsigned()).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec().cast_unsigned())
        });
        Self(now)
    }

    /// The moment so much later.
    #[inline]
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// The moment so many nanoseconds later.
    #[inline]
    pub(crate) const fn after_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from an earlier moment to this one; 0 if it isn't earlier.
    #[inline]
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from an earlier moment to this one.
    #[inline]
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// The time since this moment.
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// Nanoseconds on the clock, never 0.
    #[inline]
    pub(crate) const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// A duration in nanoseconds: at most 584 years.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}
