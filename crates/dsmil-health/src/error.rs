//! What can be wrong with what this crate is given. Whatever goes wrong while a check runs is its result, and no error.

use thiserror::Error;

/// Why checks or baselines could not be set up or restored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HealthError {
    /// A value of the configuration can't be used.
    #[error("{key}: {what}; {remedy}")]
    Config {
        /// The key, such as `scores.weights.audit-chain`.
        key: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The configuration names a check that there isn't.
    #[error("{key}: there is no check {name:?}; the checks are {known}")]
    UnknownCheck {
        /// The key.
        key: String,
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Two checks have one name.
    #[error("the check {name:?} was registered twice; give the second another name")]
    DuplicateCheck {
        /// The name.
        name: String,
    },
    /// A saved state can't be gone on from.
    #[error("restore the baselines: {what}; start without it: they learn anew")]
    State {
        /// What is wrong.
        what: String,
    },
}

impl HealthError {
    /// The error's stable name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::UnknownCheck { .. } => "unknown-check",
            Self::DuplicateCheck { .. } => "duplicate-check",
            Self::State { .. } => "state",
        }
    }

    pub(crate) fn config(key: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Config { key: key.into(), what: what.into(), remedy: remedy.into() }
    }
}
