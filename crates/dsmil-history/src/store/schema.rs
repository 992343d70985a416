//! The tables, their version, and how a file is opened.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;
use crate::state_dir::check_file;

use super::sql;

/// "DSMh": says that a SQLite file is a history.
const APPLICATION: i64 = 0x4453_4d68;

/// From each version to the next. What has been released is never changed: a step is added.
const STEPS: &[&str] = &["
    CREATE TABLE series (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        first INTEGER,
        last INTEGER,
        UNIQUE (metric, labels)
    );
    CREATE TABLE sample (
        at INTEGER NOT NULL,
        series INTEGER NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (at, series)
    ) WITHOUT ROWID;
    CREATE TABLE raw (
        hour INTEGER NOT NULL,
        series INTEGER NOT NULL,
        samples BLOB NOT NULL,
        PRIMARY KEY (hour, series)
    ) WITHOUT ROWID;
    CREATE TABLE minute (
        hour INTEGER NOT NULL,
        series INTEGER NOT NULL,
        minutes BLOB NOT NULL,
        PRIMARY KEY (hour, series)
    ) WITHOUT ROWID;
    CREATE TABLE hour (
        hour INTEGER NOT NULL,
        series INTEGER NOT NULL,
        count INTEGER NOT NULL,
        sum REAL NOT NULL,
        min REAL NOT NULL,
        max REAL NOT NULL,
        last REAL NOT NULL,
        PRIMARY KEY (hour, series)
    ) WITHOUT ROWID;
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX event_by_kind ON event (kind);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE floor (what TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"];

/// Opens for writing; makes the file (0600) and its tables if they are missing, and brings older ones up to date.
pub(super) fn open(path: &Path, busy: Duration) -> Result<Connection, Error> {
    check_file(path)?;
    make_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut conn = connect(path, flags, busy)?;
    let broken = || sql("open", path);
    known(&conn, path)?;
    // Takes effect only before there is a table.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(broken())?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(broken())?;
    conn.pragma_update(None, "synchronous", "FULL").map_err(broken())?;
    // What the log has grown to is given back after a checkpoint.
    conn.pragma_update_and_check(None, "journal_size_limit", 8 << 20, |_| Ok(())).map_err(broken())?;
    conn.pragma_update(None, "cache_size", -8192).map_err(broken())?;
    migrate(&mut conn, path, STEPS)?;
    Ok(conn)
}

/// Makes the file, and leaves alone one that is there: who opens and closes a database that this process reads elsewhere takes the
/// locks from under SQLite.
fn make_file(path: &Path) -> Result<(), Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::io("open", path)(error)),
        _ => Ok(()),
    }
}

/// Opens for reading, which works while another process writes.
pub(super) fn open_reader(path: &Path, busy: Duration) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::Missing { path: path.to_path_buf() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = connect(path, flags, busy)?;
    match known(&conn, path)? {
        0 => Err(Error::Missing { path: path.to_path_buf() }),
        _ => Ok(conn),
    }
}

fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> Result<Connection, Error> {
    let conn = Connection::open_with_flags(path, flags).map_err(sql("open", path))?;
    conn.busy_timeout(busy).map_err(sql("open", path))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// The version of the tables, 0 for an empty file. A file that is not ours, or newer, is refused.
fn known(conn: &Connection, path: &Path) -> Result<i64, Error> {
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql("read", path));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(sql("read", path))?;
    if application != APPLICATION && (application, version, tables) != (0, 0, 0) {
        let what = format!("another program made it (application id {application:#x}, {tables} tables)");
        return Err(Error::Damaged { path: path.to_path_buf(), what });
    }
    let newest = STEPS.len().cast_signed() as i64;
    if version > newest {
        return Err(Error::Newer { path: path.to_path_buf(), found: version, known: newest });
    }
    Ok(version)
}

/// Takes the steps that are missing, all or none.
fn migrate(conn: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), Error> {
    let broken = || sql("migrate", path);
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(broken())?;
    let version: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(broken())?;
    let missing = steps.get(usize::try_from(version).unwrap_or(usize::MAX)..).unwrap_or_default();
    for step in missing {
        tx.execute_batch(step).map_err(broken())?;
    }
    if !missing.is_empty() {
        tx.pragma_update(None, "application_id", APPLICATION).map_err(broken())?;
        tx.pragma_update(None, "user_version", steps.len().cast_signed() as i64).map_err(broken())?;
    }
    tx.commit().map_err(broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_takes_the_steps_that_are_missing_and_only_those() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h");
        let mut conn = Connection::open(&path).unwrap();
        migrate(&mut conn, &path, &["CREATE TABLE a (x); INSERT INTO a VALUES (7)"]).unwrap();
        let two = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 5"];
        migrate(&mut conn, &path, &two).unwrap();
        migrate(&mut conn, &path, &two).unwrap();
        let row: (i64, i64) = conn.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, (7, 5));
        // A step that fails leaves nothing.
        let broken = ["", "", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        assert_eq!(migrate(&mut conn, &path, &broken).unwrap_err().kind(), "sql");
        let (version, tables): (i64, i64) = (
            conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap(),
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap(),
        );
        assert_eq!((version, tables), (2, 1));
    }
}
