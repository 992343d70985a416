//! What a caller hands in: the action before it starts, and how it ended.

use serde_json::Value;

use crate::record::Outcome;

/// An action to be written down. Built up by its methods; only the action's name is required.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) old: Option<Value>,
    pub(crate) new: Option<Value>,
    pub(crate) reason: Option<String>,
}

impl Entry {
    /// An action such as `read`, `isolate`, `release`, `stop`, `stop-clear`, `policy` or `device-open`.
    pub fn new(action: impl Into<String>) -> Self {
        Self { action: action.into(), target: None, old: None, new: None, reason: None }
    }

    /// What the action is on, for example `0x8009`.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// The value before the action.
    #[must_use]
    pub fn old_value(mut self, old: impl Into<Value>) -> Self {
        self.old = Some(old.into());
        self
    }

    /// The value after the action, or the one asked for.
    #[must_use]
    pub fn new_value(mut self, new: impl Into<Value>) -> Self {
        self.new = Some(new.into());
        self
    }

    /// Why the action was taken, or denied.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// How a begun action ended. An [`Outcome`] alone will do: `pending.done(Outcome::Ok)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) new: Option<Value>,
    pub(crate) reason: Option<String>,
}

impl Done {
    /// Ended with this outcome.
    pub fn new(outcome: Outcome) -> Self {
        Self { outcome, new: None, reason: None }
    }

    /// The value after the action.
    #[must_use]
    pub fn new_value(mut self, new: impl Into<Value>) -> Self {
        self.new = Some(new.into());
        self
    }

    /// Why it ended so.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl From<Outcome> for Done {
    fn from(outcome: Outcome) -> Self {
        Self::new(outcome)
    }
}
