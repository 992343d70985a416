//! The kinds of values that a plan has.

use std::collections::BTreeMap;

use dsmil_toml::{Period, Table, nearest};

use crate::model::Spread;
use crate::{Name, Percent, Place};

pub(crate) fn place(table: &Table<'_, '_>, at: usize, key: &str) -> Place {
    let (line, column) = table.source.position(at);
    Place { file: table.source.file().into(), line, column, key: table.key(key) }
}

pub(crate) fn text(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    table.text(key, "write it in quotation marks").map(|text| text.value.to_owned())
}

/// A name of the plan's own making.
pub(crate) fn identifier(table: &Table<'_, '_>, key: &'static str, remedy: &str) -> Option<Name> {
    let found = table.value(key)?;
    let text = found.get_ref().as_str()?;
    let at = found.span().start;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || !text.chars().all(plain) {
        table.fault(at, key, format!("{text:?} is not a name"), remedy);
        return None;
    }
    Some(Name::new(text, place(table, at, key)))
}

/// A name of something else.
pub(crate) fn name(table: &Table<'_, '_>, key: &'static str, remedy: &str) -> Option<Name> {
    let text = table.text(key, remedy)?;
    Some(Name::new(text.value, place(table, text.at, key)))
}

/// Names of something else, each once.
pub(crate) fn names(table: &Table<'_, '_>, key: &'static str, remedy: &str) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for (index, text) in table.texts(key, remedy).into_iter().enumerate() {
        let path = format!("{key}[{index}]");
        let name = Name::new(text.value, place(table, text.at, &path));
        if names.contains(&name) {
            table.fault(text.at, &path, format!("{name} stands here twice"), "keep one of the two");
        } else {
            names.push(name);
        }
    }
    names
}

pub(crate) fn strings(table: &Table<'_, '_>, key: &'static str) -> Vec<String> {
    let remedy = format!("write {key} = [\"...\"]");
    table.texts(key, &remedy).into_iter().map(|text| text.value.to_owned()).collect()
}

pub(crate) fn pairs(table: &Table<'_, '_>, key: &'static str) -> BTreeMap<String, String> {
    let remedy = format!("write {key} = {{ NAME = \"...\" }}");
    let own =
        |(name, value): (dsmil_toml::Placed<&str>, dsmil_toml::Placed<&str>)| (name.value.to_owned(), value.value.to_owned());
    table.pairs(key, &remedy).into_iter().map(own).collect()
}

pub(crate) fn period(table: &Table<'_, '_>, key: &'static str) -> Option<Period> {
    table.duration(key).map(|duration| Period::from_millis(duration.value))
}

pub(crate) fn positive_period(table: &Table<'_, '_>, key: &'static str) -> Option<Period> {
    table.positive_duration(key).map(|duration| Period::from_millis(duration.value))
}

pub(crate) fn percent(table: &Table<'_, '_>, key: &'static str, most: u32) -> Option<Percent> {
    let remedy = format!("write a number of percent from 0 to {most}, with at most four places after the point");
    let number = table.number(key, &remedy)?;
    let percent = Percent::from_written(number.value, most);
    if percent.is_none() {
        table.fault(number.at, key, format!("{} is no such percentage", number.value), &remedy);
    }
    percent
}

/// `1h..2h` or `10%`.
pub(crate) fn spread(table: &Table<'_, '_>, key: &'static str) -> Option<Spread> {
    const REMEDY: &str = "write the shortest and the longest, \"1h..2h\", or a share to both sides, \"10%\"";
    let text = table.text(key, REMEDY)?;
    let spread = match text.value.split_once("..") {
        Some((shortest, longest)) => match (shortest.parse(), longest.parse()) {
            (Ok(shortest), Ok(longest)) if shortest <= longest => Some(Spread::Between(shortest, longest)),
            _ => None,
        },
        None => text
            .value
            .strip_suffix('%')
            .and_then(|number| number.parse().ok())
            .and_then(|number| Percent::from_written(number, 100))
            .map(Spread::Around),
    };
    if spread.is_none() {
        table.fault(text.at, key, format!("\"{}\" is not a spread", text.value), REMEDY);
    }
    spread
}

/// A list of words; what they stand for.
pub(crate) fn words<T: Copy + PartialEq>(table: &Table<'_, '_>, key: &'static str, words: &[(&str, T)]) -> Vec<T> {
    let all: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    let list = format!("write some of {}", all.join(", "));
    let mut found = Vec::new();
    for (index, text) in table.texts(key, &list).into_iter().enumerate() {
        if let Some((_, meant)) = words.iter().find(|(name, _)| *name == text.value) {
            if found.contains(meant) {
                let what = format!("{} stands here twice", text.value);
                table.fault(text.at, &format!("{key}[{index}]"), what, "keep one of the two");
            } else {
                found.push(*meant);
            }
            continue;
        }
        let remedy = match nearest(text.value, all.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => list.clone(),
        };
        table.fault(text.at, &format!("{key}[{index}]"), format!("\"{}\" is not known here", text.value), &remedy);
    }
    found
}

/// Says that a list must be there and hold something.
pub(crate) fn must_be_filled(table: &Table<'_, '_>, key: &'static str, remedy: &str) {
    if !table.is_filled(key) {
        let what = if table.has(key) { format!("{key} is empty") } else { format!("{key} is missing") };
        let at = table.value(key).map_or(table.at, |value| value.span().start);
        table.source.fault(at, &table.key(key), what, remedy);
    }
}
