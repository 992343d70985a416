//! How a log is kept: its clock, its size, how long.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Tells the time. An argument, so that tests can cross midnight when they like.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long rotated files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days of 24 hours. A rotated file goes, as a whole, when its last record is older than this.
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30 }
    }
}

/// What a record has survived when the call returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: each append ends with `fdatasync`. The default.
    #[default]
    Disk,
    /// The death of the process, but not of the machine: no sync.
    Kernel,
}

/// Options of [`Log::open`](crate::Log::open). Every process that shares a log should use the same ones.
#[derive(Clone)]
pub struct Options {
    /// Tells the time; the system's clock by default.
    pub clock: Clock,
    /// Size in bytes at which the live file is rotated (16 MiB by default). One batch of records may pass it.
    pub max_bytes: u64,
    /// How long rotated files are kept; `None` keeps them for ever.
    pub retention: Option<Retention>,
    /// The name for `who.program`; by default the path of the running executable.
    pub program: Option<String>,
    /// How long an append waits for its turn before it gives up with [`AuditError::Busy`](crate::AuditError::Busy)
    /// (5 s by default).
    pub lock_wait: Duration,
    /// What an append waits for before it returns.
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(Timestamp::now),
            max_bytes: 16 << 20,
            retention: Some(Retention::default()),
            program: None,
            lock_wait: Duration::from_secs(5),
            durability: Durability::Disk,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_bytes", &self.max_bytes)
            .field("retention", &self.retention)
            .field("program", &self.program)
            .field("lock_wait", &self.lock_wait)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}
