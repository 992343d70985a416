//! What reads the store: the process that writes it, and any other meanwhile.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsmil_gate::{Labels, Sample, Samples};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use crate::error::Error;

use super::rollup::{HOUR, hour_of, merge};
use super::{FILE, Number, block, schema, sql};

/// Reads a store. While one process writes, any number may read; each call sees the store as it was at one moment.
///
/// All calls block for the disk.
#[derive(Debug)]
pub struct Reader {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
}

/// A series that the store knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesInfo {
    /// The metric's name.
    pub metric: String,
    /// Its labels.
    pub labels: Labels,
    /// The time of the oldest sample of which something is left, in milliseconds since the epoch. It may have been one of the
    /// hour that begins the retention, and stand before the first roll-up by less than an hour.
    pub first: i64,
    /// The time of the newest sample.
    pub last: i64,
}

/// An event of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredEvent {
    /// Its number, which only grows and is never used again.
    pub seq: i64,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// What kind of event it is.
    pub kind: String,
    /// What happened, as JSON text.
    pub body: String,
}

/// A series' number in the tables, its name, and the times of what is in blocks.
pub(super) struct Known {
    pub id: i64,
    pub metric: String,
    pub labels: Labels,
    first: Option<i64>,
    last: Option<i64>,
}

impl Reader {
    /// Opens the store in a state directory for reading; nobody needs to hold the directory.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Newer`], [`Error::Damaged`], [`Error::Sql`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let path = dir.as_ref().join(FILE);
        let conn = schema::open_reader(&path, Duration::from_secs(5))?;
        Ok(Self { conn, path })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is read within it is of one moment.
    pub(super) fn moment(&self) -> Result<Transaction<'_>, Error> {
        self.conn.unchecked_transaction().map_err(self.sql("read"))
    }

    pub(super) fn sql(&self, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Error {
        sql(operation, &self.path)
    }

    pub(super) fn damaged(&self, what: String) -> Error {
        Error::Damaged { path: self.path.clone(), what }
    }

    /// What was saved under a key; `None` if nothing was.
    pub fn state(&self, key: &str) -> Result<Option<String>, Error> {
        let found = self
            .conn
            .prepare_cached("SELECT value FROM state WHERE key = ?")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional());
        found.map_err(self.sql("read a state from"))
    }

    /// At most `limit` events with numbers above `after_seq`, of one kind or of all, in the order of their numbers.
    pub fn events(&self, kind: Option<&str>, after_seq: i64, limit: usize) -> Result<Vec<StoredEvent>, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let event = |row: &Row<'_>| Ok(StoredEvent { seq: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, body: row.get(3)? });
        let read = || {
            let (by_kind, all) = ("WHERE kind = ?1 AND seq > ?2", "WHERE ?1 IS NULL AND seq > ?2");
            let which = if kind.is_some() { by_kind } else { all };
            let select = format!("SELECT seq, at, kind, body FROM event {which} ORDER BY seq LIMIT ?3");
            let mut statement = self.conn.prepare_cached(&select)?;
            statement.query_map(params![kind, after_seq, limit], event)?.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(self.sql("read events from"))
    }

    /// The series of a metric, or all, ordered by name and labels.
    pub fn series(&self, metric: Option<&str>) -> Result<Vec<SeriesInfo>, Error> {
        let moment = self.moment()?;
        let mut spans = self.spans_of_the_head()?;
        let mut found = Vec::new();
        for known in self.known(metric)? {
            let (earliest, latest) = spans.remove(&known.id).unwrap_or((i64::MAX, i64::MIN));
            let (first, last) = (earliest.min(known.first.unwrap_or(i64::MAX)), latest.max(known.last.unwrap_or(i64::MIN)));
            if first <= last {
                found.push(SeriesInfo { metric: known.metric, labels: known.labels, first, last });
            }
        }
        drop(moment);
        found.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
        Ok(found)
    }

    fn spans_of_the_head(&self) -> Result<HashMap<i64, (i64, i64)>, Error> {
        let read = || {
            let mut statement = self.conn.prepare_cached("SELECT series, min(at), max(at) FROM sample GROUP BY series")?;
            statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?.collect::<Result<HashMap<_, _>, _>>()
        };
        read().map_err(self.sql("read series from"))
    }

    pub(super) fn known(&self, metric: Option<&str>) -> Result<Vec<Known>, Error> {
        let read = || {
            let which = if metric.is_some() { "metric = ?1" } else { "?1 IS NULL" };
            let select = format!("SELECT id, metric, labels, first, last FROM series WHERE {which}");
            let mut statement = self.conn.prepare_cached(&select)?;
            let rows = statement.query_map([metric], |row| {
                let labels: String = row.get(2)?;
                let (id, metric, first, last) = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
                Ok((labels, Known { id, metric, labels: Labels::default(), first, last }))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let named = |(labels, known): (String, Known)| match serde_json::from_str(&labels) {
            Ok(labels) => Ok(Known { labels, ..known }),
            Err(error) => Err(self.damaged(format!("the labels of series {} are no JSON object: {error}", known.id))),
        };
        read().map_err(self.sql("read series from"))?.into_iter().map(named).collect()
    }

    /// All raw samples from a time on, to go on with after a restart.
    pub fn recent(&self, since: i64) -> Result<Samples, Error> {
        let moment = self.moment()?;
        let mut blocks = self.blocks(since)?;
        let mut head = self.head(since, i64::MAX)?;
        let mut samples = Samples::new();
        for known in self.known(None)? {
            let kept = blocks.remove(&known.id).unwrap_or_default();
            let all = merge(kept, &head.remove(&known.id).unwrap_or_default());
            if !all.is_empty() {
                let id = samples.series(&known.metric, &known.labels);
                for sample in all {
                    samples.push(id, sample.at, sample.value);
                }
            }
        }
        drop(moment);
        Ok(samples)
    }

    /// The samples that are in blocks, from a time on, by series and in the order of time.
    fn blocks(&self, since: i64) -> Result<HashMap<i64, Vec<Sample>>, Error> {
        let mut found: HashMap<i64, Vec<Sample>> = HashMap::new();
        let mut broken = None;
        let mut read = || {
            let mut statement =
                self.conn.prepare_cached("SELECT hour, series, samples FROM raw WHERE hour >= ? ORDER BY hour, series")?;
            let mut rows = statement.query([hour_of(since)])?;
            while let Some(row) = rows.next()? {
                match block::unpack_samples(row.get::<_, i64>(0)?.saturating_mul(HOUR), row.get_ref(2)?.as_blob()?) {
                    Ok(samples) => {
                        let samples = samples.into_iter().filter(|sample| sample.at >= since);
                        found.entry(row.get(1)?).or_default().extend(samples);
                    }
                    Err(what) => broken = Some(what),
                }
            }
            Ok(())
        };
        read().map_err(self.sql("read samples from"))?;
        match broken {
            Some(what) => Err(self.damaged(what)),
            None => Ok(found),
        }
    }

    /// The samples of the head, both ends included: those that are in no block yet, by series and in the order of time.
    pub(super) fn head(&self, from: i64, to: i64) -> Result<HashMap<i64, Vec<Sample>>, Error> {
        let mut head: HashMap<i64, Vec<Sample>> = HashMap::new();
        let read = |head: &mut HashMap<i64, Vec<Sample>>| {
            let mut statement =
                self.conn.prepare_cached("SELECT series, at, value FROM sample WHERE at BETWEEN ? AND ? ORDER BY at, series")?;
            let mut rows = statement.query([from, to])?;
            while let Some(row) = rows.next()? {
                let Number(value) = row.get(2)?;
                head.entry(row.get(0)?).or_default().push(Sample { at: row.get(1)?, value });
            }
            Ok(())
        };
        read(&mut head).map_err(self.sql("read samples from"))?;
        Ok(head)
    }

    /// Whether SQLite finds the file whole, and every block can be unpacked. Reads all of it: seconds for a gigabyte.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the first thing that was found.
    pub fn check(&self) -> Result<(), Error> {
        let moment = self.moment()?;
        let found: String = self.conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(self.sql("check"))?;
        if found != "ok" {
            return Err(self.damaged(found));
        }
        self.check_blocks("SELECT hour, series, samples FROM raw", |start, block| block::unpack_samples(start, block).map(drop))?;
        self.check_blocks("SELECT hour, series, minutes FROM minute", |start, block| {
            block::unpack_minutes(start, block).map(drop)
        })?;
        drop(moment);
        Ok(())
    }

    fn check_blocks(&self, select: &str, unpack: impl Fn(i64, &[u8]) -> Result<(), String>) -> Result<(), Error> {
        let read = || {
            let mut statement = self.conn.prepare(select)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (hour, series): (i64, i64) = (row.get(0)?, row.get(1)?);
                if let Err(what) = unpack(hour * HOUR, row.get_ref(2)?.as_blob()?) {
                    return Ok(Some(format!("series {series}, hour {hour}: {what}")));
                }
            }
            Ok(None)
        };
        match read().map_err(self.sql("check"))? {
            Some(what) => Err(self.damaged(what)),
            None => Ok(()),
        }
    }
}
