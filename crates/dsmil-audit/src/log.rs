//! The log, as a writer sees it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::append::append;
use crate::dir::{self, Dir};
use crate::entry::{Done, Entry};
use crate::error::AuditError;
use crate::intent::{Intent, UNFINISHED};
use crate::options::{Durability, Options};
use crate::record::{Draft, Outcome, Who};

/// The number of a record in the log, from 1.
pub type Seq = u64;

/// An audit log, open for appending. Cheap to clone; clones, threads and processes may share a directory.
///
/// It keeps no file open, no offset and no mutex: each append opens what it needs, and takes its turn by a lock on a fresh open
/// file description. So it may be used on both sides of a `fork`, even if another thread was appending at that moment. (The
/// child then holds a copy of the lock until it ends or calls `exec`; the parent unlocks it by name all the same. Only if the
/// parent is killed within those microseconds do others wait for the child.)
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    dir: Dir,
    options: Options,
    program: String,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("dir", &self.inner.dir.root).field("options", &self.inner.options).finish()
    }
}

impl Log {
    /// Opens the log in a directory, which is made (0750) if it is missing; its parent must exist.
    ///
    /// Puts right what a crash left, ends the actions of processes that died, and removes what is past its retention: each
    /// with a record. Blocks for the lock (at most `options.lock_wait`) and the disk.
    ///
    /// # Errors
    /// [`AuditError::Unsafe`] if the directory or a file in it could have been written by others, [`AuditError::Busy`],
    /// [`AuditError::Full`], [`AuditError::Io`].
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, AuditError> {
        let dir = Dir::new(dir.as_ref());
        dir.prepare()?;
        let program = options.program.clone().unwrap_or_else(|| {
            std::env::current_exe().map_or_else(|_| "unknown".into(), |path| path.to_string_lossy().into_owned())
        });
        let log = Self { inner: Arc::new(Inner { dir, options, program }) };
        append(&log.inner.dir, &log.inner.options, &log.who(), true, |_| Ok(()))?;
        dir::sync_dir(&log.inner.dir.root)?;
        Ok(log)
    }

    /// Writes one record of something that is over, such as a denial. It is on disk when this returns. Blocks.
    pub fn record(&self, entry: Entry, outcome: Outcome) -> Result<Seq, AuditError> {
        let draft = draft(entry, outcome);
        append(&self.inner.dir, &self.inner.options, &self.who(), false, |batch| batch.push(&draft)).map(|point| point.seq)
    }

    /// Writes that an action begins; it must not start unless this returns `Ok`. Blocks.
    ///
    /// The [`Pending`] must be ended by [`Pending::done`]. If it is dropped instead (a panic, an early return), the action is
    /// written down as failed at once; if the process dies, by the next append or open of any process.
    pub fn begin(&self, entry: Entry) -> Result<Pending, AuditError> {
        let draft = draft(entry, Outcome::Begun);
        let Inner { dir, options, .. } = &*self.inner;
        let (intent, seq) = append(dir, options, &self.who(), false, |batch| {
            let intent = Intent::create(dir, batch.next_seq(), batch.who(), &draft)?;
            Ok((intent, batch.push(&draft)?.seq))
        })?;
        let pending = Pending {
            log: self.clone(),
            intent: Some(intent),
            seq,
            pid: std::process::id(),
            action: draft.action,
            target: draft.target,
        };
        if options.durability == Durability::Disk {
            dir::sync_dir(&dir.intents())?;
        }
        Ok(pending)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir.root
    }

    fn who(&self) -> Who {
        Who { uid: nix::unistd::getuid().as_raw(), pid: std::process::id(), program: self.inner.program.clone() }
    }
}

/// An action that has begun. Holds one open file.
#[derive(Debug)]
#[must_use = "an action that is dropped is written down as failed"]
pub struct Pending {
    log: Log,
    intent: Option<Intent>,
    seq: Seq,
    pid: u32,
    action: String,
    target: Option<String>,
}

impl Pending {
    /// The number of the begun record.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Writes how the action ended: `pending.done(Outcome::Ok)`, or with a [`Done`] that has more to say. Gives the number of
    /// that record. Blocks.
    ///
    /// # Errors
    /// As [`Log::record`]; the action is then written down as failed by the next append that succeeds. And
    /// [`AuditError::Forked`] in a child of the process that began it: the parent's action goes on.
    pub fn done(mut self, how: impl Into<Done>) -> Result<Seq, AuditError> {
        self.end(how.into())
    }

    fn end(&mut self, how: Done) -> Result<Seq, AuditError> {
        if self.pid != std::process::id() {
            self.intent = None;
            return Err(AuditError::Forked { seq: self.seq, owner: self.pid });
        }
        // Taken first: whatever fails below, the file is left unlocked for the next append, and Drop doesn't try again.
        let Some(mut intent) = self.intent.take() else { return Ok(self.seq) };
        let draft = Draft {
            action: self.action.clone(),
            target: self.target.clone(),
            of: Some(self.seq),
            new: how.new,
            result: Some(how.outcome),
            reason: how.reason,
            ..Draft::default()
        };
        let Inner { dir, options, .. } = &*self.log.inner;
        let end = append(dir, options, &self.log.who(), false, |batch| {
            let end = batch.push(&draft)?;
            intent.ending(end.clone())?;
            Ok(end)
        })?;
        intent.remove()?;
        Ok(end.seq)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.intent.is_some() && self.pid == std::process::id() {
            let why = if std::thread::panicking() { ": the program panicked" } else { "" };
            // An error leaves the intent behind, from which the next append writes the same.
            let _ = self.end(Done::new(Outcome::Failed).reason(format!("{UNFINISHED}{why}")));
        }
    }
}

fn draft(entry: Entry, outcome: Outcome) -> Draft {
    let Entry { action, target, old, new, reason } = entry;
    Draft { action, target, of: None, old, new, result: Some(outcome), reason }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What a child has after `fork`: the same value, another process id.
    #[test]
    fn a_child_can_neither_end_nor_drop_what_its_parent_began() {
        let dir = tempfile::TempDir::new().unwrap();
        let log = Log::open(dir.path(), Options { durability: Durability::Kernel, ..Options::default() }).unwrap();
        let parents = log.begin(Entry::new("read")).unwrap();
        let in_child =
            |pid| Pending { log: log.clone(), intent: None, seq: parents.seq, pid, action: "read".into(), target: None };
        assert!(matches!(in_child(parents.pid + 1).done(Outcome::Ok), Err(AuditError::Forked { seq: 1, .. })));
        drop(in_child(parents.pid + 1));
        log.record(Entry::new("read"), Outcome::Ok).unwrap();
        assert_eq!(parents.done(Outcome::Ok).unwrap(), 3, "neither ended it");
        assert!(crate::verify(dir.path(), None).unwrap().unfinished.is_empty());
    }

    /// The process dies after the end of its action is on record, and before its intent is gone.
    #[test]
    fn an_action_whose_end_is_on_record_is_not_ended_twice() {
        let dir = tempfile::TempDir::new().unwrap();
        let log = Log::open(dir.path(), Options { durability: Durability::Kernel, ..Options::default() }).unwrap();
        let pending = log.begin(Entry::new("read")).unwrap();
        let path = dir.path().join("audit.open/1");
        let copy = dir.path().join("copy");
        std::fs::hard_link(&path, &copy).unwrap();
        pending.done(Outcome::Ok).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        log.record(Entry::new("read"), Outcome::Ok).unwrap();
        assert!(!path.exists());
        let report = crate::verify(dir.path(), None).unwrap();
        assert_eq!((report.records, report.unfinished.len()), (3, 0));
    }
}
