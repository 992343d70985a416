//! Matchers over labels, as Prometheus and Alertmanager write them.

use std::fmt;
use std::str::FromStr;

use dsmil_gate::Labels;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::AlertError;

/// The longest text of a matcher, in bytes.
const MAX_BYTES: usize = 1024;
/// The most memory that one compiled expression may take, in bytes.
const MAX_COMPILED: usize = 256 * 1024;

/// How a label's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    Different,
    Like,
    Unlike,
}

impl Op {
    /// The longer ones first: each is tried as a prefix.
    const ALL: [(&'static str, Self); 4] =
        [("=~", Self::Like), ("!~", Self::Unlike), ("!=", Self::Different), ("=", Self::Equal)];
}

/// What a label must be: `severity="critical"`, `device!="0x8003"`, `path=~"/data.*"`, `alertname!~"cpu.*"`. A label that is
/// not there is empty. Expressions are RE2's and match the whole value, as in Prometheus; they run in linear time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Matcher {
    label: String,
    op: Op,
    value: String,
    /// Of `=~` and `!~`.
    expression: Option<Regex>,
}

impl Matcher {
    /// A matcher for one value of one label.
    pub fn equal(label: &str, value: &str) -> Self {
        Self { label: label.to_owned(), op: Op::Equal, value: value.to_owned(), expression: None }
    }

    /// Whether these labels are as asked for.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.holds(labels.get(&self.label))
    }

    /// The label that it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }

    fn holds(&self, value: &str) -> bool {
        match self.op {
            Op::Equal => value == self.value,
            Op::Different => value != self.value,
            Op::Like => self.expression.as_ref().is_some_and(|expression| expression.is_match(value)),
            Op::Unlike => self.expression.as_ref().is_some_and(|expression| !expression.is_match(value)),
        }
    }

    /// Whether a label that isn't there would do: a list of such matchers asks for nothing.
    pub(crate) fn asks_for_nothing(&self) -> bool {
        self.holds("")
    }
}

/// Whether the labels are as all of the matchers ask.
pub(crate) fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// Whether it is the name of a label, as Prometheus has them.
pub(crate) fn is_label_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|next| next.is_ascii_alphanumeric() || next == b'_')
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.op, &self.value) == (&other.label, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Op::ALL.iter().find(|(_, op)| *op == self.op).map_or("=", |(sign, _)| sign);
        // JSON's quotation, which is read back without loss.
        write!(f, "{}{sign}{}", self.label, serde_json::Value::from(self.value.as_str()))
    }
}

impl FromStr for Matcher {
    type Err = AlertError;

    fn from_str(text: &str) -> Result<Self, AlertError> {
        let wrong = |what: String| AlertError::Matcher { text: text.chars().take(100).collect(), what };
        if text.len() > MAX_BYTES {
            return Err(wrong(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let at = text.find(['=', '!']).ok_or_else(|| wrong("it has no operator".to_owned()))?;
        let label = text[..at].trim();
        if !is_label_name(label) {
            return Err(wrong(format!("{label:?} is no label name")));
        }
        let rest = &text[at..];
        let (sign, op) =
            Op::ALL.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(|| wrong("it has no operator".to_owned()))?;
        let value = unquoted(rest[sign.len()..].trim()).map_err(wrong)?;
        let expression = match op {
            Op::Like | Op::Unlike => Some(compiled(&value).map_err(wrong)?),
            Op::Equal | Op::Different => None,
        };
        Ok(Self { label: label.to_owned(), op: *op, value, expression })
    }
}

/// With quotation marks JSON's escapes hold; without, the text is taken as it stands.
fn unquoted(text: &str) -> Result<String, String> {
    if text.starts_with('"') {
        return serde_json::from_str(text).map_err(|error| format!("its value is no quoted text: {error}"));
    }
    if text.contains('"') {
        return Err("a quotation mark stands within its value".to_owned());
    }
    Ok(text.to_owned())
}

fn compiled(expression: &str) -> Result<Regex, String> {
    let whole = format!("^(?s:{expression})$");
    // The reason is the last line of what the library says; the lines before point into our own brackets.
    let reason =
        |error: regex::Error| error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let build = |expression: &str| RegexBuilder::new(expression).size_limit(MAX_COMPILED).build().map_err(reason);
    // First by itself: a bracket of its own must not close ours.
    build(expression)?;
    build(&whole)
}

impl TryFrom<String> for Matcher {
    type Error = AlertError;

    fn try_from(text: String) -> Result<Self, AlertError> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Matcher;
    use dsmil_gate::Labels;

    fn matches(matcher: &str, value: &str) -> bool {
        let labels: Labels = [("a", value)].into_iter().collect();
        matcher.parse::<Matcher>().unwrap().matches(&labels)
    }

    #[test]
    fn they_match_as_in_prometheus() {
        assert!(matches("a=\"x\"", "x") && !matches("a=\"x\"", "xy"));
        assert!(matches("a != x", "y") && !matches("a != x", "x"));
        assert!(matches("a=~\"x|y\"", "y") && !matches("a=~\"x|y\"", "xy"), "the whole value is matched");
        assert!(matches("a!~\"x.*\"", "yx") && !matches("a!~\"x.*\"", "xx"));
        assert!(matches("b=\"\"", "x") && matches("b!~\".+\"", "x"), "a label that is not there is empty");
        assert!(matches("a=~\"x.y\"", "x\ny"), "a dot is any letter, as in Prometheus");
        assert!(matches("a==", "="), "only the operator is cut off");
    }

    #[test]
    fn text_and_back() {
        for text in ["a=\"x\"", "a!=\"\"", "a=~\"x.*\"", "a!=\"\\\"quoted\\\\\"", "a=\"line\\nbreak\""] {
            let matcher: Matcher = text.parse().unwrap();
            assert_eq!(matcher.to_string(), text);
            assert_eq!(matcher.to_string().parse::<Matcher>().unwrap(), matcher);
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "no operator"),
            ("severity", "no operator"),
            ("a!b", "no operator"),
            ("=x", "no label name"),
            ("9a=x", "no label name"),
            ("a b=x", "no label name"),
            ("a=\"x", "no quoted text"),
            ("a=\"x\"y", "no quoted text"),
            ("a=x\"", "quotation mark"),
            ("a=~\"(\"", "unclosed group"),
            ("a=~\"x)(y\"", "unopened group"),
            ("a=~\"(x{1000}){1000}\"", "size"),
        ] {
            let error = text.parse::<Matcher>().unwrap_err();
            assert_eq!(error.kind(), "matcher");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
        assert!(format!("a={}", "x".repeat(2000)).parse::<Matcher>().is_err());
    }
}
