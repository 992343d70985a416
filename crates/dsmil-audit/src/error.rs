//! What can go wrong, and what the reader can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why an audit log could not be opened, written or read.
///
/// Whoever gets one from [`Log::begin`](crate::Log::begin) or [`Log::record`](crate::Log::record) must not act: what
/// could not be written down must not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The system refused an operation on a file of the log.
    #[error("audit: cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room (disk, quota or file-size limit). Nothing of the record is left in the log.
    #[error("audit: no room to write {}: {source}; the record was taken back. Free some space or raise the limit", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory that others could have written, or that is not what it should be.
    #[error("audit: {} is not to be trusted: {why}. Remedy: {remedy}", path.display())]
    Unsafe {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// A command or a step that puts it right.
        remedy: String,
    },
    /// Another process held the log's lock for too long.
    #[error("audit: {} is still locked by another process after {} ms; see who holds it with `fuser`", path.display(), waited.as_millis())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this process waited.
        waited: Duration,
    },
    /// One record would be longer than a line may be.
    #[error("audit: the record takes {bytes} bytes, at most {limit} are allowed; shorten `old`, `new` or `reason`")]
    TooLarge {
        /// Bytes of the line.
        bytes: usize,
        /// The limit in bytes, [`MAX_LINE`](crate::MAX_LINE).
        limit: usize,
    },
    /// The record could not be put into JSON.
    #[error("audit: the record cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// A pending action was finished by a process that did not begin it.
    #[error("audit: record {seq} was begun by process {owner}; a forked child cannot finish it")]
    Forked {
        /// The begun record.
        seq: u64,
        /// The process that began it.
        owner: u32,
    },
    /// The directory holds no audit log.
    #[error("audit: {} holds no audit log (neither audit.jsonl nor audit.head); is the path right?", path.display())]
    NotALog {
        /// The directory.
        path: PathBuf,
    },
}

impl AuditError {
    /// For `map_err`: turns a system error on `path` into [`AuditError::Full`] or [`AuditError::Io`].
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path, source }
            }
            _ => Self::Io { operation, path, source },
        }
    }
}
