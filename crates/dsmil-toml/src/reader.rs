//! A TOML text with positions, read so that every fault in it is found and not only the first.

use std::cell::{Cell, RefCell};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Fault, FileError, duration, nearest};

/// The longest text that is read, in bytes. What is longer was not written by a person.
pub const MAX_BYTES: usize = 1 << 20;
/// The most things that may grow out of a file which asks for many in a few bytes.
const MAX_GROWTH: usize = 1_000_000;
/// More faults than this in one file help nobody.
const MAX_FAULTS: usize = 100;

/// The text, and what was found wrong with it so far.
#[derive(Debug)]
pub struct Source<'a> {
    noun: &'static str,
    text: &'a str,
    pub(crate) file: &'a str,
    /// Where each line starts.
    lines: Vec<usize>,
    pub(crate) faults: RefCell<Vec<(usize, Fault)>>,
    /// How much may still grow out of the file: a few bytes can ask for millions of samples or evaluations. For the reader to count down.
    pub room: Cell<usize>,
}

impl<'a> Source<'a> {
    /// A text that is to be read. `noun` says what kind of file it is and `file` which one, for messages.
    pub fn new(noun: &'static str, text: &'a str, file: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self {
            noun,
            text,
            file,
            lines: std::iter::once(0).chain(starts).collect(),
            faults: RefCell::default(),
            room: Cell::new(MAX_GROWTH),
        }
    }

    /// The tree of a text that is TOML and of version 1. A later version may have keys that this one has never heard of.
    pub fn tree(&self) -> Option<DeTable<'a>> {
        if self.text.len() > MAX_BYTES {
            let what = format!("the file is {} bytes long, at most {MAX_BYTES} are read", self.text.len());
            self.whole(None, what, "split it");
            return None;
        }
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.syntax(error);
        }
        if !errors.is_empty() {
            return None;
        }
        let tree = tree.into_inner();
        let Some(version) = tree.get("version") else {
            let what = if tree.is_empty() { "the file is empty, version is missing" } else { "version is missing" };
            self.whole(Some("version"), what.to_owned(), "write version = 1 at its head");
            return None;
        };
        match version.get_ref() {
            DeValue::Integer(number) if i64::from_str_radix(number.as_str(), number.radix()) == Ok(1) => Some(tree),
            DeValue::Integer(number) => {
                let what = format!("version {number} is not known");
                self.fault(version.span().start, "version", what, "write version = 1, the only one there is");
                None
            }
            other => {
                let what = format!("{} where a number belongs", other.type_str());
                self.fault(version.span().start, "version", what, "write version = 1");
                None
            }
        }
    }

    fn syntax(&self, error: &toml::de::Error) {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().to_owned();
        let remedy = if what == "duplicate key" { "keep one of the two" } else { "correct the TOML" };
        let key = error.span().and_then(|span| self.text.get(span)).filter(|_| what == "duplicate key");
        self.push(at, Some(self.position(at)), key, what, remedy);
    }

    /// A fault at a place, given as the byte offset, and of a key.
    pub fn fault(&self, at: usize, key: &str, what: String, remedy: &str) {
        self.push(at, Some(self.position(at)), Some(key), what, remedy);
    }

    /// A fault of the file as a whole.
    pub fn whole(&self, key: Option<&str>, what: String, remedy: &str) {
        self.push(usize::MAX, None, key, what, remedy);
    }

    fn push(&self, at: usize, position: Option<(usize, usize)>, key: Option<&str>, what: String, remedy: &str) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MAX_FAULTS {
            let fault = Fault { position, key: key.map(str::to_owned), what, remedy: remedy.to_owned() };
            faults.push((at, fault));
        }
    }

    /// Whether nothing was found so far.
    pub fn is_sound(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// Everything that was found, in the order of the file.
    pub fn error(self) -> FileError {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(at, _)| *at);
        FileError { noun: self.noun, file: self.file.to_owned(), faults: faults.into_iter().map(|(_, fault)| fault).collect() }
    }

    /// Line and column, from 1, of a byte offset. Columns count characters, as editors do.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let before = &self.text.as_bytes()[start..offset.clamp(start, self.text.len())];
        (line, String::from_utf8_lossy(before).chars().count() + 1)
    }
}

/// Something from the file, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Placed<T> {
    /// Its byte offset.
    pub at: usize,
    /// What stands there.
    pub value: T,
}

/// One table of the file. Each key that is asked for is known; [`Table::finish`] names all others.
#[derive(Debug)]
pub struct Table<'s, 't> {
    /// The file that it stands in.
    pub source: &'s Source<'s>,
    /// Its key, such as `rule[2]`; empty for the file itself.
    pub path: String,
    /// Its byte offset.
    pub at: usize,
    pub(crate) keys: &'t DeTable<'t>,
    pub(crate) known: RefCell<Vec<&'static str>>,
}

impl<'s, 't> Table<'s, 't> {
    /// The file itself.
    pub fn root(source: &'s Source<'s>, table: &'t DeTable<'t>) -> Self {
        Self { source, path: String::new(), at: 0, keys: table, known: RefCell::new(vec!["version"]) }
    }

    /// The full name of one of its keys.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A fault of one of its keys.
    pub fn fault(&self, at: usize, key: &str, what: impl Into<String>, remedy: &str) {
        self.source.fault(at, &self.key(key), what.into(), remedy);
    }

    /// A fault of the table as a whole.
    pub fn own_fault(&self, what: impl Into<String>, remedy: &str) {
        self.source.fault(self.at, &self.path, what.into(), remedy);
    }

    /// What stands under a key, whatever it is.
    pub fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.keys.get(key)
    }

    /// A value of the wrong type.
    pub fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str, remedy: &str) {
        self.fault(value.span().start, key, format!("{} where {wanted} belongs", value.get_ref().type_str()), remedy);
    }

    /// A text; anything else is a fault. Absence is none.
    pub fn text(&self, key: &'static str, remedy: &str) -> Option<Placed<&'t str>> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value, "text", remedy);
            return None;
        };
        Some(Placed { at: value.span().start, value: text })
    }

    /// A text that has been read before: what is wrong with it has been said.
    pub fn text_again(&self, key: &'static str) -> Option<String> {
        self.value(key)?.get_ref().as_str().map(str::to_owned)
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &'static str, remedy: &str) -> Option<Placed<&'t str>> {
        let text = self.text(key, remedy);
        if !self.keys.contains_key(key) {
            self.source.fault(self.at, &self.key(key), format!("{key} is missing"), remedy);
        }
        text
    }

    /// A finite number.
    pub fn number(&self, key: &'static str, remedy: &str) -> Option<Placed<f64>> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => {
                self.wrong(key, value, "a number", remedy);
                return None;
            }
        };
        if number.is_none() {
            self.fault(value.span().start, key, "the number is not finite or too large", remedy);
        }
        number.map(|number| Placed { at: value.span().start, value: number })
    }

    /// A duration, in milliseconds.
    pub fn duration(&self, key: &'static str) -> Option<Placed<i64>> {
        const REMEDY: &str = "write a duration in quotation marks, such as \"30s\", \"5m\" or \"1h30m\"";
        let text = self.text(key, REMEDY)?;
        let Some(value) = duration::parse(text.value) else {
            self.fault(text.at, key, format!("\"{}\" is not a duration", text.value), REMEDY);
            return None;
        };
        Some(Placed { at: text.at, value })
    }

    /// A duration longer than nothing.
    pub fn positive_duration(&self, key: &'static str) -> Option<Placed<i64>> {
        let duration = self.duration(key)?;
        if duration.value > 0 {
            return Some(duration);
        }
        self.fault(duration.at, key, "the duration is zero", "write one that is longer, or leave the key out");
        None
    }

    /// One of several words; what they stand for.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<Placed<T>> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let text = self.text(key, &format!("write one of {}", names.join(", ")))?;
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == text.value) {
            return Some(Placed { at: text.at, value: *value });
        }
        let remedy = match nearest(text.value, names.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("write one of {}", names.join(", ")),
        };
        self.fault(text.at, key, format!("\"{}\" is not known here", text.value), &remedy);
        None
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Whether the key is there and not an empty list.
    pub fn is_filled(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|value| value.get_ref().as_array().is_none_or(|items| !items.is_empty()))
    }

    /// An array of tables.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'s, 't>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let remedy = format!("write each as a table of its own, in two pairs of brackets: [[{}]]", self.key(key));
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value, "an array of tables", &remedy);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = self.key(&format!("{key}[{index}]"));
            let at = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table { source: self.source, path, at, keys: table, known: RefCell::default() }),
                None => self.source.fault(at, &path, format!("{} where a table belongs", item.get_ref().type_str()), &remedy),
            }
        }
        tables
    }

    /// A list of texts. A fault in one leaves the others.
    pub fn texts(&self, key: &'static str, remedy: &str) -> Vec<Placed<&'t str>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list", remedy);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(Placed { at: item.span().start, value: text }),
                None => self.wrong(&format!("{key}[{index}]"), item, "text", remedy),
            }
        }
        texts
    }

    /// A table whose keys are free and whose values are texts, in the order of the keys.
    pub fn pairs(&self, key: &'static str, remedy: &str) -> Vec<(Placed<&'t str>, Placed<&'t str>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, value, "a table", remedy);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in table {
            match value.get_ref().as_str() {
                Some(text) => pairs.push((
                    Placed { at: name.span().start, value: name.get_ref().as_ref() },
                    Placed { at: value.span().start, value: text },
                )),
                None => self.wrong(&format!("{key}.{}", name.get_ref()), value, "text", remedy),
            }
        }
        pairs.sort_by(|a, b| a.0.value.cmp(b.0.value));
        pairs
    }

    /// Names each key that nobody asked for.
    pub fn finish(self) {
        let known = self.known.borrow();
        for (name, _) in self.keys {
            let written = name.get_ref().as_ref();
            if known.contains(&written) {
                continue;
            }
            let remedy = match nearest(written, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("remove it; known here are {}", known.join(", ")),
            };
            let what = format!("there is no key {written} here");
            self.source.fault(name.span().start, &self.key(written), what, &remedy);
        }
    }
}
