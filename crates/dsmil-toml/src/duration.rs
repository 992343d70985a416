//! Durations as Prometheus writes them: `500ms`, `30s`, `5m`, `1h30m`, `7d`.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A duration in a configuration file, written as Prometheus writes it: `30s`, `1h30m`, `7d`. At most ten years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Period(i64);

impl Period {
    /// So many milliseconds; none, if they are negative.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(if milliseconds < 0 { 0 } else { milliseconds })
    }

    /// In milliseconds, 0 or more.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// As the standard library's duration.
    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no duration: write 500ms, 30s, 5m, 1h30m or 7d, at most 10y");
        parse(text).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        format(period.0)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self.0))
    }
}

/// Units from long to short, in milliseconds. A year is 365 days, a week 7, as in Prometheus.
const UNITS: [(&str, i64); 7] =
    [("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The longest duration that a file may name: 10 years, in milliseconds.
pub const LONGEST: i64 = 10 * 31_536_000_000;

/// Reads a duration, in milliseconds; `None` if it isn't one. Units go from long to short, each at most once.
pub fn parse(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let (mut total, mut next) = (0i64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let index = UNITS.iter().position(|(name, _)| *name == &rest[..letters])?;
        if index < next {
            return None;
        }
        next = index + 1;
        total = total.checked_add(number.checked_mul(UNITS[index].1)?)?;
        rest = &rest[letters..];
    }
    (!text.is_empty() && total <= LONGEST).then_some(total)
}

/// Writes a duration so that [`parse`] and Prometheus read the same back.
pub fn format(milliseconds: i64) -> String {
    let mut rest = milliseconds.max(0);
    let mut text = String::new();
    for (name, length) in UNITS.iter().filter(|(name, _)| !matches!(*name, "y" | "w")) {
        if rest >= *length {
            _ = write!(text, "{}{name}", rest / length);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, format, parse};

    #[test]
    fn written_durations_are_read_back() {
        for milliseconds in [0, 1, 999, 1000, 90_000, 3_600_000, 5_400_000, 86_400_000, 90_061_001, LONGEST] {
            assert_eq!(parse(&format(milliseconds)), Some(milliseconds));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "m", "5m5h", "5m 3s", "-5m", "5M", "1.5h", "99999999999999999999s", "11y", "5m3m", "1µs"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1h30m"), Some(5_400_000));
    }
}
