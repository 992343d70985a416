//! The fault file: TOML to [`Faults`] and back. What a file may say is told in [`crate::faults`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use dsmil_protocol::{DeviceId, RequestCode};
use nix::errno::Errno;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::faults::{Action, FaultRule, Faults};
use crate::{SimError, THERMAL_LIMIT, field};

type Table = BTreeMap<String, Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Spanned<Table>>,
}

/// Every key that some entry may have.
const KEYS: [&str; 15] =
    ["on", "id", "skip", "times", "do", "ms", "offset", "xor", "errno", "token", "chunks", "celsius", "field", "value", "record"];

const ACTIONS: &str =
    "drop, delay, repeat, reorder, corrupt, fail, interrupt, vanish, foreign-session, thermal-limit, no-sensor, set";

/// What is wrong with one entry, before it is known where that is.
struct Wrong {
    key: String,
    span: Range<usize>,
    why: String,
}

pub(crate) fn parse(text: &str, path: &Path) -> Result<Faults, SimError> {
    let refuse = |wrong: Wrong| {
        let before = text.get(..wrong.span.start).unwrap_or(text);
        let line = 1 + before.matches('\n').count();
        SimError::Faults { path: path.to_owned(), line, key: wrong.key, why: wrong.why }
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        refuse(Wrong { key: key_at(text, span.start), span, why: error.message().to_owned() })
    })?;
    let rules: Result<_, Wrong> = file.fault.into_iter().map(|entry| Entry::new(entry).rule()).collect();
    rules.map(|rules| Faults { rules }).map_err(refuse)
}

/// The key of the line in which an error lies, for errors that the TOML parser finds.
fn key_at(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(line..).unwrap_or_default().lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim().trim_matches(['[', ']']);
    if key.is_empty() { "fault".to_owned() } else { key.to_owned() }
}

/// One `[[fault]]`, from which keys are taken until none is left.
struct Entry {
    span: Range<usize>,
    keys: Table,
}

impl Entry {
    fn new(entry: Spanned<Table>) -> Self {
        Self { span: entry.span(), keys: entry.into_inner() }
    }

    fn missing(&self, key: &str, why: impl Into<String>) -> Wrong {
        Wrong { key: key.to_owned(), span: self.span.clone(), why: why.into() }
    }

    fn take<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, Wrong> {
        let Some(value) = self.keys.remove(key) else { return Ok(None) };
        match read(value.get_ref()) {
            Some(read) => Ok(Some(read)),
            None => Err(Wrong { key: key.to_owned(), span: value.span(), why: format!("{} is not {what}", value.get_ref()) }),
        }
    }

    fn need<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, Wrong> {
        self.take(key, what, read)?.ok_or_else(|| self.missing(key, format!("is missing: write {what}")))
    }

    fn rule(mut self) -> Result<FaultRule, Wrong> {
        let on = match self.need("on", "a request's name, such as \"SCAN_CHUNK\", or \"any\"", request)? {
            On::Any => None,
            On::Only(request) => Some(request),
        };
        let id = self.take("id", "a device id", id)?;
        let skip = self.take("skip", "a count", count)?.unwrap_or(0);
        let times = self.take("times", "a count", count)?;
        let verb = self.need("do", &format!("one of {ACTIONS}"), |value| {
            value.as_str().filter(|verb| ACTIONS.split(", ").any(|known| known == *verb)).map(str::to_owned)
        })?;
        let action = self.action(&verb, on)?;
        if let Some((key, value)) = self.keys.into_iter().next() {
            let why = if KEYS.contains(&key.as_str()) {
                format!("do = \"{verb}\" has no use for it")
            } else {
                format!("is not known; known are {}", KEYS.join(", "))
            };
            return Err(Wrong { key, span: value.span(), why });
        }
        Ok(FaultRule { on, id, skip, times, action })
    }

    fn action(&mut self, verb: &str, on: Option<RequestCode>) -> Result<Action, Wrong> {
        Ok(match verb {
            "drop" => Action::Drop,
            "delay" => Action::Delay(Duration::from_millis(self.need("ms", "a number of milliseconds", count)?)),
            "repeat" => Action::Repeat,
            "reorder" => Action::Reorder,
            "corrupt" => Action::Corrupt {
                offset: self.need("offset", "an offset in bytes", small)?,
                xor: self.need("xor", "a byte from 1 to 255, or a list of bytes", bytes)?,
            },
            "fail" => Action::Fail(self.need("errno", "an errno, by name or number", errno)?),
            "interrupt" => Action::Interrupt,
            "vanish" => Action::Vanish(self.take("errno", "an errno, by name or number", errno)?.unwrap_or(Errno::ENODEV)),
            "foreign-session" => Action::ForeignSession {
                token: self.take("token", "the id of a served device", |value| id(value).filter(|id| id.is_served()))?,
                chunks: self.take("chunks", "a count", small)?.unwrap_or(0),
            },
            "thermal-limit" => Action::ThermalLimit {
                celsius: self.take("celsius", "degrees Celsius from 100 to 1000", celsius)?.unwrap_or(THERMAL_LIMIT),
            },
            "no-sensor" => Action::NoSensor,
            _ => self.set(on)?,
        })
    }

    fn set(&mut self, on: Option<RequestCode>) -> Result<Action, Wrong> {
        let asked = |request: &RequestCode| on.is_none_or(|on| on == *request);
        let places = |name: &str| -> Vec<field::Place> {
            let in_head = |request| field::head(request, name);
            let in_record = |request| field::records(request).and_then(|_| field::record(name));
            RequestCode::ALL.into_iter().filter(asked).filter_map(|request| in_head(request).or(in_record(request))).collect()
        };
        let field = self.need("field", "a field of the answer", |value| {
            value.as_str().filter(|name| !places(name).is_empty()).map(str::to_owned)
        })?;
        let value = self.need("value", "a number that the field can hold", |value| {
            let number = match value {
                Value::Integer(number) => i128::from(*number),
                Value::Boolean(yes) => i128::from(*yes),
                _ => return None,
            };
            places(&field).iter().all(|place| place.holds(number)).then_some(number)
        })?;
        let record =
            self.take("record", "the number of a record, from 0 to 107", |value| small(value).filter(|n: &usize| *n < 108))?;
        if record.is_some() && field::record(&field).is_none() {
            return Err(self.missing("record", format!("{field} is no field of a record")));
        }
        Ok(Action::Set { field, value, record })
    }
}

/// What `on` says.
enum On {
    Any,
    Only(RequestCode),
}

fn request(value: &Value) -> Option<On> {
    match value.as_str()? {
        "any" => Some(On::Any),
        name => RequestCode::ALL.into_iter().find(|request| request.name() == name).map(On::Only),
    }
}

fn id(value: &Value) -> Option<DeviceId> {
    match value {
        Value::Integer(number) => u16::try_from(*number).ok().map(DeviceId::new),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}

fn small<T: TryFrom<u16>>(value: &Value) -> Option<T> {
    T::try_from(u16::try_from(value.as_integer()?).ok()?).ok()
}

fn celsius(value: &Value) -> Option<i32> {
    i32::try_from(value.as_integer()?).ok().filter(|celsius| (THERMAL_LIMIT..=1000).contains(celsius))
}

fn byte(value: &Value) -> Option<u8> {
    u8::try_from(value.as_integer()?).ok()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = match value {
        Value::Array(list) => list.iter().map(byte).collect::<Option<_>>()?,
        single => vec![byte(single)?],
    };
    // A fault that changes nothing is a slip of the pen.
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

/// The highest errno of Linux on x86-64.
const LAST_ERRNO: i32 = 133;

fn errno(value: &Value) -> Option<Errno> {
    let known = |errno: &Errno| *errno != Errno::UnknownErrno;
    match value {
        Value::Integer(number) => {
            i32::try_from(*number).ok().filter(|n| (1..=LAST_ERRNO).contains(n)).map(Errno::from_raw).filter(known)
        }
        Value::String(name) => (1..=LAST_ERRNO).map(Errno::from_raw).filter(known).find(|errno| format!("{errno:?}") == *name),
        _ => None,
    }
}

/// Writes the faults so that [`parse`] reads the same.
pub(crate) fn write(faults: &Faults) -> String {
    let mut out = String::new();
    for rule in &faults.rules {
        if !out.is_empty() {
            out.push('\n');
        }
        // Writing into a String can't fail.
        let _ = write_rule(&mut out, rule);
    }
    out
}

fn write_rule(out: &mut String, rule: &FaultRule) -> std::fmt::Result {
    writeln!(out, "[[fault]]\non = \"{}\"", rule.on.map_or("any", RequestCode::name))?;
    if let Some(id) = rule.id {
        writeln!(out, "id = \"{id}\"")?;
    }
    if rule.skip > 0 {
        writeln!(out, "skip = {}", rule.skip)?;
    }
    if let Some(times) = rule.times {
        writeln!(out, "times = {times}")?;
    }
    match &rule.action {
        Action::Drop => writeln!(out, "do = \"drop\""),
        Action::Delay(delay) => writeln!(out, "do = \"delay\"\nms = {}", delay.as_millis()),
        Action::Repeat => writeln!(out, "do = \"repeat\""),
        Action::Reorder => writeln!(out, "do = \"reorder\""),
        Action::Corrupt { offset, xor } => writeln!(out, "do = \"corrupt\"\noffset = {offset}\nxor = {xor:?}"),
        Action::Fail(errno) => writeln!(out, "do = \"fail\"\nerrno = \"{errno:?}\""),
        Action::Interrupt => writeln!(out, "do = \"interrupt\""),
        Action::Vanish(errno) => writeln!(out, "do = \"vanish\"\nerrno = \"{errno:?}\""),
        Action::ForeignSession { token, chunks } => {
            writeln!(out, "do = \"foreign-session\"\nchunks = {chunks}")?;
            token.map_or(Ok(()), |token| writeln!(out, "token = \"{token}\""))
        }
        Action::ThermalLimit { celsius } => writeln!(out, "do = \"thermal-limit\"\ncelsius = {celsius}"),
        Action::NoSensor => writeln!(out, "do = \"no-sensor\""),
        Action::Set { field, value, record } => {
            writeln!(out, "do = \"set\"\nfield = \"{field}\"\nvalue = {value}")?;
            record.map_or(Ok(()), |record| writeln!(out, "record = {record}"))
        }
    }
}
