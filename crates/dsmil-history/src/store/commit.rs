//! The store as its one writer sees it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Deref;
use std::path::Path;

use dsmil_gate::{Labels, Measurement};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::error::Error;
use crate::options::StoreOptions;
use crate::state_dir::{StateDir, check_file};

use super::ballast::Ballast;
use super::block::Packer;
use super::reader::Reader;
use super::{FILE, Number, schema, sql};

/// The times that a sample may have: the years 1 to 9999, in milliseconds since the epoch.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Keeps samples, events and states. It reads, too: see [`Reader`].
///
/// The one who holds the [`StateDir`] has one of them; it is not shared between threads.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    pub(super) options: StoreOptions,
    ballast: Ballast,
    full: bool,
    series: HashMap<String, HashMap<Labels, i64>>,
    /// Samples that come for a time before this are refused: their hour has been closed.
    pub(super) raw_floor: i64,
    /// How many rows the head has, at most.
    pub(super) head: u64,
    pub(super) packer: Packer,
}

/// What is to be kept, all or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch<'a> {
    /// Samples, in any order. One that is late takes its place in time; of two of a series for one time the first stays.
    pub samples: &'a [Measurement],
    /// Events, in the order in which they get their numbers.
    pub events: &'a [NewEvent<'a>],
    /// States by key: what was there before is replaced. An empty text removes it.
    pub states: &'a [(&'a str, &'a str)],
}

/// An event that has no number yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEvent<'a> {
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// What kind of event it is; kinds that begin with `history-` are the store's own.
    pub kind: &'a str,
    /// What happened, as JSON text. It is kept as it is.
    pub body: &'a str,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Committed {
    /// The numbers of the events, in their order.
    pub events: Vec<i64>,
    /// Samples that were refused, because they came later than raw samples are kept, or for a time outside of the years 1 to
    /// 9999. The others were kept.
    pub refused: usize,
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Store {
    /// Opens `history.sqlite` in a directory that is held; makes it if it is missing, and brings an older one up to date. What
    /// a crash left is put right by SQLite. Blocks for the disk.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Damaged`] (nothing is removed or repaired by itself), [`Error::Unsafe`], [`Error::Full`],
    /// [`Error::Io`], [`Error::Sql`].
    pub fn open(dir: &StateDir, options: &StoreOptions) -> Result<Self, Error> {
        let path = dir.path().join(FILE);
        let ballast_path = dir.path().join("history.ballast");
        check_file(&ballast_path)?;
        let conn = match schema::open(&path, options.busy_timeout.as_std()) {
            // Opening takes some room, too: that of the ballast, on a disk that is full to the last byte.
            Err(error) if error.is_full() && fs::remove_file(&ballast_path).is_ok() => {
                schema::open(&path, options.busy_timeout.as_std())?
            }
            other => other?,
        };
        let ballast = Ballast::open(ballast_path, options.ballast_bytes)?;
        let reader = Reader { conn, path };
        let raw_floor = reader.floor("raw")?;
        let counted = reader.conn.query_row("SELECT count(*) FROM sample", [], |row| row.get::<_, i64>(0));
        let head = counted.map_err(reader.sql("read"))?.unsigned_abs();
        let full = !ballast.present();
        Ok(Self {
            reader,
            options: options.clone(),
            ballast,
            full,
            series: HashMap::new(),
            raw_floor,
            head,
            packer: Packer::new(),
        })
    }

    /// Opens the store in a state directory for reading, also while another process writes: [`Reader::open`].
    pub fn open_reader(dir: impl AsRef<Path>) -> Result<Reader, Error> {
        Reader::open(dir)
    }

    /// Keeps a batch, all or nothing. When it returns it is on the disk and survives a kill -9 and a power failure. Blocks for
    /// the disk, and up to `busy_timeout` for a program that has the database locked.
    ///
    /// # Errors
    /// [`Error::Full`] if there is no room, or if only the room for alerts is left; [`Error::Damaged`], [`Error::Sql`].
    pub fn commit(&mut self, batch: &Batch<'_>) -> Result<Committed, Error> {
        self.need_room()?;
        let committed = self.write_or_relieve(batch);
        self.full = committed.as_ref().is_err_and(Error::is_full) || !self.ballast.present();
        committed
    }

    /// As [`Store::commit`], for what must not be lost on a full disk: alerts. If there is no room, the ballast is released for it.
    ///
    /// # Errors
    /// As [`Store::commit`]; [`Error::Full`] when the ballast is used up, too.
    pub fn commit_essential(&mut self, batch: &Batch<'_>) -> Result<Committed, Error> {
        let mut committed = self.write_or_relieve(batch);
        if committed.as_ref().is_err_and(Error::is_full) {
            self.full = true;
            if self.ballast.release()? {
                committed = self.write(batch);
            }
        }
        if self.full {
            self.relieve();
        }
        committed
    }

    /// Writes a batch; if there is no room, in that of what stands in the write-ahead log and is taken over into the database.
    fn write_or_relieve(&mut self, batch: &Batch<'_>) -> Result<Committed, Error> {
        match self.write(batch) {
            Err(error) if error.is_full() => {
                self.relieve();
                self.write(batch)
            }
            other => other,
        }
    }

    /// Takes the write-ahead log over into the database as far as readers and room allow, so that the next write begins it anew
    /// and needs no room. Doesn't wait; what can't be done now is done later.
    fn relieve(&self) {
        let taken = self.reader.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = taken {
            tracing::debug!(%error, "no checkpoint for want of room");
        }
    }

    /// Whether there was no room for the last batch, or the room for alerts is in use. Ends by itself when there is room.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// What is not essential has to wait until the ballast is back.
    pub(super) fn need_room(&mut self) -> Result<(), Error> {
        self.ballast.restore()?;
        if self.ballast.present() {
            return Ok(());
        }
        let why = "only the room that is kept for alerts is left".to_owned();
        Err(Error::Full { path: self.reader.path.clone(), why })
    }

    /// Removes the events of a kind that happened before a time, and says how many. Numbers are not used again. Blocks.
    pub fn prune_events(&mut self, kind: &str, before: i64) -> Result<usize, Error> {
        let removed = self.reader.conn.execute("DELETE FROM event WHERE kind = ? AND at < ?", params![kind, before]);
        removed.map_err(self.reader.sql("remove events from"))
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<Committed, Error> {
        let Reader { conn, path } = &mut self.reader;
        let floor = self.raw_floor;
        let broken = || sql("write", path);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken())?;
        let mut fresh = HashMap::new();
        let refused = put_samples(&tx, batch.samples, floor, &self.series, &mut fresh).map_err(broken())?;
        let events = put_events(&tx, batch.events).map_err(broken())?;
        put_states(&tx, batch.states).map_err(broken())?;
        tx.commit().map_err(broken())?;
        for ((metric, labels), id) in fresh {
            self.series.entry(metric).or_default().insert(labels, id);
        }
        self.head += (batch.samples.len() - refused) as u64;
        Ok(Committed { events, refused })
    }

    pub(super) fn forget_series(&mut self) {
        self.series.clear();
    }

    pub(super) fn connection(&mut self) -> (&mut Connection, &Path) {
        (&mut self.reader.conn, &self.reader.path)
    }
}

type Fresh = HashMap<(String, Labels), i64>;

/// Puts samples into the head, and says how many were refused.
fn put_samples(
    tx: &Transaction<'_>,
    samples: &[Measurement],
    floor: i64,
    series: &HashMap<String, HashMap<Labels, i64>>,
    fresh: &mut Fresh,
) -> rusqlite::Result<usize> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO sample (at, series, value) VALUES (?, ?, ?)")?;
    let mut refused = 0;
    for sample in samples {
        if sample.at < floor || !TIMES.contains(&sample.at) {
            refused += 1;
            continue;
        }
        let id = series_id(tx, sample, series, fresh)?;
        insert.execute(params![sample.at, id, Number(sample.value)])?;
    }
    Ok(refused)
}

/// The number of a sample's series, which is made if it is new. What is made is in `fresh` until the transaction has succeeded.
fn series_id(
    tx: &Transaction<'_>,
    sample: &Measurement,
    series: &HashMap<String, HashMap<Labels, i64>>,
    fresh: &mut Fresh,
) -> rusqlite::Result<i64> {
    if let Some(id) = series.get(&*sample.metric).and_then(|of_metric| of_metric.get(&sample.labels)) {
        return Ok(*id);
    }
    let name = (sample.metric.clone().into_owned(), sample.labels.clone());
    if let Some(id) = fresh.get(&name) {
        return Ok(*id);
    }
    // A label with an empty value is none.
    let present: Labels = sample.labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    let labels = serde_json::to_string(&present).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let known = tx
        .prepare_cached("SELECT id FROM series WHERE metric = ? AND labels = ?")?
        .query_row([&name.0, &labels], |row| row.get(0))
        .optional()?;
    let id = match known {
        Some(id) => id,
        None => tx.prepare_cached("INSERT INTO series (metric, labels) VALUES (?, ?)")?.insert([&name.0, &labels])?,
    };
    fresh.insert(name, id);
    Ok(id)
}

fn put_events(tx: &Transaction<'_>, events: &[NewEvent<'_>]) -> rusqlite::Result<Vec<i64>> {
    let mut insert = tx.prepare_cached("INSERT INTO event (at, kind, body) VALUES (?, ?, ?)")?;
    events.iter().map(|event| insert.insert(params![event.at, event.kind, event.body])).collect()
}

fn put_states(tx: &Transaction<'_>, states: &[(&str, &str)]) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached("INSERT INTO state (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?;
    let mut remove = tx.prepare_cached("DELETE FROM state WHERE key = ?")?;
    for (key, text) in states {
        if text.is_empty() {
            remove.execute([key])?
        } else {
            put.execute([key, text])?
        };
    }
    Ok(())
}

/// The series that stand in neither the head nor a block any more.
pub(super) fn remove_silent_series(tx: &Transaction<'_>, floor: i64) -> rusqlite::Result<usize> {
    let speaking: HashSet<i64> =
        tx.prepare_cached("SELECT DISTINCT series FROM sample")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let silent: Vec<i64> = tx
        .prepare_cached("SELECT id FROM series WHERE coalesce(last, -9223372036854775808) < ?")?
        .query_map([floor], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut remove = tx.prepare_cached("DELETE FROM series WHERE id = ?")?;
    let mut removed = 0;
    for id in silent.into_iter().filter(|id| !speaking.contains(id)) {
        removed += remove.execute([id])?;
    }
    tx.prepare_cached("UPDATE series SET first = ?1 WHERE first < ?1")?.execute([floor])?;
    Ok(removed)
}
