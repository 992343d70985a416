//! What a verification found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::Outcome;

/// The most findings that a report holds; `Report::left_off` counts the rest.
pub(crate) const MOST: usize = 1024;

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A record stands in its place, but not as it was written.
    Changed,
    /// Records are missing between others, or at the beginning without a retention record.
    Removed,
    /// A line that was not written by the log, or a copy of one that was.
    Added,
    /// A genuine record in another place than its own.
    Reordered,
    /// The last line was cut off in writing, by a crash. Not tampering by itself; the next append takes care of it.
    Torn,
    /// Records are missing at the end, or the head that says where the end is.
    Truncated,
    /// Something that can't be read as what its name says.
    Malformed,
    /// Records after the head that continue the chain properly: a program was killed between writing and updating the
    /// head, or somebody added them. The next append takes them up, and says so in a record.
    Unsealed,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Reordered => "reordered",
            Self::Torn => "torn",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Unsealed => "unsealed",
        })
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// Name of the file in the log's directory.
    pub file: String,
    /// Line in it, from 1; for missing records, the line before which they are missing; 0 when it is about the whole file.
    pub line: u64,
    /// The record's number, or the first of them.
    pub seq: Option<u64>,
    /// The last of them, where there are several.
    pub last: Option<u64>,
    /// In words.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.kind, self.detail)
    }
}

/// A record in which the log tells that it found something wrong before an append, and went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The record.
    pub seq: u64,
    /// What it tells.
    pub reason: String,
}

/// An anchor: a record that was noted somewhere out of reach of whoever can write to the log, such as the
/// `last_seq` and `head_hash` of an earlier report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// Its number.
    pub seq: u64,
    /// Its hash, 64 hex digits.
    pub hash: String,
}

/// The result of [`verify`](crate::verify()).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Sound records read.
    pub records: u64,
    /// The first record's number; 0 in an empty log.
    pub first_seq: u64,
    /// The last record's number; 0 in an empty log.
    pub last_seq: u64,
    /// The last record's hash. Keep it elsewhere, with `last_seq`, as an anchor for next time.
    pub head_hash: String,
    /// Files read, oldest first.
    pub files: Vec<String>,
    /// What is wrong, in the order of the log; at most 1,024.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub left_off: u64,
    /// Repairs that the log itself tells of. Each deserves a look: a crash makes them, and so does tampering.
    pub repairs: Vec<Repair>,
    /// Begun records without an end: still running, or their process died and nothing was appended since.
    pub unfinished: Vec<u64>,
}

impl Report {
    /// Whether nothing is wrong. Repairs and unfinished actions don't count as wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Takes note of what a sound record means.
    pub(crate) fn note(&mut self, link: &crate::record::Link) {
        self.records += 1;
        if link.action == "repaired" && self.repairs.len() < MOST {
            self.repairs.push(Repair { seq: link.seq, reason: link.reason.clone().unwrap_or_default() });
        }
        if link.result == Outcome::Begun && self.unfinished.len() < MOST {
            self.unfinished.push(link.seq);
        } else if let Some(of) = link.of {
            self.unfinished.retain(|&seq| seq != of);
        }
    }
}
