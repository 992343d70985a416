//! The policy file: ids and ranges that somebody adds to the quarantine, each with a reason.

use std::fmt;

use dsmil_protocol::DeviceId;

use crate::policy_file;

/// A policy, read and checked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// One `[[deny]]` of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The file that it stands in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its position among the file's `[[deny]]` tables, from 0.
    pub index: usize,
    /// The lowest id that it denies.
    pub first: DeviceId,
    /// The highest id that it denies.
    pub last: DeviceId,
    /// Why.
    pub reason: String,
}

impl Rule {
    /// Whether it denies this id.
    pub fn covers(&self, id: DeviceId) -> bool {
        self.first <= id && id <= self.last
    }
}

/// A policy file that can't be used: which, where in it, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// The file.
    pub file: String,
    /// Line and column of the fault, from 1; `None` where the file as a whole is at fault.
    pub position: Option<(usize, usize)>,
    /// The key at fault, if it is one.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {}", self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ", line {line}, column {column}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

impl Policy {
    /// The longest text that is read, in bytes: 1 MiB. A policy has at most some hundred rules; what is
    /// longer is no policy, and nobody should wait for it to be read.
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads a policy; `file` is its name for messages.
    ///
    /// An empty text is no policy: a file that was cut short must not pass for one that forbids
    /// nothing. A policy without rules is written `version = 1`.
    ///
    /// # Errors
    /// [`PolicyError`] for anything that is not exactly a policy: an unknown key too, so that a file
    /// that tries to *allow* something is refused and not half understood.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        policy_file::read(text, file).map(|rules| Self { rules })
    }

    /// The JSON Schema (draft 2020-12) of the policy file, for editors and checkers. It says the form
    /// only: that a range has its lower id first is for [`Policy::parse`] to find.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        policy_file::schema()
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }
}
