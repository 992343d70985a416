//! A plan that can't be used, and every reason for it.

use std::fmt;
use std::sync::Arc;

use dsmil_toml::Fault;

use crate::Place;

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFault {
    /// The file that it stands in: the plan itself, one that it includes, or a gate file that it names.
    pub file: Arc<str>,
    /// What kind of file that is: `plan file` or `gate file`.
    pub noun: &'static str,
    /// Line and column, from 1; `None` where the file as a whole is at fault.
    pub position: Option<(usize, usize)>,
    /// The key at fault, such as `worker[2].needs[0]`, if it is one.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl PlanFault {
    pub(crate) fn at(place: &Place, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: place.file.clone(),
            noun: "plan file",
            position: Some((place.line, place.column)),
            key: Some(place.key.clone()),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn of_file(noun: &'static str, file: &str, fault: Fault) -> Self {
        let Fault { position, key, what, remedy } = fault;
        Self { file: file.into(), noun, position, key, what, remedy }
    }
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.noun, self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ", line {line}, column {column}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// A plan that can't be used, and every reason for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(faults))]
pub struct PlanError {
    /// Everything that is wrong, in the order of the files and their lines; never empty.
    pub faults: Vec<PlanFault>,
}

impl PlanError {
    /// The error's name in every language.
    pub const fn kind(&self) -> &'static str {
        "plan-faulty"
    }
}

fn lines(faults: &[PlanFault]) -> String {
    faults.iter().map(PlanFault::to_string).collect::<Vec<_>>().join("\n")
}
