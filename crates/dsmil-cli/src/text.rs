//! Words and times as people read them, and as they write them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, Unit};

/// A length of time as a person writes it: `100ms`, `90s`, `2h`, `1h 30m`, `7d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = |why: String| format!("{why}; write it as 100ms, 90s, 2h, 1h30m or 7d");
    let span: Span = text.parse().map_err(|_| refuse("this is not a length of time".to_owned()))?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| refuse("months and years have no fixed length".to_owned()))?;
    match Duration::try_from(length) {
        Ok(length) if length >= Duration::from_millis(1) => Ok(length),
        _ => Err(refuse("it is shorter than a millisecond".to_owned())),
    }
}

/// A moment in milliseconds since the Unix epoch, as UTC to the second.
pub(crate) fn moment(ms: u64) -> String {
    let moment = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    moment
        .and_then(|moment| moment.round(Unit::Second).ok())
        .map_or_else(|| format!("{ms} ms after 1970"), |moment| moment.to_string())
}

/// A latency in the unit that suits it.
pub(crate) fn latency(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    match duration.as_nanos() {
        0..10_000 => format!("{:.2} µs", nanos / 1e3),
        10_000..1_000_000 => format!("{:.1} µs", nanos / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}

/// Text from elsewhere (an audit record, a reason that another user gave) without anything that a
/// terminal would obey: control characters are written as escapes.
pub(crate) fn harmless(text: &str) -> String {
    let is_bidi = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// This user's name; under sudo the name of who called it.
pub(crate) fn user() -> String {
    let uid = nix::unistd::getuid();
    let caller = std::env::var("SUDO_USER").ok().filter(|name| uid.is_root() && !name.trim().is_empty());
    let name = || nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    caller.or_else(name).unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_a_unit() {
        for (text, ms) in [("100ms", 100), ("2h", 7_200_000), ("1h30m", 5_400_000), ("90s", 90_000), ("7d", 604_800_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "5", "-1s", "0s", "1 month", "soon", "10ns"] {
            assert!(parse_duration(wrong).unwrap_err().contains("write it as"), "{wrong}");
        }
    }

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        assert_eq!(harmless("a\x1b[2Jb\nc\u{202e}d — é"), "a\\u{1b}[2Jb\\nc\\u{202e}d — é");
    }

    #[test]
    fn moments_and_latencies_are_readable() {
        assert_eq!(moment(1_800_000_000_123), "2027-01-15T08:00:00Z");
        assert_eq!(moment(u64::MAX), "18446744073709551615 ms after 1970");
        assert_eq!(latency(Duration::from_nanos(2_345)), "2.35 µs");
        assert_eq!(latency(Duration::from_micros(2_345)), "2.35 ms");
        assert_eq!(latency(Duration::from_secs(2)), "2.00 s");
    }
}
