//! What is wrong with a file that people wrote: all of it at once, each with its place and a remedy.

use std::fmt;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line and column, from 1; `None` where the file as a whole is at fault.
    pub position: Option<(usize, usize)>,
    /// The key at fault, such as `rule[2].window`, if it is one.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// A file that can't be used, and every reason for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// What the file is, such as `gate file`.
    pub noun: &'static str,
    /// The file.
    pub file: String,
    /// Everything that is wrong with it, in the order of the file; never empty.
    pub faults: Vec<Fault>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{} {}", self.noun, self.file)?;
            if let Some((line, column)) = fault.position {
                write!(f, ", line {line}, column {column}")?;
            }
            if let Some(key) = &fault.key {
                write!(f, ", {key}")?;
            }
            write!(f, ": {}; {}", fault.what, fault.remedy)?;
        }
        Ok(())
    }
}
