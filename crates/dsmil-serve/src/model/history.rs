use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Number;

/// How fine the points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Resolution {
    /// Each sample as it was taken.
    #[serde(rename = "raw")]
    Raw,
    /// One point a minute.
    #[serde(rename = "1m")]
    Minute,
    /// One point an hour.
    #[serde(rename = "1h")]
    Hour,
}

/// Which values are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The metric.
    pub metric: String,
    /// Only series that have these labels.
    pub labels: BTreeMap<String, String>,
    /// Not earlier than this.
    pub from: i64,
    /// Not later than this; never before `from`.
    pub to: i64,
    /// How fine; the store chooses if it is not set.
    pub resolution: Option<Resolution>,
    /// At most so many points over all series; at least 1.
    pub limit: usize,
}

/// The values of a metric over a time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct History {
    /// The metric.
    pub metric: String,
    /// How fine the points are.
    pub resolution: Resolution,
    /// The series, ordered by labels.
    pub series: Vec<SeriesHistory>,
    /// Whether there are more points than were asked for: ask again from the last time on.
    pub truncated: bool,
}

/// The values of one series, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SeriesHistory {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The values.
    pub points: Vec<Point>,
}

/// One sample, or what became of those of a minute or an hour.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// When; for a minute or an hour, when it began.
    pub at: i64,
    /// The value; for a minute or an hour, the average.
    pub value: Number,
    /// The least, for a minute or an hour.
    pub min: Option<Number>,
    /// The greatest, for a minute or an hour.
    pub max: Option<Number>,
    /// How many samples, for a minute or an hour.
    pub count: Option<u64>,
}

/// A series that the store knows.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SeriesInfo {
    /// The metric.
    pub metric: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The newest value; none if the series has ended.
    pub value: Option<Number>,
    /// The time of the newest sample.
    pub at: Option<i64>,
}
