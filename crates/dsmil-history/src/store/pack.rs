//! From the head, where samples stand as they came, into blocks of one series and one hour, with what they come to.

use std::collections::BTreeMap;

use dsmil_gate::Sample;
use rusqlite::{Row, Transaction, TransactionBehavior, params};

use crate::error::Error;

use super::commit::Store;
use super::maintain::Maintenance;
use super::rollup::{HOUR, Rollup, hour_of, merge, minutes, whole};
use super::{Number, sql};

/// At most so many samples are packed in one call.
const SLICE: i64 = 20_000;
/// An hour is packed when it has been over for this long, in milliseconds: samples of a slow source are still coming.
const GRACE: i64 = 60_000;
/// With more samples than this in the head, the oldest are packed before their hour is over.
const LARGEST_HEAD: u64 = 100_000;

/// An hour of a series, packed.
struct Packed {
    series: i64,
    samples: Vec<u8>,
    first: i64,
    last: i64,
    /// The minutes and the whole, if there is a value.
    rolled: Option<(Vec<u8>, Rollup)>,
}

impl Store {
    /// Takes the oldest samples of the head, at most a slice, into their blocks.
    pub(super) fn pack(&mut self, now: i64, done: &mut Maintenance) -> Result<(), Error> {
        let Some(oldest) = self.oldest_in_head()? else {
            self.head = 0;
            return Ok(());
        };
        let hour = hour_of(oldest);
        let over = |hour: i64| (hour + 1) * HOUR + GRACE <= now;
        if !over(hour) && self.head <= LARGEST_HEAD {
            return Ok(());
        }
        done.packed = self.pack_slice(hour)?;
        self.head = self.head.saturating_sub(done.packed);
        done.more = self.oldest_in_head()?.is_some_and(|oldest| over(hour_of(oldest))) || self.head > LARGEST_HEAD;
        Ok(())
    }

    pub(super) fn oldest_in_head(&self) -> Result<Option<i64>, Error> {
        let oldest = self.conn.prepare_cached("SELECT min(at) FROM sample");
        oldest.and_then(|mut statement| statement.query_row([], |row| row.get(0))).map_err(self.sql("read"))
    }

    /// Packs the first slice of an hour's samples in the head, and says how many there were.
    fn pack_slice(&mut self, hour: i64) -> Result<u64, Error> {
        let slice = self.slice_of_head(hour)?;
        let Some((last_series, last)) = slice.last().copied() else { return Ok(0) };
        let mut series: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
        for (id, sample) in &slice {
            series.entry(*id).or_default().push(*sample);
        }
        let mut packed = Vec::with_capacity(series.len());
        for (id, later) in series {
            packed.push(self.packed(hour, id, &later)?);
        }
        let (conn, path) = self.connection();
        let broken = || sql("roll up samples in", path);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken())?;
        for block in &packed {
            put_hour(&tx, hour, block).map_err(broken())?;
        }
        let removed =
            tx.execute("DELETE FROM sample WHERE at >= ? AND (at, series) <= (?, ?)", params![hour * HOUR, last.at, last_series]);
        debug_assert_eq!(removed, Ok(slice.len()));
        removed.and_then(|_| tx.commit()).map_err(broken())?;
        Ok(slice.len() as u64)
    }

    fn slice_of_head(&self, hour: i64) -> Result<Vec<(i64, Sample)>, Error> {
        let read = || {
            let mut statement = self
                .conn
                .prepare_cached("SELECT series, at, value FROM sample WHERE at BETWEEN ? AND ? ORDER BY at, series LIMIT ?")?;
            let sample = |row: &Row<'_>| {
                let Number(value) = row.get(2)?;
                Ok((row.get(0)?, Sample { at: row.get(1)?, value }))
            };
            statement.query_map([hour * HOUR, (hour + 1) * HOUR - 1, SLICE], sample)?.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(self.sql("read samples from"))
    }

    /// An hour of a series with the samples that came later, packed anew.
    fn packed(&mut self, hour: i64, series: i64, later: &[Sample]) -> Result<Packed, Error> {
        let samples = merge(self.raw_block(hour, series)?.unwrap_or_default(), later);
        let begin = hour * HOUR;
        let rolled = match whole(&samples) {
            Some(whole) => Some((self.packer.minutes(begin, &minutes(&samples)), whole)),
            None => None,
        };
        let packed = self.packer.samples(begin, &samples);
        let (first, last) = samples.first().zip(samples.last()).map_or((begin, begin), |(first, last)| (first.at, last.at));
        let failed = |what| self.damaged(what);
        let rolled = rolled.map(|(minutes, whole)| minutes.map(|minutes| (minutes, whole))).transpose().map_err(failed)?;
        Ok(Packed { series, samples: packed.map_err(failed)?, first, last, rolled })
    }
}

/// Writes the block of a series' hour, and what it comes to.
fn put_hour(tx: &Transaction<'_>, hour: i64, block: &Packed) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO raw (hour, series, samples) VALUES (?, ?, ?)")?.execute(params![
        hour,
        block.series,
        block.samples
    ])?;
    if let Some((minutes, whole)) = &block.rolled {
        tx.prepare_cached("INSERT OR REPLACE INTO minute (hour, series, minutes) VALUES (?, ?, ?)")?.execute(params![
            hour,
            block.series,
            minutes
        ])?;
        let Rollup { count, sum, min, max, last } = *whole;
        let row = params![hour, block.series, count.cast_signed(), Number(sum), Number(min), Number(max), Number(last)];
        tx.prepare_cached("INSERT OR REPLACE INTO hour (hour, series, count, sum, min, max, last) VALUES (?, ?, ?, ?, ?, ?, ?)")?
            .execute(row)?;
    }
    tx.prepare_cached(
        "UPDATE series SET first = min(coalesce(first, ?1), ?1), last = max(coalesce(last, ?2), ?2) WHERE id = ?3",
    )?
    .execute([block.first, block.last, block.series])?;
    Ok(())
}
