//! Metrics as Prometheus reads them: OpenMetrics 1.0 and the older text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;

use dsmil_gate::{Labels, is_stale};

/// Every metric that has a value now. Names are as the monitor has them; nothing is put before them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The metrics, each name once at best; what is given twice is joined.
    pub families: Vec<Family>,
}

/// A metric and its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name; a counter's ends in `_total`.
    pub name: String,
    /// What it says, for people.
    pub help: String,
    /// Its unit. It is shown only if the name ends with it, as OpenMetrics demands.
    pub unit: Option<String>,
    /// Whether it goes up and down, or up only.
    pub kind: Kind,
    /// Its series.
    pub samples: Vec<Sample>,
}

/// What a metric's values do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They go up and down.
    Gauge,
    /// They go up only, and start again at zero.
    Counter,
    /// Not known, as of a metric that somebody else gave.
    Unknown,
}

/// The newest value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// The value; a stale marker leaves the series out.
    pub value: f64,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0: times in seconds, counters without `_total` in their metadata, `# EOF` at the end.
    OpenMetrics,
    /// The text format 0.0.4: times in milliseconds.
    Text,
}

impl Format {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A family as it is written: checked, its series in order and each once.
struct Checked<'a> {
    family: &'a Family,
    kind: Kind,
    series: BTreeMap<&'a Labels, &'a Sample>,
}

impl Exposition {
    /// Writes it. A name that Prometheus can't read is left out, and returned.
    pub fn write(&self, format: Format) -> (String, Vec<String>) {
        let mut left_out = Vec::new();
        let families = self.checked(&mut left_out);
        let mut text = String::new();
        for family in families.values() {
            write_family(&mut text, family, format);
        }
        if format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        (text, left_out)
    }

    fn checked(&self, left_out: &mut Vec<String>) -> BTreeMap<&str, Checked<'_>> {
        let mut families: BTreeMap<&str, Checked<'_>> = BTreeMap::new();
        for family in &self.families {
            if !is_metric_name(&family.name) {
                left_out.push(family.name.clone());
                continue;
            }
            let checked =
                families.entry(&family.name).or_insert_with(|| Checked { family, kind: family.kind, series: BTreeMap::new() });
            for sample in &family.samples {
                if !sample.labels.iter().all(|(name, _)| is_label_name(name)) {
                    left_out.push(format!("{}{}", family.name, sample.labels));
                } else if !is_stale(sample.value) {
                    let newest = checked.series.entry(&sample.labels).or_insert(sample);
                    if newest.at < sample.at {
                        *newest = sample;
                    }
                }
            }
        }
        families.retain(|_, family| !family.series.is_empty());
        settle_kinds(&mut families);
        families
    }
}

/// A counter's samples are named `x_total` and it owns `x` and `x_created` too: where it can't, it is written as a
/// metric of unknown kind, whose only name is its own.
fn settle_kinds(families: &mut BTreeMap<&str, Checked<'_>>) {
    let names: Vec<String> = families.keys().map(|name| (*name).to_owned()).collect();
    let taken = |name: &str| names.binary_search_by(|other| other.as_str().cmp(name)).is_ok();
    for (name, family) in families.iter_mut().filter(|(_, family)| family.kind == Kind::Counter) {
        let base = name.strip_suffix("_total").filter(|base| is_metric_name(base));
        if base.is_none_or(|base| taken(base) || taken(&format!("{base}_created"))) {
            family.kind = Kind::Unknown;
        }
    }
}

fn write_family(text: &mut String, checked: &Checked<'_>, format: Format) {
    let family = checked.family;
    let (name, kind) = match (format, checked.kind) {
        (_, Kind::Gauge) => (family.name.as_str(), "gauge"),
        (Format::OpenMetrics, Kind::Counter) => (family.name.strip_suffix("_total").unwrap_or(&family.name), "counter"),
        (Format::Text, Kind::Counter) => (family.name.as_str(), "counter"),
        (Format::OpenMetrics, Kind::Unknown) => (family.name.as_str(), "unknown"),
        (Format::Text, Kind::Unknown) => (family.name.as_str(), "untyped"),
    };
    _ = writeln!(text, "# TYPE {name} {kind}");
    let unit = family.unit.as_deref().filter(|unit| format == Format::OpenMetrics && is_unit_of(unit, name));
    if let Some(unit) = unit {
        _ = writeln!(text, "# UNIT {name} {unit}");
    }
    if !family.help.is_empty() {
        _ = write!(text, "# HELP {name} ");
        // The older format has no escape for a quotation mark here.
        escape(text, &family.help, format == Format::OpenMetrics);
        text.push('\n');
    }
    for sample in checked.series.values() {
        write_sample(text, &family.name, sample, format);
    }
}

fn write_sample(text: &mut String, name: &str, sample: &Sample, format: Format) {
    text.push_str(name);
    for (index, (label, value)) in sample.labels.iter().enumerate() {
        _ = write!(text, "{}{label}=\"", if index == 0 { '{' } else { ',' });
        escape(text, value, true);
        text.push('"');
    }
    if !sample.labels.is_empty() {
        text.push('}');
    }
    text.push(' ');
    write_value(text, sample.value);
    _ = match format {
        Format::Text => writeln!(text, " {}", sample.at),
        Format::OpenMetrics => {
            let sign = if sample.at < 0 { "-" } else { "" };
            let at = sample.at.unsigned_abs();
            writeln!(text, " {sign}{}.{:03}", at / 1000, at % 1000)
        }
    };
}

fn write_value(text: &mut String, value: f64) {
    match crate::model::Number(value).word() {
        Some(word) => text.push_str(word),
        // The shortest digits that read back as the same number, and never hundreds of zeros.
        None if value != 0.0 && !(1e-5..1e17).contains(&value.abs()) => _ = write!(text, "{value:e}"),
        None => _ = write!(text, "{value}"),
    }
}

fn escape(text: &mut String, value: &str, quotes: bool) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

fn is_metric_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    name.bytes().next().is_some_and(first) && name.bytes().all(|byte| first(byte) || byte.is_ascii_digit())
}

fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':') && name != "__name__"
}

fn is_unit_of(unit: &str, name: &str) -> bool {
    !unit.is_empty() && name.strip_suffix(unit).is_some_and(|rest| rest.len() > 1 && rest.ends_with('_'))
}
