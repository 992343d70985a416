//! Silences: alerts that nobody is to be told of for a while. They end by themselves.

use dsmil_gate::Labels;
use serde::{Deserialize, Serialize};

use crate::AlertError;
use crate::matcher::{Matcher, all_match};

/// The longest silence, in milliseconds: a year.
const LONGEST: i64 = 366 * 86_400_000;
/// The longest name of a person, and the longest id, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// The longest comment, in bytes.
pub(crate) const MAX_COMMENT: usize = 4096;
/// More matchers than this are a mistake.
const MAX_MATCHERS: usize = 64;

/// Alerts that nobody is told of from `starts_at` until `ends_at`. They are still listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Its id; whoever makes the silence chooses it.
    pub id: String,
    /// All of them must match.
    pub matchers: Vec<Matcher>,
    /// From when on, in milliseconds since the Unix epoch.
    pub starts_at: i64,
    /// Until when, in milliseconds since the Unix epoch; not included.
    pub ends_at: i64,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Whether it holds at `now`.
    pub fn is_active(&self, now: i64) -> bool {
        self.starts_at <= now && now < self.ends_at
    }

    pub(crate) fn covers(&self, labels: &Labels) -> bool {
        all_match(&self.matchers, labels)
    }

    /// Whether it can be made at `now`. [`Alerts::decide`](crate::Alerts::decide) asks.
    ///
    /// # Errors
    /// [`AlertError::Silence`] with what is wrong.
    pub fn check(&self, now: i64) -> Result<(), AlertError> {
        let wrong = |what: &str, remedy| Err(AlertError::Silence { id: self.id.clone(), what: what.to_owned(), remedy });
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.id.is_empty() || self.id.len() > MAX_NAME || !self.id.bytes().all(letters) {
            return wrong("its id is not usable", "choose 1 to 256 letters, digits, - _ and .");
        }
        if self.matchers.iter().all(Matcher::asks_for_nothing) {
            return wrong(
                "it would silence everything",
                "name at least one label that must be there, such as alertname=\"cpu-high\"",
            );
        }
        if self.matchers.len() > MAX_MATCHERS {
            return wrong("it has more than 64 matchers", "make several silences");
        }
        if self.ends_at <= self.starts_at {
            return wrong("it ends before it starts", "choose a later end");
        }
        if self.ends_at <= now {
            return wrong("it has ended already", "choose an end that lies ahead");
        }
        if self.ends_at.saturating_sub(self.starts_at) > LONGEST {
            return wrong(
                "it lasts for more than a year",
                "choose an earlier end; what is never to be told belongs into a route",
            );
        }
        if self.by.trim().is_empty() || self.by.len() > MAX_NAME {
            return wrong("nobody stands for it", "say who: 1 to 256 bytes");
        }
        if self.comment.trim().is_empty() || self.comment.len() > MAX_COMMENT {
            return wrong("it has no reason", "say why: 1 to 4096 bytes");
        }
        Ok(())
    }
}
