//! What can go wrong, and what the reader can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why history could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process keeps this directory.
    #[error("history: {} is held by process {pid} (`{command}`) since {since}; only one may write. Stop that one, or name another directory", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it; 0 if it has not said so yet.
        pid: u32,
        /// When it took it, RFC 3339.
        since: String,
        /// Its command line.
        command: String,
    },
    /// A file or directory that others could have written, or that is not what it should be.
    #[error("history: {} is not to be trusted: {why}. Remedy: {remedy}", path.display())]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// A command or a step that puts it right.
        remedy: String,
    },
    /// There is no room (disk, quota or file-size limit). Nothing of what was to be written is left behind.
    #[error("history: no room to write {}: {why}. Nothing of it was kept; free some space or raise the limit", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system or SQLite said.
        why: String,
    },
    /// The system refused an operation on a file.
    #[error("history: cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no history here.
    #[error("history: there is no {}; is the path right, and has `dsmil monitor` run with it?", path.display())]
    Missing {
        /// The file that is not there.
        path: PathBuf,
    },
    /// The file was written by a newer version of this program.
    #[error("history: {} has schema version {found}, this program knows up to {known}. Use the newer dsmil, or move the file away", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The file is damaged, or is not a history at all. It is left as it is.
    #[error(
        "history: {} is damaged or is no history: {what}. It was left as it is. Remedy: stop the monitor, move the file and its -wal and -shm \
         aside (`sqlite3 FILE .recover` may save some of it), start again with a new one",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// SQLite refused.
    #[error("history: cannot {operation} {}: {source}", path.display())]
    Sql {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A query would give more points than it may.
    #[error(
        "history: the query would give more than {limit} points; ask for a shorter time, a coarser resolution or fewer series"
    )]
    TooManyPoints {
        /// How many it may give.
        limit: usize,
    },
    /// A line of the health log is no record.
    #[error("history: {}, line {line}: {why}. The other lines are not affected", path.display())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A record could not be put into JSON.
    #[error("history: the record cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
}

impl Error {
    /// A stable name, in kebab-case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Unsafe { .. } => "unsafe",
            Self::Full { .. } => "full",
            Self::Io { .. } => "io",
            Self::Missing { .. } => "missing",
            Self::Newer { .. } => "newer",
            Self::Damaged { .. } => "damaged",
            Self::Sql { .. } => "sql",
            Self::TooManyPoints { .. } => "too-many-points",
            Self::BadRecord { .. } => "bad-record",
            Self::Encode(_) => "encode",
        }
    }

    /// Whether there was no room: what failed may be tried again later.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// For `map_err`: turns a system error on `path` into [`Error::Full`] or [`Error::Io`].
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| {
            if out_of_room(&source) { Self::Full { path, why: source.to_string() } } else { Self::Io { operation, path, source } }
        }
    }
}

pub(crate) fn out_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
