//! How times and texts are shown.

/// A time in its two largest units: `3d 4h`, `1h 30m`, `45m`, `1.5s`.
pub(crate) fn brief(milliseconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    if milliseconds < 1000 {
        return format!("{}ms", milliseconds.max(0));
    }
    if milliseconds < 60_000 {
        let (whole, rest) = (milliseconds / 1000, milliseconds % 1000);
        return if rest == 0 { format!("{whole}s") } else { format!("{whole}.{}s", format!("{rest:03}").trim_end_matches('0')) };
    }
    for (at, (length, name)) in UNITS.iter().enumerate() {
        if milliseconds >= *length {
            let whole = milliseconds / length;
            let (smaller, small) = UNITS[(at + 1).min(3)];
            let rest = milliseconds % length / smaller;
            return if rest == 0 || small == *name { format!("{whole}{name}") } else { format!("{whole}{name} {rest}{small}") };
        }
    }
    String::new()
}

/// So that a text can stand in XML, as content or as an attribute. Characters that XML can't have at all are replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' | '\r' => safe.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => safe.push('\u{FFFD}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A count among the lengths of a picture.
pub(crate) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// At most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// What of a text a terminal may see: no control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{brief, cut, escaped};

    #[test]
    fn times_are_brief() {
        for (time, shown) in [
            (0, "0ms"),
            (999, "999ms"),
            (1500, "1.5s"),
            (60_000, "1m"),
            (90_000, "1m 30s"),
            (5_400_000, "1h 30m"),
            (86_400_000, "1d"),
            (100_000_000, "1d 3h"),
            (12_096_000_000, "140d"),
        ] {
            assert_eq!(brief(time), shown);
        }
    }

    #[test]
    fn nothing_from_a_plan_can_leave_its_place_in_a_picture() {
        assert_eq!(escaped("<a href='x'>&\"\u{0}\n"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{FFFD} ");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
