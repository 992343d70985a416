//! One append: the only place that writes to the log.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::dir::{self, Dir};
use crate::error::AuditError;
use crate::head::{Head, Point};
use crate::intent::{self, Orphans};
use crate::options::{Durability, Options};
use crate::record::{Draft, Who, seal};
use crate::rotate::{self, Expired};
use crate::settle::{self, Settled};
use std::fs::{File, OpenOptions};

/// The records of one append: they go out in a single write.
pub(crate) struct Batch<'a> {
    end: Point,
    now: Timestamp,
    who: &'a Who,
    lines: Vec<u8>,
}

impl Batch<'_> {
    /// The number that the next record will have.
    pub(crate) fn next_seq(&self) -> u64 {
        self.end.seq + 1
    }

    /// Who writes.
    pub(crate) fn who(&self) -> &Who {
        self.who
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, draft: &Draft) -> Result<Point, AuditError> {
        let hash = seal(draft, self.next_seq(), self.now, &self.end.hash, self.who, &mut self.lines)?;
        self.end = Point { seq: self.next_seq(), hash };
        Ok(self.end.clone())
    }
}

/// Takes the log's turn: puts right what was left, lets `compose` add its records, writes all of them durably.
/// With `upkeep`, retention is looked after even when no rotation is due. Blocks for the lock and the disk.
pub(crate) fn append<T>(
    dir: &Dir,
    options: &Options,
    who: &Who,
    upkeep: bool,
    compose: impl FnOnce(&mut Batch<'_>) -> Result<T, AuditError>,
) -> Result<T, AuditError> {
    let _turn = dir.lock(options.lock_wait)?;
    let Settled { mut head, mut live, repairs } = settle::settle(dir)?;
    let torn = settle::leftover(dir)?;
    let now = (options.clock)();
    let rotated = rotate::is_due(&head, now, options.max_bytes) && rotate::rotate(dir)?;
    if rotated {
        live = dir::open(&dir.live(), OpenOptions::new().read(true).append(true).create(true), true)?;
        dir::sync_dir(&dir.root)?;
        head.bytes = 0;
    }
    let expired = match options.retention {
        Some(keep) if rotated || upkeep => rotate::expired(dir, &head, now, keep)?,
        _ => Expired::default(),
    };
    let Orphans { drafts: ended, paths: mut litter } = intent::orphans(dir, &head)?;

    let mut batch = Batch { end: head.point(), now, who, lines: Vec::new() };
    for draft in torn.iter().map(|torn| &torn.draft).chain(&repairs).chain(&expired.drafts).chain(&ended) {
        batch.push(draft)?;
    }
    let composed = compose(&mut batch)?;
    commit(dir, options, &live, &head, batch, expired.after)?;

    // Only now that it is on record: what the records say is done.
    if let Some(torn) = torn {
        torn.settled(dir)?;
    }
    litter.extend::<Vec<PathBuf>>(expired.paths);
    litter.iter().try_for_each(|path| dir::remove(path))?;
    Ok(composed)
}

/// Writes the lines, waits for the disk, moves the head. On any error the lines are taken back.
fn commit(
    dir: &Dir,
    options: &Options,
    mut live: &File,
    head: &Head,
    batch: Batch<'_>,
    after: Option<Point>,
) -> Result<(), AuditError> {
    let path = dir.live();
    let before = head.bytes;
    let mut next = head.clone();
    if !batch.lines.is_empty() {
        next.time = Some(batch.now);
    }
    next.bytes = before + batch.lines.len() as u64;
    (next.seq, next.hash) = (batch.end.seq, batch.end.hash);
    next.after = after.unwrap_or(next.after);

    let written = live.write_all(&batch.lines).map_err(AuditError::io("write", &path)).and_then(|()| {
        if options.durability == Durability::Disk && !batch.lines.is_empty() {
            live.sync_data().map_err(AuditError::io("sync", &path))?;
        }
        next.write(dir)
    });
    if written.is_err() {
        // If even this fails, the next append finds the rest and says so in a record.
        let _ = live.set_len(before);
        let _ = head.write(dir);
    }
    written
}
