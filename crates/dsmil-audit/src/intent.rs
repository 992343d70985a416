//! Intents: one small file for each action that is begun, kept locked by whoever began it.
//!
//! The kernel drops the lock when its holder dies, however it dies. So a file here that can be locked belongs to an action that
//! nobody will finish any more. That is surer than a process number, which may have been given to another process since.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dir::{self, Dir};
use crate::error::AuditError;
use crate::head::{Head, Point};
use crate::lines::next_line;
use crate::record::{Draft, Outcome, Who, sound};

/// The reason of a record that the library writes for an action which nobody ended.
pub(crate) const UNFINISHED: &str = "begun and not finished";

/// What an intent file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    who: Who,
    action: String,
    target: Option<String>,
    /// The record that is about to end the action, written down before it: tells a death after it from one before.
    end: Option<Point>,
}

/// A begun action's file, locked while this value lives.
#[derive(Debug)]
pub(crate) struct Intent {
    file: File,
    path: PathBuf,
    note: Note,
}

impl Intent {
    /// Makes the file for the record `seq` that is about to be written.
    pub(crate) fn create(dir: &Dir, seq: u64, who: &Who, draft: &Draft) -> Result<Self, AuditError> {
        let path = dir.intents().join(seq.to_string());
        let file = dir::open(&path, OpenOptions::new().write(true).create(true).truncate(true), true)?;
        file.try_lock().map_err(|error| AuditError::io("lock", &path)(error.into()))?;
        let note = Note { who: who.clone(), action: draft.action.clone(), target: draft.target.clone(), end: None };
        let intent = Self { file, path, note };
        intent.write()?;
        Ok(intent)
    }

    /// Notes which record is about to end the action.
    pub(crate) fn ending(&mut self, end: Point) -> Result<(), AuditError> {
        self.note.end = Some(end);
        self.write()
    }

    /// The action has ended, or never began.
    pub(crate) fn remove(&self) -> Result<(), AuditError> {
        dir::remove(&self.path)
    }

    fn write(&self) -> Result<(), AuditError> {
        let text = serde_json::to_vec(&self.note)?;
        self.file.write_all_at(&text, 0).map_err(AuditError::io("write", &self.path))
    }
}

/// What dead processes left.
#[derive(Default)]
pub(crate) struct Orphans {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) paths: Vec<PathBuf>,
}

/// Looks for intents that nobody holds any more. Call it under the log's lock, with a head that is settled.
pub(crate) fn orphans(dir: &Dir, head: &Head) -> Result<Orphans, AuditError> {
    let mut found = Orphans::default();
    let folder = dir.intents();
    for entry in fs::read_dir(&folder).map_err(AuditError::io("list", &folder))? {
        let entry = entry.map_err(AuditError::io("list", &folder))?;
        let path = entry.path();
        let Some(seq) = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()) else { continue };
        let Some(file) = dir::open_if_there(&path, true)? else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        if seq > head.seq {
            // Its begun record never got into the log: the caller was told so, or died first. The number is given to
            // another record soon, so the file goes now.
            dir::remove(&path)?;
            continue;
        }
        found.drafts.extend(obituary(dir, seq, file)?);
        found.paths.push(path);
    }
    Ok(found)
}

/// The record for a dead process's action; `None` when the action had ended.
fn obituary(dir: &Dir, seq: u64, file: File) -> Result<Option<Draft>, AuditError> {
    let mut text = Vec::new();
    let read = file.take(64 * 1024).read_to_end(&mut text);
    let note = read.ok().and_then(|_| serde_json::from_slice::<Note>(&text).ok());
    if let Some(end) = note.as_ref().and_then(|note| note.end.as_ref())
        && is_in_log(dir, end)?
    {
        return Ok(None);
    }
    let (action, target, whom) = match note {
        Some(Note { who, action, target, .. }) => (action, target, format!("process {} ({}) is gone", who.pid, who.program)),
        None => ("unknown".into(), None, "its process is gone, its intent unreadable".into()),
    };
    Ok(Some(Draft {
        action,
        target,
        of: Some(seq),
        result: Some(Outcome::Failed),
        reason: Some(format!("{UNFINISHED}: {whom}")),
        ..Draft::default()
    }))
}

fn is_in_log(dir: &Dir, point: &Point) -> Result<bool, AuditError> {
    let older = dir.rotated()?.into_iter().rfind(|file| file.first <= point.seq).map(|file| file.path);
    for path in [Some(dir.live()), older].into_iter().flatten() {
        let Some(file) = dir::open_if_there(&path, true)? else { continue };
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        while next_line(&mut reader, &mut line).map_err(AuditError::io("read", &path))?.is_some() {
            if sound(&line).is_some_and(|link| link.seq == point.seq) {
                return Ok(sound(&line).is_some_and(|link| link.hash == point.hash));
            }
        }
    }
    Ok(false)
}
