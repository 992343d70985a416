//! The states of an alert as Prometheus 2.42 has them, for one series of one rule.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an alert stands. From best to worst, so that the worst is the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Nothing fails.
    #[default]
    Inactive,
    /// It fails, but not yet for long enough.
    Pending,
    /// It failed for long enough.
    Firing,
}

impl Phase {
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("inactive", Self::Inactive), ("pending", Self::Pending), ("firing", Self::Firing)];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::WORDS[*self as usize].0)
    }
}

/// One alert. All of it is saved, so that a restart changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Where it stands.
    pub phase: Phase,
    /// When it began to fail; when inactive, since when it is. Milliseconds since the Unix epoch.
    pub since: i64,
    /// When it began to fire.
    pub fired_at: Option<i64>,
    /// When it ceased to fail, while it is only kept firing.
    pub kept_since: Option<i64>,
}

impl Machine {
    pub(crate) fn new(now: i64) -> Self {
        Self { phase: Phase::Inactive, since: now, fired_at: None, kept_since: None }
    }

    /// Goes on to `now`. The phase that it left, if it left one.
    #[inline]
    pub(crate) fn step(&mut self, failing: bool, now: i64, hold_for: i64, keep_firing_for: i64) -> Option<Phase> {
        let before = self.phase;
        if failing {
            self.kept_since = None;
            if self.phase == Phase::Inactive {
                *self = Self { phase: Phase::Pending, ..Self::new(now) };
            }
            if self.phase == Phase::Pending && self.elapsed(now) >= hold_for {
                self.phase = Phase::Firing;
                self.fired_at = Some(now);
            }
        } else if self.phase == Phase::Pending || (self.phase == Phase::Firing && !self.is_kept(now, keep_firing_for)) {
            *self = Self::new(now);
        }
        (self.phase != before).then_some(before)
    }

    fn is_kept(&mut self, now: i64, keep_firing_for: i64) -> bool {
        if keep_firing_for == 0 {
            return false;
        }
        let since = self.kept_since.get_or_insert(now);
        now.saturating_sub(*since) < keep_firing_for
    }

    fn elapsed(&self, now: i64) -> i64 {
        now.saturating_sub(self.since)
    }

    /// The clock went back behind a time that is remembered: waiting starts again from now. So nothing fires or ends
    /// earlier than it would have, and nothing waits for a time that is far away.
    pub(crate) fn clock_went_back(&mut self, now: i64) {
        self.since = self.since.min(now);
        self.fired_at = self.fired_at.map(|at| at.min(now));
        self.kept_since = self.kept_since.map(|at| at.min(now));
    }
}
