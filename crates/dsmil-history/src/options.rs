//! What can be chosen.

use dsmil_gate::Period;
use serde::{Deserialize, Serialize};

/// How the store keeps what it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StoreOptions {
    /// How long each resolution is kept.
    pub retention: Retention,
    /// The most that samples, roll-ups, events and states may take, in bytes; above it the oldest raw samples go first, then the
    /// oldest minutes, then the oldest hours, and an event `history-shrunk` says so. The write-ahead log (up to 8 MiB) and the
    /// ballast come on top. 1 GiB if not given.
    pub max_bytes: u64,
    /// The room that is set aside for alerts on a full disk, in bytes. 4 MiB if not given; 0 for none.
    pub ballast_bytes: u64,
    /// How long to wait for another process that has the database locked. 5 s if not given.
    pub busy_timeout: Period,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            max_bytes: 1 << 30,
            ballast_bytes: 4 << 20,
            busy_timeout: Period::from_millis(5000),
        }
    }
}

/// How long each resolution is kept. Whole hours are removed, so up to an hour more is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Samples as they came. 7 days if not given. A sample that comes later than this is refused, and counted.
    pub raw: Period,
    /// One-minute roll-ups. 90 days if not given; never less than `raw`.
    pub minute: Period,
    /// One-hour roll-ups. 90 days if not given; never less than `raw`.
    pub hour: Period,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: i64 = 86_400_000;
        Self { raw: Period::from_millis(7 * DAY), minute: Period::from_millis(90 * DAY), hour: Period::from_millis(90 * DAY) }
    }
}

/// How the health log is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LogOptions {
    /// A file that has reached this size, in bytes, is rotated before the next record. 16 MiB if not given.
    pub max_bytes: u64,
    /// How long rotated files are kept, from the end of their day. 30 days if not given.
    pub keep: Period,
    /// When a record is forced to the disk. After each one if not given.
    pub sync: Sync,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, keep: Period::from_millis(30 * 86_400_000), sync: Sync::Record }
    }
}

/// When a record of the health log is forced to the disk (`fdatasync`). A kill -9 loses nothing in either case; it is about the
/// machine losing power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sync {
    /// After each record: an appended record survives a power failure.
    #[default]
    Record,
    /// When a file is rotated: a power failure costs what the kernel had not written yet, usually up to 30 s.
    Rotation,
}
