//! A denial: which rule, why, and whether it named the device.

use std::fmt;

use dsmil_protocol::DeviceId;
use thiserror::Error;

use crate::{Isolation, Operation, PolicyError, Rule};

/// The device may not be touched. Nothing was asked of the driver.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation} of {id} is denied ({}): {grounds}", self.key())]
pub struct Denied {
    /// The device.
    pub id: DeviceId,
    /// What was to be done.
    pub operation: Operation,
    /// Why not.
    pub grounds: Grounds,
}

/// The grounds of a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// One of the seven that are compiled in.
    Permanent {
        /// What touching it does.
        what: &'static str,
    },
    /// A rule of a policy file.
    Policy(Rule),
    /// An isolation at run time.
    Isolated(Isolation),
    /// The driver serves no such device: nothing is known of what would answer.
    NotServed,
    /// A policy file could not be used, so that nobody knows what it forbids: everything is denied.
    PolicyUnusable(PolicyError),
}

impl Denied {
    /// The key of the rule that denied, stable enough to search logs for: `permanent/0x8009`,
    /// `policy/FILE/deny[2]`, `isolation/0x8004`, `not-served`, `policy-unusable`.
    pub fn key(&self) -> String {
        match &self.grounds {
            Grounds::Permanent { .. } => format!("permanent/{}", self.id),
            Grounds::Policy(rule) => format!("policy/{}/deny[{}]", rule.file, rule.index),
            Grounds::Isolated(_) => format!("isolation/{}", self.id),
            Grounds::NotServed => "not-served".to_owned(),
            Grounds::PolicyUnusable(_) => "policy-unusable".to_owned(),
        }
    }

    /// Whether a rule names this device (`true`), or it was denied because nothing allows it.
    pub const fn is_explicit(&self) -> bool {
        matches!(self.grounds, Grounds::Permanent { .. } | Grounds::Policy(_) | Grounds::Isolated(_))
    }
}

impl fmt::Display for Grounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permanent { what } => write!(f, "{what}; quarantined for ever, no configuration can change that"),
            Self::Policy(rule) => write!(f, "{}; {} line {} forbids it", rule.reason, rule.file, rule.line),
            Self::Isolated(isolation) => write!(f, "{isolation}"),
            Self::NotServed => write!(f, "the driver serves 0x8000 to 0x806B only"),
            Self::PolicyUnusable(error) => write!(f, "everything is denied until the policy can be used: {error}"),
        }
    }
}
