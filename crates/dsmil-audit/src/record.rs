//! One line of the log: how it is written, sealed and read back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::AuditError;

/// The longest line in bytes, newline included. It bounds what a reader must hold in memory.
pub const MAX_LINE: usize = 256 * 1024;

/// `prev` of the very first record.
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Bytes of the seal at the end of a line: `,"hash":"` + 64 hex digits + `"}`.
const SEAL: usize = 9 + 64 + 2;

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The real user id.
    pub uid: u32,
    /// The process id.
    pub pid: u32,
    /// The program: a path, or the name that [`Options::program`](crate::Options::program) gave.
    pub program: String,
}

/// How an action ended, or that it has only begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// Begun; a later record whose `of` is this one's `seq` says how it ended.
    Begun,
    /// Done.
    Ok,
    /// Refused by a rule.
    Denied,
    /// Tried, and failed.
    Failed,
}

/// One record as it stands in the log; its fields are in the order of the line's keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 1, without holes.
    pub seq: u64,
    /// When it was written, UTC, to the millisecond.
    #[serde(serialize_with = "milliseconds")]
    pub time: Timestamp,
    /// `hash` of the record before; 64 zeros for the first.
    pub prev: String,
    /// Who acted.
    pub who: Who,
    /// What was done.
    pub action: String,
    /// On what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The begun record that this one ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// The value before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The value after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// How it ended.
    pub result: Outcome,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256, in hex, over the line's bytes before `,"hash":`.
    pub hash: String,
}

impl Record {
    /// Reads one line of a log, without its newline. `None` if it is no record, or its own hash isn't right. Whether it stands in
    /// its place, `seq` and `prev` say, held against the record before.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        sound(line)?;
        serde_json::from_slice(line).ok()
    }
}

fn milliseconds<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{time:.3}"))
}

/// A record before it has its place in the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) of: Option<u64>,
    pub(crate) old: Option<Value>,
    pub(crate) new: Option<Value>,
    pub(crate) result: Option<Outcome>,
    pub(crate) reason: Option<String>,
}

/// The hashed part of a line.
#[derive(Serialize)]
struct Body<'a> {
    seq: u64,
    #[serde(serialize_with = "milliseconds")]
    time: Timestamp,
    prev: &'a str,
    who: &'a Who,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<&'a Value>,
    result: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Writes a draft as a sealed line, newline included, behind what `into` holds; gives its hash.
pub(crate) fn seal(
    draft: &Draft,
    seq: u64,
    time: Timestamp,
    prev: &str,
    who: &Who,
    into: &mut Vec<u8>,
) -> Result<String, AuditError> {
    let body = Body {
        seq,
        time,
        prev,
        who,
        action: &draft.action,
        target: draft.target.as_deref(),
        of: draft.of,
        old: draft.old.as_ref(),
        new: draft.new.as_ref(),
        result: draft.result.unwrap_or(Outcome::Ok),
        reason: draft.reason.as_deref(),
    };
    let mut line = serde_json::to_vec(&body)?;
    line.pop();
    let hash = hex(&Sha256::digest(&line));
    line.extend_from_slice(seal_text(&hash).as_bytes());
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(AuditError::TooLarge { bytes: line.len(), limit: MAX_LINE });
    }
    into.append(&mut line);
    Ok(hash)
}

/// The end of every sealed line with this hash, without the newline.
pub(crate) fn seal_text(hash: &str) -> String {
    format!(",\"hash\":\"{hash}\"}}")
}

/// What the chain needs of a line whose own hash is right.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) prev: String,
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) of: Option<u64>,
    #[serde(default)]
    pub(crate) new: Option<Value>,
    pub(crate) result: Outcome,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    pub(crate) hash: String,
}

/// Reads a line (without its newline); `None` when its own hash isn't right or it is no record.
pub(crate) fn sound(line: &[u8]) -> Option<Link> {
    let (body, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let link: Link = serde_json::from_slice(line).ok()?;
    let right = hex(&Sha256::digest(body));
    (right == link.hash && seal == seal_text(&right).as_bytes()).then_some(link)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char]).collect()
}

/// Whether this is a hash as the log writes one.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
