//! An isolation: a device taken out of use at run time, by somebody, for a reason, perhaps for a time.

use std::fmt;

use dsmil_protocol::DeviceId;
use jiff::Timestamp;

/// A device that somebody took out of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The device.
    pub id: DeviceId,
    /// Why.
    pub reason: String,
    /// Who decided it.
    pub author: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Until when (not included), in milliseconds since the Unix epoch; `None`: until it is released.
    pub until_ms: Option<u64>,
}

impl Isolation {
    /// Whether it is in force at `now_ms`. One whose start lies in the future is in force too: a clock
    /// that was set back must not free a device.
    #[inline]
    pub fn is_active(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; isolated by {}", self.reason, self.author)?;
        match self.until_ms {
            Some(until) => write!(f, " until {}", Moment(until)),
            None => write!(f, " until it is released"),
        }
    }
}

/// Milliseconds since the Unix epoch, as people write a time: UTC, to the second.
struct Moment(u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0 / 1000).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()) {
            Some(time) => write!(f, "{time}"),
            None => write!(f, "a time beyond the calendar ({} ms since 1970)", self.0),
        }
    }
}
