//! The lines of a trace: JSON, one request and its answer each, after a first line that says what it is.

use dsmil_protocol::RequestCode;
use serde::{Deserialize, Serialize};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The version of the format: 1.
    pub(super) dsmil_trace: u32,
    /// The backend that was recorded.
    pub(super) device: String,
}

/// A request and its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// The request's name.
    pub(super) request: String,
    /// The device that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u16>,
    /// The errno; 0 for success.
    pub(super) errno: i32,
    /// What came back, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) answer: String,
    /// How long it took, in nanoseconds. Not waited for in a replay.
    pub(super) took_ns: u64,
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of a hexadecimal text; `None` if it isn't one.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

/// Whether the driver fills the argument of this request.
pub(super) fn comes_back(request: RequestCode) -> bool {
    use dsmil_protocol::Direction;
    matches!(request.direction(), Direction::Read | Direction::ReadWrite)
}
