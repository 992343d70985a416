//! `audit.head`: where the log ends. Without it the removal of the last records could not be seen.
//!
//! One line of fixed length, written over in place: it needs no room on a full disk. It isn't synced: after a power cut it may
//! be behind the log, never ahead of it, and the next append finds that and says so.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dir::{self, Dir};
use crate::error::AuditError;
use crate::record::{ZERO, is_hash};

const LENGTH: usize = 320;

/// A place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

impl Point {
    /// Before the first record.
    pub(crate) fn zero() -> Self {
        Self { seq: 0, hash: ZERO.into() }
    }
}

/// The head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    /// Length of the live file.
    pub(crate) bytes: u64,
    /// Time of the last record.
    pub(crate) time: Option<Timestamp>,
    /// The last record that retention removed.
    pub(crate) after: Point,
}

/// What was found in the head's place.
#[derive(Debug)]
pub(crate) enum Found {
    Head(Head),
    Missing,
    Unreadable,
}

impl Head {
    /// The head of an empty log.
    pub(crate) fn empty() -> Self {
        Self { seq: 0, hash: ZERO.into(), bytes: 0, time: None, after: Point::zero() }
    }

    /// The end of the chain.
    pub(crate) fn point(&self) -> Point {
        Point { seq: self.seq, hash: self.hash.clone() }
    }

    pub(crate) fn read(dir: &Dir, trusted: bool) -> Result<Found, AuditError> {
        let path = dir.head();
        let Some(file) = dir::open_if_there(&path, trusted)? else { return Ok(Found::Missing) };
        let mut text = [0; LENGTH];
        let read = read_at_most(&file, &mut text).map_err(AuditError::io("read", &path))?;
        let head = serde_json::from_slice::<Self>(&text[..read]).ok();
        Ok(head.filter(|h| is_hash(&h.hash) && is_hash(&h.after.hash)).map_or(Found::Unreadable, Found::Head))
    }

    pub(crate) fn write(&self, dir: &Dir) -> Result<(), AuditError> {
        let path = dir.head();
        let text = format!("{:<width$}\n", serde_json::to_string(self)?, width = LENGTH - 1);
        let file = dir::open(&path, OpenOptions::new().write(true).create(true), true)?;
        file.write_all_at(text.as_bytes(), 0).map_err(AuditError::io("write", &path))
    }
}

fn read_at_most(file: &File, into: &mut [u8]) -> std::io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match file.read_at(&mut into[read..], read as u64)? {
            0 => break,
            n => read += n,
        }
    }
    Ok(read)
}
