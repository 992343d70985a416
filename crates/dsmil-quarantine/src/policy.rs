//! The policy file: ids and ranges that somebody adds to the quarantine, each with a reason.

use std::fmt;

use dsmil_protocol::DeviceId;
use serde::Deserialize;
use toml::Spanned;

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

const SHAPE: &str = "write version = 1 and then, for each rule, [[deny]] with id = 0x8031 or first and last, and a reason";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<i64>,
    #[serde(default)]
    deny: Vec<Spanned<Deny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deny {
    id: Option<Spanned<i64>>,
    first: Option<Spanned<i64>>,
    last: Option<Spanned<i64>>,
    reason: Spanned<String>,
}

impl Policy {
    /// Reads a policy; `file` is its name for messages.
    ///
    /// # Errors
    /// [`PolicyError`] for anything that is not exactly a policy: an unknown key too, so that a file
    /// that tries to *allow* something is refused and not half understood.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let reader = Reader { text, file };
        let parsed: File = toml::from_str(text).map_err(|error| reader.malformed(&error))?;
        if *parsed.version.get_ref() != 1 {
            let what = format!("version {} is not known", parsed.version.get_ref());
            return Err(reader.fault(parsed.version.span().start, "version", what, "this library reads version 1"));
        }
        let rules = parsed.deny.into_iter().enumerate().map(|(index, deny)| reader.rule(index, deny));
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// The rules, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }
}

struct Reader<'a> {
    text: &'a str,
    file: &'a str,
}

impl Reader<'_> {
    fn rule(&self, index: usize, deny: Spanned<Deny>) -> Result<Rule, PolicyError> {
        let at = deny.span().start;
        let deny = deny.into_inner();
        let (first, last) = match (deny.id, deny.first, deny.last) {
            (Some(id), None, None) => {
                let id = self.id("id", index, &id)?;
                (id, id)
            }
            (None, Some(first), Some(last)) => (self.id("first", index, &first)?, self.id("last", index, &last)?),
            _ => {
                let what = "a rule names either id, or first and last".to_owned();
                return Err(self.fault(at, &format!("deny[{index}]"), what, SHAPE));
            }
        };
        if first > last {
            let what = format!("the range {first} to {last} is empty");
            return Err(self.fault(at, &format!("deny[{index}]"), what, "put the lower id first"));
        }
        let reason = deny.reason.get_ref().trim();
        if reason.is_empty() {
            let key = format!("deny[{index}].reason");
            return Err(self.fault(deny.reason.span().start, &key, "the reason is empty".to_owned(), "say why the id is denied"));
        }
        Ok(Rule { file: self.file.to_owned(), line: self.position(at).0, index, first, last, reason: reason.to_owned() })
    }

    fn id(&self, key: &str, index: usize, value: &Spanned<i64>) -> Result<DeviceId, PolicyError> {
        u16::try_from(*value.get_ref()).map(DeviceId::new).map_err(|_| {
            let what = format!("{} is not a device id", value.get_ref());
            self.fault(value.span().start, &format!("deny[{index}].{key}"), what, "an id is a number from 0 to 0xFFFF")
        })
    }

    fn malformed(&self, error: &toml::de::Error) -> PolicyError {
        PolicyError {
            file: self.file.to_owned(),
            position: error.span().map(|span| self.position(span.start)),
            key: None,
            what: error.message().to_owned(),
            remedy: format!("a policy can only add to the quarantine: {SHAPE}"),
        }
    }

    fn fault(&self, at: usize, key: &str, what: String, remedy: &str) -> PolicyError {
        PolicyError {
            file: self.file.to_owned(),
            position: Some(self.position(at)),
            key: Some(key.to_owned()),
            what,
            remedy: remedy.to_owned(),
        }
    }

    /// Line and column, from 1, of a byte offset.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (line, column)
    }
}
