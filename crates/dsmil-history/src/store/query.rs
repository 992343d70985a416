//! Queries by metric, labels and time.

use std::collections::HashMap;

use dsmil_gate::{Labels, Sample};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::Error;

use super::reader::{Known, Reader};
use super::rollup::{HOUR, MINUTE, Rollup, hour_of, merge, minutes, whole};
use super::{Number, block};

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The metric's name.
    pub metric: String,
    /// Labels that a series must have; one with an empty value must be missing.
    pub labels: Labels,
    /// The first time, in milliseconds since the epoch.
    pub from: i64,
    /// The last time, which is included.
    pub to: i64,
    /// How fine.
    pub resolution: Resolution,
    /// More points than this are an error, not an answer. 1,000,000 from [`Query::new`].
    pub max_points: usize,
}

impl Query {
    /// All series of a metric, both ends of the time included, at a resolution that fits the time.
    pub fn new(metric: impl Into<String>, from: i64, to: i64) -> Self {
        let metric = metric.into();
        Self { metric, labels: Labels::default(), from, to, resolution: Resolution::Auto, max_points: 1_000_000 }
    }
}

/// How fine a query's points are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Raw up to 6 hours, minutes up to 3 days, hours for more; coarser where the finer has been removed already.
    #[default]
    Auto,
    /// The samples as they came.
    Raw,
    /// A roll-up a minute.
    Minute,
    /// A roll-up an hour.
    Hour,
}

/// The points of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesPoints {
    /// The metric's name.
    pub metric: String,
    /// Its labels.
    pub labels: Labels,
    /// How fine the points are; never `Auto`.
    pub resolution: Resolution,
    /// Ordered by time.
    pub points: Vec<Point>,
}

/// A sample or a roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When it was observed; the beginning of a roll-up's minute or hour (UTC). In milliseconds since the epoch.
    pub at: i64,
    /// What was observed, NaN and stale markers too; the mean of a roll-up.
    pub value: f64,
    /// The roll-up, if it is one.
    pub rollup: Option<Rollup>,
}

impl From<Sample> for Point {
    fn from(sample: Sample) -> Self {
        Self { at: sample.at, value: sample.value, rollup: None }
    }
}

impl Point {
    fn rolled(at: i64, rollup: Rollup) -> Self {
        Self { at, value: rollup.average(), rollup: Some(rollup) }
    }
}

impl Reader {
    /// The points of all series that fit, ordered by labels; a series without a point in that time is left out. A roll-up
    /// belongs to the answer if its minute or hour and the time asked for have a moment in common; it always stands for
    /// the whole minute or hour, with the samples that came a moment ago.
    ///
    /// # Errors
    /// [`Error::TooManyPoints`], [`Error::Damaged`], [`Error::Sql`].
    pub fn query(&self, query: &Query) -> Result<Vec<SeriesPoints>, Error> {
        let moment = self.moment()?;
        let resolution = match query.resolution {
            Resolution::Auto => self.fitting(query)?,
            named => named,
        };
        let mut wanted = self.known(Some(&query.metric))?;
        wanted.retain(|known| known.labels.satisfy(&query.labels));
        wanted.sort_by(|a, b| a.labels.cmp(&b.labels));
        let mut found = Vec::new();
        if query.from <= query.to && !wanted.is_empty() {
            let mut head = match resolution {
                Resolution::Raw => self.head(query.from, query.to)?,
                _ => self.head(begin(query.from), end(query.to))?,
            };
            let mut room = query.max_points;
            for known in wanted {
                let head = head.remove(&known.id).unwrap_or_default();
                let points = match resolution {
                    Resolution::Hour => self.hours(&known, query, &head, room)?,
                    Resolution::Minute => self.minutes(&known, query, &head, room)?,
                    Resolution::Raw | Resolution::Auto => self.raw(&known, query, &head, room)?,
                };
                room = room.checked_sub(points.len()).ok_or(Error::TooManyPoints { limit: query.max_points })?;
                if !points.is_empty() {
                    found.push(SeriesPoints { metric: known.metric, labels: known.labels, resolution, points });
                }
            }
        }
        drop(moment);
        Ok(found)
    }

    /// The finest resolution that fits the time asked for and is still there.
    fn fitting(&self, query: &Query) -> Result<Resolution, Error> {
        let length = query.to.saturating_sub(query.from);
        let reaches = |what| Ok::<_, Error>(query.from >= self.floor(what)?);
        Ok(if length <= 6 * HOUR && reaches("raw")? {
            Resolution::Raw
        } else if length <= 72 * HOUR && reaches("minute")? {
            Resolution::Minute
        } else {
            Resolution::Hour
        })
    }

    /// The time before which a resolution has been removed.
    pub(super) fn floor(&self, what: &str) -> Result<i64, Error> {
        let found = self
            .conn
            .prepare_cached("SELECT at FROM floor WHERE what = ?")
            .and_then(|mut statement| statement.query_row([what], |row| row.get(0)).optional());
        Ok(found.map_err(self.sql("read"))?.unwrap_or(i64::MIN))
    }

    fn raw(&self, known: &Known, query: &Query, head: &[Sample], room: usize) -> Result<Vec<Point>, Error> {
        let mut kept = Vec::new();
        self.each_block("raw", known.id, query, |hour| {
            let samples = self.raw_block(hour, known.id)?.unwrap_or_default();
            kept.extend(samples.into_iter().filter(|sample| (query.from..=query.to).contains(&sample.at)));
            limited(kept.len(), room, query)
        })?;
        Ok(merge(kept, head).into_iter().map(Point::from).collect())
    }

    fn minutes(&self, known: &Known, query: &Query, head: &[Sample], room: usize) -> Result<Vec<Point>, Error> {
        let mut points: HashMap<i64, Vec<Point>> = HashMap::new();
        let from = query.from.div_euclid(MINUTE).saturating_mul(MINUTE);
        let mut count = 0;
        let mut keep = |hour: i64, found: Vec<super::rollup::Minute>| {
            let found = found.into_iter().filter(|minute| (from..=query.to).contains(&minute.at));
            let found: Vec<Point> = found.map(|minute| Point::rolled(minute.at, minute.rollup)).collect();
            count += found.len();
            points.insert(hour, found);
            limited(count, room, query)
        };
        let fresh = by_hour(head);
        self.each_block("minute", known.id, query, |hour| {
            if fresh.iter().any(|(other, _)| *other == hour) {
                return Ok(());
            }
            keep(hour, self.minute_block(hour, known.id)?.unwrap_or_default())
        })?;
        for (hour, samples) in fresh {
            keep(hour, minutes(&self.with_block(hour, known.id, samples)?))?;
        }
        Ok(in_order(points))
    }

    fn hours(&self, known: &Known, query: &Query, head: &[Sample], room: usize) -> Result<Vec<Point>, Error> {
        let mut points: HashMap<i64, Vec<Point>> = HashMap::new();
        self.each_block("hour", known.id, query, |hour| {
            if let Some(rollup) = self.hour_row(hour, known.id)? {
                points.insert(hour, vec![Point::rolled(hour * HOUR, rollup)]);
            }
            limited(points.len(), room, query)
        })?;
        for (hour, samples) in by_hour(head) {
            let rollup = whole(&self.with_block(hour, known.id, samples)?);
            points.insert(hour, rollup.map(|rollup| Point::rolled(hour * HOUR, rollup)).into_iter().collect());
        }
        Ok(in_order(points))
    }

    /// All samples of an hour, of which `later` are in no block yet.
    fn with_block(&self, hour: i64, series: i64, later: &[Sample]) -> Result<Vec<Sample>, Error> {
        Ok(merge(self.raw_block(hour, series)?.unwrap_or_default(), later))
    }

    /// Visits the hours of a query for which a table has a row of the series, in order.
    fn each_block(
        &self,
        table: &str,
        series: i64,
        query: &Query,
        mut visit: impl FnMut(i64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut hour = hour_of(query.from);
        let last = hour_of(query.to);
        while let Some(next) = self.next_hour(table, series, hour).map_err(self.sql("read"))?.filter(|next| *next <= last) {
            visit(next)?;
            hour = next + 1;
        }
        Ok(())
    }

    /// The next hour, from `hour` on, for which a table has a row of the series. The tables are ordered by hour: where a series
    /// has gaps, it steps from one hour that any series has to the next.
    fn next_hour(&self, table: &str, series: i64, mut hour: i64) -> rusqlite::Result<Option<i64>> {
        let mut here = self.conn.prepare_cached(&format!("SELECT 1 FROM {table} WHERE hour = ? AND series = ?"))?;
        let mut next = self.conn.prepare_cached(&format!("SELECT min(hour) FROM {table} WHERE hour >= ?"))?;
        loop {
            if here.exists([hour, series])? {
                return Ok(Some(hour));
            }
            match next.query_row([hour], |row| row.get::<_, Option<i64>>(0))? {
                Some(other) if other > hour => hour = other,
                Some(_) => hour += 1,
                None => return Ok(None),
            }
        }
    }

    pub(super) fn raw_block(&self, hour: i64, series: i64) -> Result<Option<Vec<Sample>>, Error> {
        self.block("SELECT samples FROM raw WHERE hour = ? AND series = ?", hour, series, block::unpack_samples)
    }

    fn minute_block(&self, hour: i64, series: i64) -> Result<Option<Vec<super::rollup::Minute>>, Error> {
        self.block("SELECT minutes FROM minute WHERE hour = ? AND series = ?", hour, series, block::unpack_minutes)
    }

    fn block<T>(
        &self,
        select: &str,
        hour: i64,
        series: i64,
        unpack: impl FnOnce(i64, &[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let read = || {
            let mut statement = self.conn.prepare_cached(select)?;
            let unpacked = statement.query_row([hour, series], |row| Ok(unpack(hour * HOUR, row.get_ref(0)?.as_blob()?)));
            unpacked.optional()
        };
        let unpacked = read().map_err(self.sql("read"))?.transpose();
        unpacked.map_err(|what| self.damaged(format!("series {series}, hour {hour}: {what}")))
    }

    fn hour_row(&self, hour: i64, series: i64) -> Result<Option<Rollup>, Error> {
        let read = || {
            let mut statement =
                self.conn.prepare_cached("SELECT count, sum, min, max, last FROM hour WHERE hour = ? AND series = ?")?;
            let rollup = statement.query_row(params![hour, series], |row| {
                let number = |index| row.get(index).map(|Number(value)| value);
                let count = row.get::<_, i64>(0)?.unsigned_abs();
                Ok(Rollup { count, sum: number(1)?, min: number(2)?, max: number(3)?, last: number(4)? })
            });
            rollup.optional()
        };
        read().map_err(self.sql("read"))
    }
}

fn limited(count: usize, room: usize, query: &Query) -> Result<(), Error> {
    if count > room { Err(Error::TooManyPoints { limit: query.max_points }) } else { Ok(()) }
}

/// The beginning of the hour of a time; the earliest time there is, if that is too early.
fn begin(at: i64) -> i64 {
    hour_of(at).saturating_mul(HOUR)
}

fn end(at: i64) -> i64 {
    begin(at).saturating_add(HOUR - 1)
}

/// Samples that are ordered by time, by their hour.
fn by_hour(samples: &[Sample]) -> Vec<(i64, &[Sample])> {
    samples.chunk_by(|a, b| hour_of(a.at) == hour_of(b.at)).map(|chunk| (hour_of(chunk[0].at), chunk)).collect()
}

fn in_order(points: HashMap<i64, Vec<Point>>) -> Vec<Point> {
    let mut hours: Vec<_> = points.into_iter().collect();
    hours.sort_unstable_by_key(|(hour, _)| *hour);
    hours.into_iter().flat_map(|(_, points)| points).collect()
}
