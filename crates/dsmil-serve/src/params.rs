//! The parameters of a request, read strictly: what is not known, given twice or out of range is refused.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::Query;
use axum::http::Uri;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::model::{LabelMap, Page};
use crate::problem::Problem;

/// The longest text that a parameter may hold, in characters.
const MAX_TEXT: usize = 256;
/// The longest label with its value, in characters.
const MAX_LABEL: usize = 1024;

pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs = query.map_err(|_| Problem::invalid("query", "the query can't be read; write name=value&name=value"))?.0;
        let most = |name: &str| if name == "label" { MAX_LABEL } else { MAX_TEXT };
        if let Some((name, _)) = pairs.iter().find(|(name, value)| value.chars().count() > most(name)) {
            return Err(Problem::invalid(name, format!("it is longer than {} characters", most(name))));
        }
        Ok(Self(pairs))
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        let (wanted, rest) = std::mem::take(&mut self.0).into_iter().partition(|(other, _)| other == name);
        self.0 = rest;
        Vec::into_iter(wanted).map(|(_, value): (String, String)| value).collect()
    }

    /// A text; not an empty one.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name).into_iter();
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::invalid(name, "it is given more than once")),
            (Some(value), None) if value.is_empty() => {
                Err(Problem::invalid(name, "it is empty; leave it out, or say what it is"))
            }
            (value, None) => Ok(value),
        }
    }

    /// A whole number within the range.
    pub(crate) fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, Problem>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        // Rust would take a plus sign, which a query means as a blank.
        let number = text.parse().ok().filter(|number| range.contains(number) && !text.starts_with('+'));
        let wrong = || Problem::invalid(name, format!("it is not a whole number from {} to {}", range.start(), range.end()));
        number.ok_or_else(wrong).map(Some)
    }

    /// A time in milliseconds since the Unix epoch, from 1970 to the year 9999.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.number(name, 0..=LAST_TIME)
    }

    /// One of several words.
    pub(crate) fn word<T: for<'a> Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let reader: StrDeserializer<'_, ValueError> = text.as_str().into_deserializer();
        T::deserialize(reader).map(Some).map_err(|error| Problem::invalid(name, error.to_string()))
    }

    /// Labels as `label=name=value`, once for each.
    pub(crate) fn labels(&mut self) -> Result<LabelMap, Problem> {
        let mut labels = LabelMap::new();
        for pair in self.all("label") {
            let (name, value) = pair.split_once('=').unwrap_or_default();
            if !is_label_name(name) {
                return Err(Problem::invalid("label", "write label=name=value, with = and & in the value percent-encoded"));
            }
            if labels.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Problem::invalid("label", format!("the label {name} is given more than once")));
            }
        }
        Ok(labels)
    }

    /// Which part of a list.
    pub(crate) fn slice(&mut self) -> Result<Slice, Problem> {
        let limit = self.number("limit", 1..=1000)?.unwrap_or(100);
        let offset = self.number("offset", 0..=1_000_000)?.unwrap_or(0);
        Ok(Slice { offset, limit })
    }

    /// Every parameter has been read: what is left is not known.
    pub(crate) fn done(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::invalid(name, "this parameter is not known here")),
            None => Ok(()),
        }
    }
}

/// The last millisecond of the year 9999.
pub(crate) const LAST_TIME: i64 = 253_402_300_799_999;

#[derive(Clone, Copy)]
pub(crate) struct Slice {
    offset: usize,
    limit: usize,
}

impl Slice {
    pub(crate) fn cut<T>(self, all: Vec<T>) -> Page<T> {
        let total = all.len();
        let items = all.into_iter().skip(self.offset).take(self.limit).collect();
        Page { items, total, offset: self.offset, limit: self.limit }
    }
}

pub(crate) fn is_label_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(crate) fn is_metric_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}
