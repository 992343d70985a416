//! One line of the health log.

use std::collections::BTreeMap;
use std::fmt;

use dsmil_gate::{Measurement, Verdict};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The health of the machine at one moment: a line of `health_log.jsonl`.
///
/// The first five keys are those that scripts have always read. All of the keys but `note` are in every line, in this order; a
/// reader must expect more of them in later versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthRecord {
    /// When it was measured: RFC 3339, UTC, with milliseconds (`2026-11-21T02:39:45.120Z`).
    #[serde(rename = "timestamp", serialize_with = "write_time", deserialize_with = "read_time")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub at: i64,
    /// Whether the kernel module is loaded.
    pub kernel_module: bool,
    /// Whether the device node is there, with the owner and mode that it should have.
    pub device_node: bool,
    /// Whether a read in chunks was done and came back whole.
    pub chunked_ioctl: bool,
    /// The deployment that is going on, or the last one; null if there was none.
    pub deployment_id: Option<String>,
    /// The health score, 0 to 100; null if it was not computed.
    pub health_score: Option<f64>,
    /// The security score, 0 to 100; null if it was not computed.
    pub security_score: Option<f64>,
    /// The verdict of each gate, by its name.
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, VerdictName>"))]
    pub verdicts: BTreeMap<String, Verdict>,
    /// What was measured, by metric and labels: `cpu_percent`, `disk_free_bytes{path="/"}`. Null stands for what JSON can't say:
    /// NaN, an infinite value, the end of a series. The store has the exact value.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// What is to be said about the log itself, such as a torn line that was moved away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The words for a verdict.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum VerdictName {
    Go,
    Hold,
    NoGo,
    RollBack,
}

impl HealthRecord {
    /// Takes a measurement into `metrics`. Of several of one series the last one stays.
    pub fn measure(&mut self, measurement: &Measurement) {
        let name = format!("{}{}", measurement.metric, measurement.labels);
        self.metrics.insert(name, Some(measurement.value).filter(|value| value.is_finite()));
    }

    /// The JSON Schema of a line.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        // As it is written: what is null is there, too.
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        settings.into_generator().into_root_schema_for::<Self>().to_value()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn write_time<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer
        .collect_str(&Time::new(*at).ok_or_else(|| serde::ser::Error::custom(format!("{at} ms is not in the years 1 to 9999")))?)
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse_time(&text).map_err(D::Error::custom)
}

pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text.parse().map_err(|error| format!("\"{text}\" is no time: {error}"))?;
    Ok(time.as_millisecond())
}

/// A time, written `2026-11-21T02:39:45.120Z`: each record has one, and a general formatter would take longer than the rest.
#[derive(Clone, Copy)]
pub(super) struct Time([u8; 24]);

impl Time {
    /// `None` outside of the years 1 to 9999.
    pub(super) fn new(at: i64) -> Option<Self> {
        const DAY: i64 = 86_400_000;
        let (year, month, day) = date(at.div_euclid(DAY));
        if !(1..=9999).contains(&year) {
            return None;
        }
        let rest = at.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], rest / 3_600_000);
        digits(&mut text[14..16], rest / 60_000 % 60);
        digits(&mut text[17..19], rest / 1000 % 60);
        digits(&mut text[20..23], rest % 1000);
        Some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        // Digits and punctuation only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// `2026-11-21`.
    pub(super) fn day(&self) -> &str {
        self.as_str().get(..10).unwrap_or_default()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn digits(field: &mut [u8], mut number: i64) {
    for place in field.iter_mut().rev() {
        *place = b'0' + number.rem_euclid(10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. The year is counted from March, so that
/// the leap day is its last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::{Time, parse_time};

    #[test]
    fn times_are_written_as_jiff_reads_them() {
        let mut at = -62_135_596_800_000;
        while at <= 253_402_300_799_999 {
            let text = Time::new(at).unwrap().to_string();
            assert_eq!(parse_time(&text), Ok(at), "{text}");
            at += 86_400_000 * 11 + 3_723_457;
        }
        assert_eq!(Time::new(0).unwrap().as_str(), "1970-01-01T00:00:00.000Z");
        assert!(Time::new(-62_135_596_800_001).is_none() && Time::new(253_402_300_800_000).is_none());
        assert!(Time::new(i64::MIN).is_none() && Time::new(i64::MAX).is_none());
    }
}
