//! A notification: what one receiver is told at once of one group, and when it is tried again.

use dsmil_gate::{Labels, Severity};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Fingerprint;
use crate::config::hex;

/// The first pause after a failed attempt, in milliseconds; each further one is twice as long.
const FIRST_PAUSE: i64 = 1000;
/// The longest pause, in milliseconds, before jitter.
const LONGEST_PAUSE: i64 = 300_000;

/// Whether a receiver is told that an alert fires or that it has resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It fires.
    Firing,
    /// It fired and has ended.
    Resolved,
}

/// Why a notification was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Alerts of the group fire or have resolved that the receiver hasn't heard of.
    Change,
    /// Nothing changed for the repeat interval, and something still fires.
    Repeat,
    /// The receiver takes for resolved what it isn't told of again.
    Refresh,
}

/// An alert as a notification tells it. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifiedAlert {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Whether it fires.
    pub status: Status,
    /// All of its labels.
    pub labels: Labels,
    /// How grave it is.
    pub severity: Severity,
    /// Since when it fires or fired.
    pub starts_at: i64,
    /// When it ended, if it has.
    pub ends_at: Option<i64>,
    /// What was observed.
    #[serde(with = "crate::number")]
    pub value: Option<f64>,
    /// What is wrong, in a line.
    pub summary: String,
    /// What the rule is for.
    pub description: Option<String>,
    /// Who has acknowledged it.
    pub acked_by: Option<String>,
}

/// What one receiver is told at once of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// Unique and the same in every attempt: of the group, the sequence and the time, so that a receiver knows it again.
    pub id: String,
    /// Its place among all notifications, from 1.
    pub sequence: u64,
    /// Who is told.
    pub receiver: String,
    /// The group's key: receiver and group labels.
    pub group: String,
    /// The labels that the group's alerts share by configuration.
    pub group_labels: Labels,
    /// Why it was made.
    pub cause: Cause,
    /// The alerts, the oldest first: all news, and what else fires in the group.
    pub alerts: Vec<NotifiedAlert>,
    /// How many more fire in the group, of which nothing is new.
    pub truncated: usize,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl Notification {
    /// Firing if any of its alerts fires.
    pub fn status(&self) -> Status {
        let firing = self.alerts.iter().any(|alert| alert.status == Status::Firing);
        if firing { Status::Firing } else { Status::Resolved }
    }

    /// The worst severity among its alerts.
    pub fn severity(&self) -> Severity {
        self.alerts.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Info)
    }

    pub(crate) fn id(group: &str, sequence: u64, created_at: i64) -> String {
        let digest = Sha256::digest(format!("{group}\n{sequence}\n{created_at}"));
        format!("{}-{sequence}", hex(&digest[..8]))
    }

    /// The sequence that an id names.
    pub(crate) fn sequence_of(id: &str) -> Option<u64> {
        id.rsplit_once('-').and_then(|(_, sequence)| sequence.parse().ok())
    }
}

/// The pause after so many failed attempts: twice as long each time up to 5 minutes, and up to a quarter less or more, by
/// the id, so that receivers that fail together aren't tried together.
pub(crate) fn pause(id: &str, attempts: u32) -> i64 {
    let doubled = FIRST_PAUSE << attempts.saturating_sub(1).min(20);
    let pause = doubled.min(LONGEST_PAUSE);
    let digest = Sha256::digest(format!("{id}\n{attempts}"));
    let random = i64::from(digest[0]) << 8 | i64::from(digest[1]);
    pause * 3 / 4 + pause / 2 * random / 65_535
}

/// No pause is longer, in milliseconds.
pub(crate) const LONGEST_WITH_JITTER: i64 = LONGEST_PAUSE * 5 / 4;

#[cfg(test)]
mod tests {
    use super::{LONGEST_WITH_JITTER, pause};

    #[test]
    fn pauses_grow_to_a_cap_and_differ_by_id() {
        for attempts in 1..=30 {
            let plain = (1000i64 << (attempts - 1).min(20)).min(300_000);
            let found = pause("a-1", attempts);
            assert!((plain * 3 / 4..=plain * 5 / 4).contains(&found), "{attempts}: {found}");
            assert_eq!(found, pause("a-1", attempts));
            assert!(found <= LONGEST_WITH_JITTER);
        }
        assert_ne!(pause("a-1", 10), pause("a-2", 10));
        assert!(pause("a-1", u32::MAX) <= LONGEST_WITH_JITTER);
    }
}
