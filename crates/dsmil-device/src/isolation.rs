//! Isolations, kept in SQLite in the run directory, so that they survive restarts and every process
//! sees the same ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsmil_audit::{Entry, Outcome};
use dsmil_protocol::DeviceId;
use dsmil_quarantine::{Denied, Grounds, Isolation, Operation, PolicyError, Quarantine};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::clock::unix_ms;
use crate::{Error, RunDir, audit};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS isolation (
        number     INTEGER PRIMARY KEY,
        id         INTEGER NOT NULL CHECK (id BETWEEN 0 AND 65535),
        reason     TEXT NOT NULL CHECK (length(reason) > 0),
        author     TEXT NOT NULL CHECK (length(author) > 0),
        since_ms   INTEGER NOT NULL,
        until_ms   INTEGER,
        ended_ms   INTEGER,
        ended_by   TEXT
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS one_in_force ON isolation (id) WHERE ended_ms IS NULL;
    PRAGMA user_version = 1;
";

/// How long another process's transaction is waited for.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The isolations of a run directory.
#[derive(Debug)]
pub struct Isolations {
    run: RunDir,
    path: PathBuf,
}

impl Isolations {
    /// The isolations of a run directory. The database is made when the first one is written.
    pub fn new(run: RunDir) -> Self {
        let path = run.isolations_path();
        Self { run, path }
    }

    /// Those in force now, by id.
    ///
    /// # Errors
    /// [`Error::Isolations`] if the database can't be read: then nobody knows, and a device denies everything.
    pub fn active(&self) -> Result<Vec<Isolation>, Error> {
        active(&self.run, unix_ms())
    }

    /// Takes a device out of use, for a time or until it is released. One that is isolated already is
    /// isolated anew, with the new reason, author and time.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty reason or author, a time of zero, or an id that the driver
    /// doesn't serve; [`Error::Audit`] and [`Error::Isolations`] if it can't be recorded or kept: then
    /// nothing has changed.
    pub fn isolate(&self, id: DeviceId, reason: &str, author: &str, duration: Option<Duration>) -> Result<Isolation, Error> {
        let new = checked(id, reason, author, duration)?;
        let old = self.active()?.into_iter().find(|old| old.id == id);
        let entry = Entry::new("isolate").target(id.to_string()).reason(reason).new_value(as_json(&new));
        let pending = audit::begin(
            &self.run,
            match old {
                Some(old) => entry.old_value(as_json(&old)),
                None => entry,
            },
        )?;
        self.change(|database| {
            end(database, id, new.since_ms, author)?;
            database.execute(
                "INSERT INTO isolation (id, reason, author, since_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id.get(), new.reason, new.author, signed(new.since_ms), new.until_ms.map(signed)],
            )
        })?;
        pending.done(Outcome::Ok)?;
        Ok(new)
    }

    /// Puts a device back into use. `None` if it wasn't isolated.
    ///
    /// # Errors
    /// [`Error::Denied`] for one of the permanent seven, audited; otherwise as for `isolate`.
    pub fn release(&self, id: DeviceId, author: &str) -> Result<Option<Isolation>, Error> {
        if let Some(permanent) = id.permanent() {
            let grounds = Grounds::Permanent { what: permanent.what };
            let denied = Box::new(Denied { id, operation: Operation::Info, grounds });
            let entry = Entry::new("release").target(id.to_string()).reason(denied.to_string());
            let unrecorded = audit::record(&self.run, entry, Outcome::Denied).err().map(|error| error.to_string());
            return Err(Error::Denied { denied, unrecorded });
        }
        not_empty("author", author)?;
        let Some(old) = self.active()?.into_iter().find(|old| old.id == id) else {
            return Ok(None);
        };
        let entry = Entry::new("release").target(id.to_string()).old_value(as_json(&old)).reason(format!("released by {author}"));
        let pending = audit::begin(&self.run, entry)?;
        self.change(|database| end(database, id, unix_ms(), author))?;
        pending.done(Outcome::Ok)?;
        Ok(Some(old))
    }

    /// Carries out a change and tells every process. They are told before too: one that dies between
    /// its commit and the second notice must not leave the others believing in the old list.
    fn change(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<usize>) -> Result<(), Error> {
        let fail = |error: rusqlite::Error| self.fault(&error.to_string());
        let mut database = self.open_for_change().map_err(fail)?;
        let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(fail)?;
        change(&transaction).map_err(fail)?;
        self.run.bump_generation()?;
        transaction.commit().map_err(fail)?;
        self.run.bump_generation()
    }

    fn open_for_change(&self) -> rusqlite::Result<Connection> {
        let is_new = !self.path.exists();
        let database = Connection::open_with_flags(&self.path, OpenFlags::default() | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
        if is_new {
            // As open to the group as the directory is, whatever the umask; never to others.
            let shared = fs::metadata(self.run.path()).is_ok_and(|state| state.mode() & 0o020 != 0);
            let mode = if shared { 0o660 } else { 0o600 };
            let _ = fs::set_permissions(&self.path, fs::Permissions::from_mode(mode));
        }
        database.busy_timeout(BUSY_WAIT)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(SCHEMA)?;
        Ok(database)
    }

    fn fault(&self, what: &str) -> Error {
        Error::Isolations { path: self.path.clone(), what: what.to_owned() }
    }
}

/// The quarantine as a device applies it now: the policies (see [`load_policies`](crate::load_policies)) and
/// the isolations of a run directory. A policy or a list of isolations that can't be read denies everything.
pub fn current_quarantine(run: &RunDir, policy: Option<&Path>) -> Quarantine {
    let policies = crate::load_policies(policy);
    let mut quarantine = policies.clone();
    refresh(&mut quarantine, &policies, run);
    quarantine
}

/// Brings a quarantine up to date. A list that can't be read denies everything.
pub(crate) fn refresh(quarantine: &mut Quarantine, base: &Quarantine, run: &RunDir) {
    let now_ms = unix_ms();
    *quarantine = base.clone();
    match active(run, now_ms) {
        Ok(isolations) => quarantine.set_isolations(isolations, now_ms),
        Err(error) => {
            let remedy = "see that this user may read it; without it nobody knows what is isolated".to_owned();
            let file = run.isolations_path().display().to_string();
            let error = PolicyError { file, position: None, key: None, what: error.to_string(), remedy };
            *quarantine = base.clone().with_unusable_policy(error);
        }
    }
}

fn active(run: &RunDir, now_ms: u64) -> Result<Vec<Isolation>, Error> {
    let path = run.isolations_path();
    let fail = |what: String| Error::Isolations { path: path.clone(), what };
    let state = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // Changes were made and the list is gone: somebody's isolations are lost, not ended.
            return if run.generation() == 0 { Ok(Vec::new()) } else { Err(fail("the database was removed".into())) };
        }
        other => other.map_err(|error| fail(error.to_string()))?,
    };
    if !state.is_file() || state.mode() & 0o002 != 0 {
        return Err(fail(format!("it is no regular file, or everybody may write to it (mode {:04o})", state.mode() & 0o7777)));
    }
    query(&path, now_ms).map_err(|error| fail(error.to_string()))
}

fn query(path: &Path, now_ms: u64) -> rusqlite::Result<Vec<Isolation>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(BUSY_WAIT)?;
    // A database whose first transaction has not been committed yet has no table and holds nothing.
    let is_made = database.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'isolation'", [], |_| Ok(())).optional()?;
    if is_made.is_none() {
        return Ok(Vec::new());
    }
    let mut statement = database.prepare(
        "SELECT id, reason, author, since_ms, until_ms FROM isolation
         WHERE ended_ms IS NULL AND (until_ms IS NULL OR until_ms > ?1) ORDER BY id",
    )?;
    let rows = statement.query_map([signed(now_ms)], |row| {
        Ok(Isolation {
            id: DeviceId::new(row.get(0)?),
            reason: row.get(1)?,
            author: row.get(2)?,
            since_ms: row.get::<_, i64>(3)?.max(0).unsigned_abs(),
            until_ms: row.get::<_, Option<i64>>(4)?.map(|until| until.max(0).unsigned_abs()),
        })
    })?;
    rows.collect()
}

fn end(database: &Connection, id: DeviceId, now_ms: u64, by: &str) -> rusqlite::Result<usize> {
    database.execute(
        "UPDATE isolation SET ended_ms = ?2, ended_by = ?3 WHERE id = ?1 AND ended_ms IS NULL",
        params![id.get(), signed(now_ms), by],
    )
}

/// SQLite's integers are signed.
fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// A new isolation, if its parts make sense.
fn checked(id: DeviceId, reason: &str, author: &str, duration: Option<Duration>) -> Result<Isolation, Error> {
    not_empty("reason", reason)?;
    not_empty("author", author)?;
    if !id.is_served() && !id.is_permanent() {
        return Err(Error::Argument { name: "id", what: format!("{id} is not served: 0x8000 to 0x806B are") });
    }
    let since_ms = unix_ms();
    let until_ms = match duration.map(|duration| duration.as_millis()) {
        None => None,
        Some(0) => return Err(Error::Argument { name: "duration", what: "it is shorter than a millisecond".into() }),
        Some(ms) => Some(since_ms.saturating_add(u64::try_from(ms).unwrap_or(u64::MAX)).min(i64::MAX as u64)),
    };
    Ok(Isolation { id, reason: reason.trim().to_owned(), author: author.trim().to_owned(), since_ms, until_ms })
}

fn not_empty(name: &'static str, value: &str) -> Result<(), Error> {
    if value.trim().is_empty() { Err(Error::Argument { name, what: "it is empty: say who or why".into() }) } else { Ok(()) }
}

fn as_json(isolation: &Isolation) -> serde_json::Value {
    serde_json::json!({
        "reason": isolation.reason, "author": isolation.author,
        "since_ms": isolation.since_ms, "until_ms": isolation.until_ms,
    })
}
