//! When to look next: ticks at multiples of an interval, on a clock that the caller reads.

use std::time::Duration;

/// Ticks at `start + n * interval`: a tick that comes late doesn't move those after it.
///
/// Pure: the time is an argument, on any clock that doesn't go back ([`Clock::steady`](crate::Clock::steady)). A wall
/// clock that jumps doesn't touch it; a machine that slept shows as missed ticks.
///
/// ```
/// use std::time::Duration;
/// use dsmil_sample::Ticker;
///
/// let second = Duration::from_secs(1);
/// let mut ticker = Ticker::new(second * 100, second * 30);
/// assert!(ticker.tick(second * 100).is_some()); // the first is due at once
/// assert!(ticker.tick(second * 129).is_none());
/// let tick = ticker.tick(second * 191).unwrap();
/// assert_eq!((tick.due, tick.late_by, tick.missed), (second * 190, second, 2));
/// assert_eq!(ticker.due(), second * 220);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ticker {
    start: u64,
    interval: u64,
    /// The tick that comes next, from 0.
    next: u64,
}

/// One tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Its number, from 0; those that were missed have numbers too.
    pub number: u64,
    /// When it was due, on the ticker's clock.
    pub due: Duration,
    /// How much later it was seen: less than the interval.
    pub late_by: Duration,
    /// How many ticks before it were not seen at all.
    pub missed: u64,
}

impl Ticker {
    /// The first tick is due at `start`. An interval of less than a millisecond is taken as one.
    pub fn new(start: Duration, interval: Duration) -> Self {
        Self { start: nanos(start), interval: nanos(interval).max(1_000_000), next: 0 }
    }

    /// The time between two ticks.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// When the next tick is due.
    pub fn due(&self) -> Duration {
        Duration::from_nanos(self.time_of(self.next))
    }

    /// The newest tick that is due at `now`, once; `None` before it. Those between the last one and this are missed.
    pub fn tick(&mut self, now: Duration) -> Option<Tick> {
        let (now, due) = (nanos(now), self.time_of(self.next));
        let late = now.checked_sub(due)?;
        let missed = late / self.interval;
        let number = self.next.saturating_add(missed);
        let due = self.time_of(number);
        self.next = number.saturating_add(1);
        let late_by = Duration::from_nanos(now.saturating_sub(due));
        Some(Tick { number, due: Duration::from_nanos(due), late_by, missed })
    }

    /// How much a tick may be late before that is worth a word: a tenth of the interval, at most a second.
    pub fn tolerance(&self) -> Duration {
        Duration::from_nanos((self.interval / 10).min(1_000_000_000))
    }

    fn time_of(&self, number: u64) -> u64 {
        self.start.saturating_add(self.interval.saturating_mul(number))
    }
}

/// At most 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
