//! The policy file as it is written, and its reader: text to checked rules, or what is wrong and where.

use std::ops::Range;

use dsmil_protocol::DeviceId;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Policy, PolicyError, Rule};

const SYNTAX_REMEDY: &str =
    "correct the TOML: version = 1 and then, for each rule, [[deny]] with id = 0x8031 or first and last, and a reason";
const UNKNOWN_REMEDY: &str =
    "remove it: a policy can only add to the quarantine, by [[deny]] with id, or first and last, and a reason";
const REASON_REMEDY: &str = "say why the id is denied: reason = \"...\"";
const ID_REMEDY: &str = "write a number from 0 to 0xFFFF without quotation marks, such as 0x8031";

/// Devices that are denied in addition to the seven that are quarantined for ever. Nothing here can
/// allow a device: any other key makes the file unusable, and then everything is denied.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "dsmil policy"))]
#[serde(deny_unknown_fields)]
struct File {
    /// The version of the file's format: 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    #[expect(dead_code, reason = "check_version has read it already")]
    version: i64,
    /// The rules, written as one `[[deny]]` each.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Deny>"))]
    deny: Vec<Spanned<Deny>>,
}

/// One rule: a device (`id`) or a range of devices (`first` to `last`) that is denied, and why.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = [
    { "required": ["id"] },
    { "required": ["first", "last"] },
], "dependentRequired" = { "first": ["last"], "last": ["first"] })))]
#[serde(deny_unknown_fields)]
struct Deny {
    /// The device, such as 0x8031.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "u16", skip_serializing_if = "Option::is_none"))]
    id: Option<Spanned<i64>>,
    /// The lowest device of the range.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "u16", skip_serializing_if = "Option::is_none"))]
    first: Option<Spanned<i64>>,
    /// The highest device of the range; it is denied too.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "u16", skip_serializing_if = "Option::is_none"))]
    last: Option<Spanned<i64>>,
    /// Why. Whoever is denied reads it.
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = r"\S")))]
    reason: Spanned<String>,
}

#[cfg(feature = "schema")]
pub(crate) fn schema() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}

pub(crate) fn read(text: &str, file: &str) -> Result<Vec<Rule>, PolicyError> {
    let reader = Reader::new(text, file);
    if text.len() > Policy::MAX_BYTES {
        let what = format!("the file is {} bytes long, a policy has at most {}", text.len(), Policy::MAX_BYTES);
        return Err(reader.whole(None, what, "deny ranges in place of single ids: [[deny]] with first, last and a reason"));
    }
    let tree = DeTable::parse(text).map_err(|error| reader.syntax(&error))?;
    // Before the rest: a later version may have keys that this one has never heard of.
    reader.check_version(tree.get_ref())?;
    let parsed = File::deserialize(toml::Deserializer::from(tree)).map_err(|error| reader.mistaken(&error))?;
    parsed.deny.into_iter().enumerate().map(|(index, deny)| reader.rule(index, deny)).collect()
}

struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    /// Where each line starts, so that a file of many rules is not counted through for each of them.
    lines: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, file: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, file, lines: std::iter::once(0).chain(starts).collect() }
    }

    fn check_version(&self, tree: &DeTable<'_>) -> Result<(), PolicyError> {
        let Some(version) = tree.get("version") else {
            let empty = tree.is_empty();
            let what = if empty { "the file is empty, version is missing" } else { "version is missing" };
            return Err(self.whole(
                Some("version"),
                what.to_owned(),
                "write version = 1 at its head; that alone is a policy that adds nothing",
            ));
        };
        let at = version.span().start;
        let DeValue::Integer(number) = version.get_ref() else {
            let what = format!("{} where a number belongs", version.get_ref().type_str());
            return Err(self.fault(at, "version", what, "write version = 1"));
        };
        if i64::from_str_radix(number.as_str(), number.radix()) == Ok(1) {
            return Ok(());
        }
        Err(self.fault(at, "version", format!("version {number} is not known"), "write version = 1, the only one there is"))
    }

    fn rule(&self, index: usize, deny: Spanned<Deny>) -> Result<Rule, PolicyError> {
        let at = deny.span().start;
        let deny = deny.into_inner();
        let (first, last) = match (deny.id, deny.first, deny.last) {
            (Some(id), None, None) => {
                let id = self.id("id", index, &id)?;
                (id, id)
            }
            (None, Some(first), Some(last)) => (self.id("first", index, &first)?, self.id("last", index, &last)?),
            (id, first, last) => {
                let what = match (id.is_some(), first.is_some(), last.is_some()) {
                    (false, false, false) => "the rule names no device",
                    (false, true, false) => "the range has a first and no last",
                    (false, false, true) => "the range has a last and no first",
                    _ => "the rule names an id and a range",
                };
                let remedy = "write either id = 0x8031 or both first and last";
                return Err(self.fault(at, &format!("deny[{index}]"), what.to_owned(), remedy));
            }
        };
        if first > last {
            let what = format!("the range {first} to {last} is empty");
            return Err(self.fault(at, &format!("deny[{index}]"), what, "put the lower id first"));
        }
        let reason = deny.reason.get_ref().trim();
        if reason.is_empty() {
            let key = format!("deny[{index}].reason");
            return Err(self.fault(deny.reason.span().start, &key, "the reason is empty".to_owned(), REASON_REMEDY));
        }
        Ok(Rule { file: self.file.to_owned(), line: self.position(at).0, index, first, last, reason: reason.to_owned() })
    }

    fn id(&self, key: &str, index: usize, value: &Spanned<i64>) -> Result<DeviceId, PolicyError> {
        u16::try_from(*value.get_ref()).map(DeviceId::new).map_err(|_| {
            let what = format!("{} is not a device id", value.get_ref());
            self.fault(value.span().start, &format!("deny[{index}].{key}"), what, ID_REMEDY)
        })
    }

    /// The text is not TOML.
    fn syntax(&self, error: &toml::de::Error) -> PolicyError {
        let span = error.span();
        if error.message() == "duplicate key" {
            // The second one is not in the tree: it is named as it is written.
            let written = span.clone().and_then(|span| self.text.get(span)).map(|key| key.trim_matches(['"', '\'']));
            return self.located(span, written, "the key stands here twice".to_owned(), "keep one of the two");
        }
        let at = span.as_ref().and_then(|span| self.key_at(span.start)).map(|found| found.path);
        // Nested without end: the path would be as long as the file.
        let key = at.filter(|path| path.len() <= 64);
        let remedy = if key.as_deref().is_some_and(names_id) { ID_REMEDY } else { SYNTAX_REMEDY };
        self.located(span, key.as_deref(), error.message().to_owned(), remedy)
    }

    /// The text is TOML and not a policy.
    fn mistaken(&self, error: &toml::de::Error) -> PolicyError {
        let (span, message) = (error.span(), error.message());
        let found = span.as_ref().and_then(|span| self.key_at(span.start));
        let (key, kind) = found.map_or((None, ""), |found| (Some(found.path), found.kind));
        let key = key.as_deref();
        if let Some(unknown) = message.strip_prefix("unknown field ") {
            let name = unknown.split('`').nth(1).unwrap_or(unknown);
            return self.located(span, key, format!("a policy has no key {name}"), UNKNOWN_REMEDY);
        }
        if message == "missing field `reason`" {
            let key = key.map(|key| format!("{key}.reason"));
            return self.located(span, key.as_deref(), "the reason is missing".to_owned(), REASON_REMEDY);
        }
        match key {
            Some(id) if names_id(id) && kind == "integer" => {
                self.located(span, key, "this number is not a device id".to_owned(), ID_REMEDY)
            }
            Some(id) if names_id(id) => self.located(span, key, format!("{kind} where a number belongs"), ID_REMEDY),
            Some(reason) if reason.ends_with(".reason") => {
                let what = format!("{kind} where text belongs");
                self.located(span, key, what, "write the reason in quotation marks: reason = \"...\"")
            }
            Some("deny") => {
                let what = format!("{kind} where an array of tables belongs");
                self.located(span, key, what, "write each rule as a table of its own, in two pairs of brackets: [[deny]]")
            }
            Some(_) => {
                let what = format!("{kind} where a table belongs");
                self.located(span, key, what, "write each rule as a table of its own: [[deny]]")
            }
            None => self.located(span, None, message.to_owned(), SYNTAX_REMEDY),
        }
    }

    fn located(&self, span: Option<Range<usize>>, key: Option<&str>, what: String, remedy: &str) -> PolicyError {
        PolicyError { position: span.map(|span| self.position(span.start)), ..self.whole(key, what, remedy) }
    }

    fn fault(&self, at: usize, key: &str, what: String, remedy: &str) -> PolicyError {
        PolicyError { position: Some(self.position(at)), ..self.whole(Some(key), what, remedy) }
    }

    fn whole(&self, key: Option<&str>, what: String, remedy: &str) -> PolicyError {
        let (key, remedy) = (key.map(str::to_owned), remedy.to_owned());
        PolicyError { file: self.file.to_owned(), position: None, key, what, remedy }
    }

    /// Line and column, from 1, of a byte offset. Columns count characters, as editors do.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let before = &self.text.as_bytes()[start..offset.clamp(start, self.text.len())];
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        (line, column)
    }

    /// The innermost key, such as `deny[2].id`, in whose name or value this byte lies.
    fn key_at(&self, offset: usize) -> Option<Found> {
        let (tree, _) = DeTable::parse_recoverable(self.text);
        let mut found = None;
        find_in_table(tree.get_ref(), "", offset, &mut found);
        found
    }
}

/// Whether the value of this key is a device id.
fn names_id(key: &str) -> bool {
    matches!(key.rsplit_once('.'), Some((_, "id" | "first" | "last")))
}

/// A key whose name or value covers the byte that is looked for.
struct Found {
    /// Bytes of the name or value.
    length: usize,
    path: String,
    /// The TOML type of the value.
    kind: &'static str,
}

fn find_in_table(table: &DeTable<'_>, prefix: &str, at: usize, found: &mut Option<Found>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        narrow(key.span(), &path, value, at, found);
        find_in_value(value, &path, at, found);
    }
}

fn find_in_value(value: &Spanned<DeValue<'_>>, path: &str, at: usize, found: &mut Option<Found>) {
    narrow(value.span(), path, value, at, found);
    match value.get_ref() {
        DeValue::Table(table) => find_in_table(table, path, at, found),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                find_in_value(item, &format!("{path}[{index}]"), at, found);
            }
        }
        _ => {}
    }
}

fn narrow(span: Range<usize>, path: &str, value: &Spanned<DeValue<'_>>, at: usize, found: &mut Option<Found>) {
    // `<=`: of two equal spans the later, deeper one is meant.
    if span.contains(&at) && found.as_ref().is_none_or(|found| span.len() <= found.length) {
        *found = Some(Found { length: span.len(), path: path.to_owned(), kind: value.get_ref().type_str() });
    }
}
