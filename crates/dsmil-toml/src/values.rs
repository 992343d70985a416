//! The kinds of values that not every file has: yes or no, whole numbers, tables in tables, lists of several kinds.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;

use crate::{Fault, Placed, Source, Table};

/// A value that may be of several kinds, and its place.
pub type Value<'t> = Spanned<DeValue<'t>>;

impl Source<'_> {
    /// The name of the file.
    pub fn file(&self) -> &str {
        self.file
    }

    /// Takes over what was found when the text was read before, with its byte offset.
    pub fn take_over(&self, found: Vec<(usize, Fault)>) {
        self.faults.borrow_mut().extend(found);
    }

    /// What was found so far, with its byte offset.
    pub fn into_faults(self) -> Vec<(usize, Fault)> {
        self.faults.into_inner()
    }
}

/// The whole number that a value is, if it is one and fits.
pub fn whole(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

impl<'s, 't> Table<'s, 't> {
    /// A value that was found inside this table, as a table; `key` is its name for messages.
    pub fn inside(&self, key: &str, value: &'t Value<'t>) -> Option<Table<'s, 't>> {
        let keys = value.get_ref().as_table()?;
        Some(Table { source: self.source, path: self.key(key), at: value.span().start, keys, known: RefCell::default() })
    }

    /// A table under a key.
    pub fn table(&self, key: &'static str, remedy: &str) -> Option<Table<'s, 't>> {
        let value = self.value(key)?;
        let table = self.inside(key, value);
        if table.is_none() {
            self.wrong(key, value, "a table", remedy);
        }
        table
    }

    /// Yes or no.
    pub fn truth(&self, key: &'static str) -> Option<Placed<bool>> {
        let value = self.value(key)?;
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            self.wrong(key, value, "true or false", &format!("write {key} = true or {key} = false"));
        }
        truth.map(|truth| Placed { at: value.span().start, value: truth })
    }

    /// A whole number within a range.
    pub fn whole_number(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<Placed<i64>> {
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        let value = self.value(key)?;
        if value.get_ref().as_integer().is_none() {
            self.wrong(key, value, "a whole number", &remedy);
            return None;
        }
        let number = whole(value.get_ref()).filter(|number| range.contains(number));
        if number.is_none() {
            self.fault(value.span().start, key, "the number is out of range", &remedy);
        }
        number.map(|number| Placed { at: value.span().start, value: number })
    }

    /// The items of a list, whatever they are.
    pub fn list(&self, key: &'static str, remedy: &str) -> Vec<&'t Value<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list", remedy);
            return Vec::new();
        };
        items.iter().collect()
    }

    /// Everything in a table whose keys are free, in the order of the file.
    pub fn entries(&self) -> Vec<(Placed<&'t str>, &'t Value<'t>)> {
        let mut entries: Vec<_> = self
            .keys
            .iter()
            .map(|(name, value)| (Placed { at: name.span().start, value: name.get_ref().as_ref() }, value))
            .collect();
        entries.sort_by_key(|(name, _)| name.at);
        entries
    }
}
