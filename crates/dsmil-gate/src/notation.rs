//! Series as promtool writes them: `name{label="value"}` and `1 2 3+1x4 _ _x3 stale NaN -Inf 7x2`.

use crate::parse_rule::is_name;
use crate::samples::Labels;

/// One place in a series.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    /// No sample.
    Gap,
    /// A stale marker.
    Stale,
    /// A sample.
    Value(f64),
}

/// Reads a series' name, or says what is wrong with it.
pub(crate) fn name(text: &str) -> Result<(String, Labels), String> {
    let text = text.trim();
    let (metric, labels) = match text.split_once('{') {
        None => (text, ""),
        Some((metric, rest)) => (metric, rest.strip_suffix('}').ok_or("the brace is not closed")?),
    };
    if !is_name(metric, true) {
        return Err(format!("{metric:?} is not the name of a metric"));
    }
    let mut pairs = Vec::new();
    let mut rest = labels.trim();
    while !rest.is_empty() {
        let (label, after) = rest.split_once('=').ok_or_else(|| format!("{rest:?} is not label=\"value\""))?;
        if !is_name(label.trim(), false) {
            return Err(format!("{:?} is not the name of a label", label.trim()));
        }
        let (value, after) =
            string(after.trim_start()).ok_or_else(|| format!("the value of {} is not in quotation marks", label.trim()))?;
        pairs.push((label.trim().to_owned(), value));
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').ok_or_else(|| format!("a comma is missing before {rest:?}"))?.trim_start();
        }
    }
    let count = pairs.len();
    let labels: Labels = pairs.into_iter().collect();
    if labels.iter().count() < count {
        return Err("a label stands there twice".to_owned());
    }
    Ok((metric.to_owned(), labels))
}

/// A text in quotation marks at the head, and what follows.
fn string(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &inner[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other @ ('"' | '\\') => other,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

/// Reads a series' values, or says what is wrong with them; more than `room` are a slip in a repetition, such as
/// `0+1x10000000`.
pub(crate) fn values(text: &str, room: usize) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    for word in text.split_whitespace() {
        let left = room - items.len();
        expand(word, &mut items, left).ok_or_else(|| format!("{word:?} is not a value"))?;
        if items.len() > room {
            return Err(format!("with {word:?} the file asks for too many samples"));
        }
    }
    Ok(items)
}

fn expand(word: &str, items: &mut Vec<Item>, room: usize) -> Option<()> {
    let (head, times) = match word.rsplit_once('x') {
        Some((head, times)) if times.bytes().all(|byte| byte.is_ascii_digit()) => (head, Some(times.parse::<usize>().ok()?)),
        Some(_) => return None,
        None => (word, None),
    };
    // One more than `room` is enough to be noticed.
    let repeat = |count: usize| count.min(room + 1);
    match head {
        // As in promtool: a gap is repeated so many times, a value is there once and then repeated.
        "_" => items.extend(std::iter::repeat_n(Item::Gap, repeat(times.unwrap_or(1)))),
        "stale" => items.extend(std::iter::repeat_n(Item::Stale, repeat(times.map_or(1, |times| times + 1)))),
        _ => {
            let (start, step) = match times {
                None => (number(head)?, 0.0),
                Some(_) => split_step(head)?,
            };
            let mut value = start;
            for _ in 0..repeat(times.map_or(1, |times| times.saturating_add(1))) {
                items.push(Item::Value(value));
                value += step;
            }
        }
    }
    Some(())
}

/// `3+1` or `3-1` or `3`: where it begins, and its step. A sign after an `e` is part of the number.
fn split_step(text: &str) -> Option<(f64, f64)> {
    let bytes = text.as_bytes();
    let sign = (1..bytes.len()).find(|at| matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E'));
    match sign {
        Some(at) => Some((number(&text[..at])?, number(&text[at..])?)),
        None => Some((number(text)?, 0.0)),
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.trim_start_matches(['+', '-']) {
        "NaN" | "Inf" => text.parse().ok(),
        _ if plain => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, name, values};

    fn shown(text: &str) -> String {
        let words: Vec<String> = (values(text, 1000).unwrap_or_else(|error| panic!("{error}")).iter())
            .map(|item| match item {
                Item::Gap => "_".to_owned(),
                Item::Stale => "stale".to_owned(),
                Item::Value(value) => value.to_string(),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn values_are_expanded_as_promtool_does() {
        assert_eq!(shown("1+2x3 _ _x2 stale -1-1x1 7x2 1e3 NaN -Inf"), "1 3 5 7 _ _ _ stale -1 -2 7 7 7 1000 NaN -inf");
        assert_eq!(shown("1e-1+1e-1x1"), "0.1 0.2");
        for wrong in
            ["one", "1+x3", "1+2x", "x3", "1+2x-3", "0+1x10000000", "inf", "infinity", "0x10+1x2", "1x99999999999999999999"]
        {
            assert!(values(wrong, 1000).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_read_with_their_labels() {
        let (metric, labels) = name(r#"m:x{a="1", b="x\"y{,}"}"#).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((metric.as_str(), labels.get("a"), labels.get("b")), ("m:x", "1", "x\"y{,}"));
        for wrong in ["", "9m", "m{a}", "m{a=1}", "m{a=\"1\"", "m{a=\"1\" b=\"2\"}", "m{a=\"1\",a=\"2\"}", "m{9=\"1\"}"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
