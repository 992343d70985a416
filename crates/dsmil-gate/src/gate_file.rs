//! The gate file: rules, zones over rules, and gates over both.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::rule::{Rule, Verdict};
use crate::{FileError, parse};

/// What a gate makes of its members.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every member must go; the worst decides.
    All,
    /// One member that goes is enough, unless another asks to roll back; else the worst decides.
    Any,
    /// The weights of the members that go, as a share of all weights, must reach the threshold, and none may ask to
    /// roll back; else the worst decides.
    Score {
        /// From above 0 to 1.
        threshold: f64,
    },
}

/// One band of a zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// Its name, such as `yellow`.
    pub name: String,
    /// What it means for a gate.
    pub verdict: Verdict,
    /// The rules any of which, when firing, puts the zone into this band: indices into [`GateFile::rules`].
    pub rules: Vec<usize>,
}

/// One `[[zone]]`: bands from best to worst, of which the worst that holds counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// From best to worst; the first has no rules and holds when no other does.
    pub bands: Vec<Band>,
    /// Its line in the file, from 1.
    #[serde(skip)]
    pub line: usize,
}

/// One `[[gate]]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// How its members decide.
    pub kind: Kind,
    /// Indices into [`GateFile::rules`].
    pub rules: Vec<usize>,
    /// Indices into [`GateFile::zones`].
    pub zones: Vec<usize>,
    /// Why the gate is as it is; goes with every verdict.
    pub justification: Option<String>,
    /// After what time to look again when it doesn't go, in milliseconds.
    pub recheck: Option<i64>,
    /// Its line in the file, from 1.
    #[serde(skip)]
    pub line: usize,
}

/// A gate file, read and checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateFile {
    rules: Vec<Rule>,
    zones: Vec<Zone>,
    gates: Vec<Gate>,
    #[serde(skip)]
    fingerprint: String,
}

impl GateFile {
    /// The longest text that is read, in bytes: 1 MiB.
    pub const MAX_BYTES: usize = dsmil_toml::MAX_BYTES;
    /// The version of the file's format.
    pub const VERSION: u32 = 1;

    /// Reads a gate file; `file` is its name for messages.
    ///
    /// # Errors
    /// [`FileError`] with everything that is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, FileError> {
        parse::gate_file(text, file)
    }

    pub(crate) fn new(rules: Vec<Rule>, zones: Vec<Zone>, gates: Vec<Gate>) -> Self {
        let mut file = Self { rules, zones, gates, fingerprint: String::new() };
        file.fingerprint = fingerprint(&file);
        file
    }

    /// The JSON Schema (draft 2020-12) of the gate file. It says the form only: that the names of rules exist, that a
    /// window goes with its function and the like is for [`GateFile::parse`] to find.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        crate::schema::gate_file()
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The zones, in the order of the file.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The gates, in the order of the file.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// How far back any rule looks, in milliseconds: older samples may be dropped.
    pub fn longest_look_back(&self) -> i64 {
        self.rules.iter().map(|rule| rule.window.unwrap_or(rule.staleness)).max().unwrap_or(0)
    }

    /// What the file says, as a SHA-256 in hexadecimal. Comments, spaces and the order of keys don't change it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// What something says, as a SHA-256 in hexadecimal.
pub(crate) fn fingerprint(what: &impl Serialize) -> String {
    let meaning = serde_json::to_vec(what).unwrap_or_default();
    Sha256::digest(meaning).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
