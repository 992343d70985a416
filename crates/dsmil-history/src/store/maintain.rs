//! Rolling up, removing what is past its retention, and keeping within the size.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;

use crate::error::Error;

use super::commit::{Store, remove_silent_series};
use super::rollup::{HOUR, hour_of};
use super::sql;

/// At most so many hours of a resolution are removed in one call.
const HOURS: usize = 24;
/// Free pages that are kept for what comes next; the others are given back to the system, at most so many in one call.
const SPARE_PAGES: i64 = 256;
const VACUUMED_PAGES: i64 = 2048;

/// What one call of [`Store::maintain`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Maintenance {
    /// Samples that were packed and rolled up.
    pub packed: u64,
    /// Blocks of one series and one hour that were past their retention and were removed.
    pub expired: u64,
    /// Series that were removed, because nothing of them is left.
    pub series_removed: u64,
    /// What had to be removed before its time, because the store was larger than it may be.
    pub dropped: Option<Dropped>,
    /// It is larger than it may be, and nothing is left to remove but events and states.
    pub over_limit: bool,
    /// Bytes in use: samples, roll-ups, events and states, without the write-ahead log.
    pub used_bytes: u64,
    /// Bytes of the database file.
    pub file_bytes: u64,
    /// There is more to do: call again soon.
    pub more: bool,
}

/// What was removed before its time. The event `history-shrunk` has the same as its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// How many blocks of one series and one hour.
    pub blocks: u64,
    /// Raw samples before this time are gone, if some were removed; in milliseconds since the epoch.
    pub raw_before: Option<i64>,
    /// Minutes before this time are gone, if some were removed.
    pub minutes_before: Option<i64>,
    /// Hours before this time are gone, if some were removed.
    pub hours_before: Option<i64>,
    /// What the store may take, in bytes.
    pub max_bytes: u64,
}

/// The tables from the one that goes first when room is short, with the name of its floor.
const TABLES: [&str; 3] = ["raw", "minute", "hour"];

impl Store {
    /// Packs and rolls up the hours that are over, removes what is past its retention at `now` (milliseconds since the epoch),
    /// and what is too much. The work of one call is bounded; call it every minute or so, and again at once while `more` is
    /// set. It may be called any number of times, and a crash in the middle costs nothing: queries give the same before,
    /// after and between. Blocks for the disk.
    ///
    /// # Errors
    /// [`Error::Full`], also while only the room for alerts is left; [`Error::Damaged`], [`Error::Sql`].
    pub fn maintain(&mut self, now: i64) -> Result<Maintenance, Error> {
        self.need_room()?;
        let mut done = Maintenance::default();
        self.pack(now, &mut done)?;
        self.expire(now, &mut done)?;
        self.shrink(now, &mut done)?;
        self.give_back(&mut done)?;
        Ok(done)
    }

    /// Removes what is past its retention, the oldest first.
    fn expire(&mut self, now: i64, done: &mut Maintenance) -> Result<(), Error> {
        let kept = &self.options.retention;
        let raw = kept.raw.as_millis();
        let periods = [raw, kept.minute.as_millis().max(raw), kept.hour.as_millis().max(raw)];
        let floors = periods.map(|period| hour_of(now.saturating_sub(period)));
        // What stands in the head of an hour that is to be closed has to be packed first.
        if self.oldest_in_head()?.is_some_and(|oldest| hour_of(oldest) < floors[0]) {
            return Ok(());
        }
        let (conn, path) = self.connection();
        let broken = || sql("remove old samples from", path);
        if !due(conn, floors).map_err(broken())? {
            return Ok(());
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken())?;
        for (table, floor) in TABLES.into_iter().zip(floors) {
            raise_floor(&tx, table, floor).map_err(broken())?;
            let (removed, more) = remove_hours(&tx, table, floor, HOURS).map_err(broken())?;
            done.expired += removed;
            done.more |= more;
        }
        done.series_removed = remove_silent_series(&tx, floors[2].saturating_mul(HOUR)).map_err(broken())? as u64;
        tx.commit().map_err(broken())?;
        self.raw_floor = self.floor("raw")?;
        if done.series_removed > 0 {
            self.forget_series();
        }
        Ok(())
    }

    /// Removes the oldest hours while the store is larger than it may be, and says so.
    fn shrink(&mut self, now: i64, done: &mut Maintenance) -> Result<(), Error> {
        let max_bytes = self.options.max_bytes;
        let (conn, path) = self.connection();
        let broken = || sql("shrink", path);
        if used_bytes(conn).map_err(broken())? <= max_bytes {
            return Ok(());
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(broken())?;
        let mut dropped = Dropped { blocks: 0, raw_before: None, minutes_before: None, hours_before: None, max_bytes };
        for _ in 0..HOURS {
            if used_bytes(&tx).map_err(broken())? <= max_bytes || !drop_oldest(&tx, now, &mut dropped).map_err(broken())? {
                break;
            }
        }
        let over = used_bytes(&tx).map_err(broken())? > max_bytes;
        if dropped.blocks > 0 {
            let body = serde_json::to_string(&dropped)?;
            tx.execute("INSERT INTO event (at, kind, body) VALUES (?, 'history-shrunk', ?)", params![now, body])
                .map_err(broken())?;
        }
        tx.commit().map_err(broken())?;
        self.raw_floor = self.floor("raw")?;
        done.over_limit = over && dropped.blocks == 0;
        done.more |= over && dropped.blocks > 0;
        if dropped.blocks > 0 {
            tracing::warn!(?dropped, "the history was larger than it may be: removed the oldest of it");
            done.dropped = Some(dropped);
        } else {
            tracing::warn!(
                max_bytes,
                "the history is larger than it may be: events, states or this hour's samples take the room"
            );
        }
        Ok(())
    }

    /// Gives free pages back to the system.
    fn give_back(&mut self, done: &mut Maintenance) -> Result<(), Error> {
        let (conn, path) = self.connection();
        let broken = || sql("shrink", path);
        let free = pragma(conn, "freelist_count").map_err(broken())?;
        if free > SPARE_PAGES {
            let pages = (free - SPARE_PAGES).min(VACUUMED_PAGES);
            vacuum(conn, pages).map_err(broken())?;
            done.more |= free - pages > SPARE_PAGES;
        }
        done.used_bytes = used_bytes(conn).map_err(broken())?;
        let page = pragma(conn, "page_size").map_err(broken())?;
        done.file_bytes = (pragma(conn, "page_count").map_err(broken())? * page).unsigned_abs();
        Ok(())
    }
}

fn oldest_hour(conn: &Connection, table: &str) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(&format!("SELECT min(hour) FROM {table}"))?.query_row([], |row| row.get(0))
}

/// Whether anything is past its retention, or an hour is to be closed.
fn due(conn: &Connection, floors: [i64; 3]) -> rusqlite::Result<bool> {
    for (table, floor) in TABLES.into_iter().zip(floors) {
        if oldest_hour(conn, table)?.is_some_and(|oldest| oldest < floor) {
            return Ok(true);
        }
    }
    let mut closed = conn.prepare_cached("SELECT 1 FROM floor WHERE what = 'raw' AND at >= ?")?;
    Ok(!closed.exists([floors[0].saturating_mul(HOUR)])?)
}

/// Says that before an hour a table has nothing any more. A floor never sinks.
fn raise_floor(tx: &Transaction<'_>, table: &str, hour: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO floor (what, at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET at = max(at, ?2)")?
        .execute(params![table, hour.saturating_mul(HOUR)])?;
    Ok(())
}

/// Removes at most `most` hours that lie before `floor`; says how many blocks that were, and whether there are more.
fn remove_hours(tx: &Transaction<'_>, table: &str, floor: i64, most: usize) -> rusqlite::Result<(u64, bool)> {
    let mut removed = 0;
    for _ in 0..most {
        match oldest_hour(tx, table)? {
            Some(oldest) if oldest < floor => removed += remove_hour(tx, table, oldest)?,
            _ => return Ok((removed, false)),
        }
    }
    Ok((removed, oldest_hour(tx, table)?.is_some_and(|oldest| oldest < floor)))
}

fn remove_hour(tx: &Transaction<'_>, table: &str, hour: i64) -> rusqlite::Result<u64> {
    Ok(tx.prepare_cached(&format!("DELETE FROM {table} WHERE hour = ?"))?.execute([hour])? as u64)
}

/// Removes the oldest hour of what is the least missed: raw samples, then minutes, then hours. `false` if there is none that
/// may go. An hour of which samples are in the head, or that isn't over, has to stay: it is still to be rolled up.
fn drop_oldest(tx: &Transaction<'_>, now: i64, dropped: &mut Dropped) -> rusqlite::Result<bool> {
    let head: Option<i64> = tx.prepare_cached("SELECT min(at) FROM sample")?.query_row([], |row| row.get(0))?;
    let open = hour_of(head.unwrap_or(now).min(now));
    let raw = oldest_hour(tx, "raw")?;
    for table in TABLES {
        let Some(oldest) = oldest_hour(tx, table)? else { continue };
        // Roll-ups go only where no raw samples are left.
        let end = if table == "raw" { open } else { raw.unwrap_or(open).min(open) };
        if oldest >= end {
            continue;
        }
        dropped.blocks += remove_hour(tx, table, oldest)?;
        raise_floor(tx, table, oldest + 1)?;
        let before = Some((oldest + 1) * HOUR);
        match table {
            "raw" => dropped.raw_before = before,
            "minute" => dropped.minutes_before = before,
            _ => dropped.hours_before = before,
        }
        return Ok(true);
    }
    Ok(false)
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, name, |row| row.get(0))
}

fn used_bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(conn, "page_count")? - pragma(conn, "freelist_count")?;
    Ok((pages * pragma(conn, "page_size")?).unsigned_abs())
}

fn vacuum(conn: &Connection, pages: i64) -> rusqlite::Result<()> {
    // Each step frees a page.
    let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
