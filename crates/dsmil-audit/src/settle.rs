//! Finds the end of the chain before an append, and puts right what a crash left behind.
//!
//! The usual case costs two small reads: the head's length and hash agree with the end of the live file. Anything else is looked
//! at closely and becomes a `repaired` record: nothing that was found wrong is passed over in silence.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::dir::{self, Dir};
use crate::error::AuditError;
use crate::head::{Found, Head, Point};
use crate::lines::{End, next_line};
use crate::record::{Draft, Link, MAX_LINE, Outcome, hex, seal_text, sound};

/// Torn bytes that a record can hold; of more, the rest stays in a file of its own.
const TORN_KEPT: usize = 16 * 1024;

/// Where the next record goes.
pub(crate) struct Settled {
    pub(crate) head: Head,
    pub(crate) live: File,
    /// Records that must come first, because something was found.
    pub(crate) repairs: Vec<Draft>,
}

/// Reads head and tail. Call it under the lock.
pub(crate) fn settle(dir: &Dir) -> Result<Settled, AuditError> {
    let found = Head::read(dir, true)?;
    let path = dir.live();
    let live = dir::open(&path, OpenOptions::new().read(true).append(true).create(true), true)?;
    let length = live.metadata().map_err(AuditError::io("examine", &path))?.len();
    if let Found::Head(head) = &found
        && head.bytes == length
        && ends_with_head(&live, head)
    {
        return Ok(Settled { head: head.clone(), live, repairs: Vec::new() });
    }
    settle_slowly(dir, found, live, length)
}

fn ends_with_head(live: &File, head: &Head) -> bool {
    if head.bytes == 0 {
        return true;
    }
    let expected = seal_text(&head.hash) + "\n";
    let mut end = vec![0; expected.len()];
    let Some(start) = head.bytes.checked_sub(end.len() as u64) else { return false };
    live.read_exact_at(&mut end, start).is_ok() && end == expected.as_bytes()
}

fn settle_slowly(dir: &Dir, found: Found, live: File, length: u64) -> Result<Settled, AuditError> {
    let mut repairs = Vec::new();
    let whole = take_torn(dir, &live, length)?;
    let tail = match last_line(&live, whole).map_err(AuditError::io("read", &dir.live()))? {
        Some(line) => Some(line),
        None => last_rotated_line(dir)?,
    };
    let link = tail.as_deref().and_then(sound);
    let lost = !matches!(found, Found::Head(_));
    let mut head = match found {
        Found::Head(head) => head_against_tail(dir, head, link, tail.is_some(), &live, &mut repairs)?,
        Found::Missing | Found::Unreadable => {
            let unreadable = matches!(found, Found::Unreadable);
            if tail.is_some() || unreadable {
                let what = if unreadable { "unreadable" } else { "missing" };
                repairs.push(repaired(format!("the head was {what}: records may have been removed from the end")));
            }
            // The tail may itself be false; the next record then hangs on the last one that is sound.
            match link {
                Some(link) => Head { seq: link.seq, hash: link.hash, time: Some(link.time), ..Head::empty() },
                None if tail.is_some() => last_sound(dir)?,
                None => Head::empty(),
            }
        }
    };
    head.bytes = whole;
    if lost {
        head.after = before_first(dir)?;
    }
    Ok(Settled { head, live, repairs })
}

/// What the oldest record hangs on, for a head that was lost. Verification believes it only if a retention record says the same.
fn before_first(dir: &Dir) -> Result<Point, AuditError> {
    let mut paths: Vec<_> = dir.rotated()?.into_iter().map(|file| file.path).collect();
    paths.push(dir.live());
    for path in paths {
        if let Some(link) = first_sound(&path)? {
            let retained = link.seq > 1;
            return Ok(if retained { Point { seq: link.seq - 1, hash: link.prev } } else { Point::zero() });
        }
    }
    Ok(Point::zero())
}

/// The first sound record of a file.
pub(crate) fn first_sound(path: &Path) -> Result<Option<Link>, AuditError> {
    let Some(file) = dir::open_if_there(path, true)? else { return Ok(None) };
    let (mut reader, mut line) = (BufReader::new(file), Vec::new());
    while next_line(&mut reader, &mut line).map_err(AuditError::io("read", path))?.is_some() {
        if let Some(link) = sound(&line) {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// Compares a readable head with the last whole line.
fn head_against_tail(
    dir: &Dir,
    mut head: Head,
    link: Option<Link>,
    any: bool,
    live: &File,
    repairs: &mut Vec<Draft>,
) -> Result<Head, AuditError> {
    match link {
        Some(link) if link.seq == head.seq && link.hash == head.hash => {}
        Some(link) if link.seq > head.seq => {
            if continues(live, &head, &link).map_err(AuditError::io("read", &dir.live()))? {
                let reason =
                    format!("records {} to {} were written, but the head was not brought up to date", head.seq + 1, link.seq);
                repairs.push(repaired(reason));
                head = Head { seq: link.seq, hash: link.hash, time: Some(link.time), ..head };
            } else {
                repairs.push(repaired(format!("what follows record {} does not belong to the chain; left in place", head.seq)));
            }
        }
        Some(link) => {
            repairs.push(repaired(format!("the log ended at record {} where the head says {}", link.seq, head.seq)));
        }
        None if any => repairs.push(repaired(format!("the last line is not the record {} of the head; left in place", head.seq))),
        None if head.seq > 0 => repairs.push(repaired(format!("no record was left; the head says {}", head.seq))),
        None => {}
    }
    Ok(head)
}

/// Whether the records after the head hang together as far as `last`. A rotation may have come in between: then the live
/// file begins with the first of them.
fn continues(live: &File, head: &Head, last: &Link) -> std::io::Result<bool> {
    let mut reader = BufReader::new(live);
    reader.seek(SeekFrom::Start(0))?;
    let (mut seq, mut hash, mut line) = (head.seq, head.hash.clone(), Vec::new());
    while let Some(End::Whole) = next_line(&mut reader, &mut line)? {
        match sound(&line) {
            Some(link) if link.seq == seq + 1 && link.prev == hash => (seq, hash) = (link.seq, link.hash),
            Some(link) if link.seq <= head.seq && seq == head.seq => {}
            _ => return Ok(false),
        }
    }
    Ok(seq == last.seq && hash == last.hash)
}

/// Moves a last line without a newline to `audit.torn`, from where [`leftover`] makes a record of it. It is copied before it
/// is cut off: a crash in the middle of the repair may keep it twice, but never loses it. Gives the length of what is left.
fn take_torn(dir: &Dir, live: &File, length: u64) -> Result<u64, AuditError> {
    let (path, side) = (dir.live(), dir.torn());
    let whole = whole_length(live, length).map_err(AuditError::io("read", &path))?;
    if whole == length {
        return Ok(whole);
    }
    let mut from = live;
    from.seek(SeekFrom::Start(whole)).map_err(AuditError::io("read", &path))?;
    let mut to = dir::open(&side, OpenOptions::new().append(true).create(true), true)?;
    std::io::copy(&mut from.take(length - whole), &mut to).map_err(AuditError::io("write", &side))?;
    to.sync_all().map_err(AuditError::io("write", &side))?;
    dir::sync_dir(&dir.root)?;
    live.set_len(whole).map_err(AuditError::io("shorten", &path))?;
    Ok(whole)
}

/// Torn bytes that wait for their record.
pub(crate) struct Torn {
    pub(crate) draft: Draft,
    /// Where they stay when they are too many for a record.
    keep_as: Option<PathBuf>,
}

impl Torn {
    /// Call it once the record is on disk.
    pub(crate) fn settled(&self, dir: &Dir) -> Result<(), AuditError> {
        let path = dir.torn();
        match &self.keep_as {
            Some(name) => std::fs::rename(&path, name).map_err(AuditError::io("rename", &path)),
            None => dir::remove(&path),
        }
    }
}

/// The record for torn bytes that lie in `audit.torn`, if there are any.
pub(crate) fn leftover(dir: &Dir) -> Result<Option<Torn>, AuditError> {
    let path = dir.torn();
    let Some(mut file) = dir::open_if_there(&path, true)? else { return Ok(None) };
    let (mut kept, mut sum, mut total) = (Vec::new(), Sha256::new(), 0usize);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut chunk).map_err(AuditError::io("read", &path))?;
        if read == 0 {
            break;
        }
        sum.update(&chunk[..read]);
        let room = TORN_KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..read.min(room)]);
        total += read;
    }
    let hash = hex(&sum.finalize());
    let mut draft = repaired(format!("a torn last line of {total} bytes: a program was stopped while it wrote"));
    let (key, bytes) = match String::from_utf8(kept) {
        Ok(text) => ("text", text),
        Err(error) => ("hex", hex(error.as_bytes())),
    };
    let mut old = json!({ key: bytes, "bytes": total, "sha256": hash });
    let name = format!("audit.torn-{}", &hash[..16]);
    let keep_as = (total > TORN_KEPT).then(|| dir.root.join(&name));
    if keep_as.is_some() {
        old["kept_in"] = json!(name);
    }
    draft.old = Some(old);
    Ok(Some(Torn { draft, keep_as }))
}

fn repaired(reason: String) -> Draft {
    Draft { action: "repaired".into(), reason: Some(reason), result: Some(Outcome::Ok), ..Draft::default() }
}

/// Length of the file up to and with its last newline.
fn whole_length(file: &File, length: u64) -> std::io::Result<u64> {
    let mut end = length;
    let mut chunk = vec![0; 64 * 1024];
    while end > 0 {
        let size = end.min(chunk.len() as u64) as usize;
        file.read_exact_at(&mut chunk[..size], end - size as u64)?;
        if let Some(at) = chunk[..size].iter().rposition(|&b| b == b'\n') {
            return Ok(end - size as u64 + at as u64 + 1);
        }
        end -= size as u64;
    }
    Ok(0)
}

/// The last line, without its newline, of a file whose whole lines end at `whole`.
pub(crate) fn last_line(file: &File, whole: u64) -> std::io::Result<Option<Vec<u8>>> {
    if whole == 0 {
        return Ok(None);
    }
    let size = whole.min(MAX_LINE as u64 + 1);
    let mut end = vec![0; size as usize];
    file.read_exact_at(&mut end, whole - size)?;
    end.pop();
    let start = end.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    Ok(Some(end.split_off(start)))
}

/// The last whole line of the newest rotated file.
fn last_rotated_line(dir: &Dir) -> Result<Option<Vec<u8>>, AuditError> {
    let Some(newest) = dir.rotated()?.pop() else { return Ok(None) };
    last_line_of(&newest.path)
}

/// The last whole line of a file.
pub(crate) fn last_line_of(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let Some(file) = dir::open_if_there(path, true)? else { return Ok(None) };
    let length = file.metadata().map_err(AuditError::io("examine", path))?.len();
    let whole = whole_length(&file, length).map_err(AuditError::io("read", path))?;
    last_line(&file, whole).map_err(AuditError::io("read", path))
}

/// The sound record with the highest number in the whole log: where to go on when head and tail are both gone.
fn last_sound(dir: &Dir) -> Result<Head, AuditError> {
    let mut best = Head::empty();
    let mut paths: Vec<_> = dir.rotated()?.into_iter().map(|file| file.path).collect();
    paths.push(dir.live());
    for path in paths {
        let Some(file) = dir::open_if_there(&path, true)? else { continue };
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        while next_line(&mut reader, &mut line).map_err(AuditError::io("read", &path))?.is_some() {
            if let Some(link) = sound(&line).filter(|link| link.seq > best.seq) {
                best = Head { seq: link.seq, hash: link.hash, time: Some(link.time), ..best };
            }
        }
    }
    Ok(best)
}
