//! Whether the audit log is as it was written.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use dsmil_audit::Expect as AuditAnchor;
use dsmil_audit::{AuditError, Record, Report};
use dsmil_gate::Period;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use serde::Deserialize;

use crate::health::view::some_of;
use crate::{Check, CheckFn, Context, Found, Kind, ScoresConfig};

/// `audit-chain`: the hash chain of the audit log is intact, and goes on from where it was found intact before.
///
/// A log of at most `audit_read_bytes` is verified as a whole at each run. A longer one is verified as a whole at the first run,
/// then every `audit_full_every`, and at once when anything about its older files has changed; in between, the records are
/// verified that were added, and at most `audit_read_bytes` of them in one run.
#[derive(Clone)]
pub(crate) struct AuditChain {
    full_every: Period,
    read_bytes: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    anchor: Option<AuditAnchor>,
    walk: Option<Walk>,
}

/// How far a log was verified, after a verification of the whole.
struct Walk {
    dir: PathBuf,
    /// When the whole was verified.
    full_at: i64,
    repairs: usize,
    /// The older files, as they were then.
    stamps: BTreeMap<PathBuf, Stamp>,
    /// The file that holds the last verified record, and where that record ends.
    inode: u64,
    offset: u64,
    last: AuditAnchor,
}

/// What changes when a file does. The time of change can't be set by hand.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

/// A file of the log.
struct Part {
    path: PathBuf,
    stamp: Stamp,
}

/// What a walk over the added records came to.
enum Step {
    /// Everything is verified.
    Done,
    /// So many bytes are still to be read.
    More(u64),
    /// Something isn't as it was: only a verification of the whole can tell what.
    Suspicious,
}

impl AuditChain {
    pub(crate) fn new(config: &ScoresConfig) -> Self {
        Self { full_every: config.audit_full_every, read_bytes: config.audit_read_bytes, state: Arc::default() }
    }

    pub(crate) fn anchor(&self) -> Option<AuditAnchor> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).anchor.clone()
    }

    pub(crate) fn set_anchor(&self, anchor: AuditAnchor) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { anchor: Some(anchor), walk: None };
    }

    /// Whether the whole log must be read.
    fn is_due(&self, walk: &Walk, dir: &Path, size: u64, now: i64) -> bool {
        let since = now.saturating_sub(walk.full_at);
        // A clock that was set back says nothing about how long ago it was.
        walk.dir != dir || size <= self.read_bytes || since < 0 || since >= self.full_every.as_millis()
    }
}

impl CheckFn for AuditChain {
    fn check(&self) -> Check {
        Check::new("audit-chain", Kind::Security, 3.0)
    }

    fn run(&mut self, context: &Context<'_>, now: i64) -> Found {
        let dir = context.run_dir.join("audit");
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = match parts(&dir) {
            Ok(parts) => parts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return no_log(&dir, state.anchor.as_ref()),
            Err(error) => return Found::could_not_run(format!("{} can't be listed: {error}", dir.display())),
        };
        let size = parts.iter().map(|part| part.stamp.length).sum();
        if let Some(walk) = state.walk.as_mut().filter(|walk| !self.is_due(walk, &dir, size, now)) {
            let step = walk.step(&dir, &parts, self.read_bytes).unwrap_or(Step::Suspicious);
            let (last, found) = (walk.last.clone(), walk.found(&step, now));
            if let Some(found) = found {
                state.anchor = Some(last);
                return found;
            }
        }
        full(&mut state, &dir, parts, now)
    }
}

fn no_log(dir: &Path, anchor: Option<&AuditAnchor>) -> Found {
    let shown = dir.display();
    match anchor {
        Some(anchor) => Found::failed(format!("{shown} holds no audit log any more: it had {} records", anchor.seq)),
        None => Found::could_not_run(format!(
            "{shown} holds no audit log: either nothing was ever recorded, or it was removed; `dsmil quarantine self-check` begins one"
        )),
    }
}

/// Verifies the whole log.
fn full(state: &mut State, dir: &Path, parts: Vec<Part>, now: i64) -> Found {
    state.walk = None;
    let (report, forgotten) = match verify(dir, state.anchor.as_ref()) {
        Ok(report) => report,
        Err(AuditError::NotALog { .. }) => return no_log(dir, state.anchor.as_ref()),
        Err(error) => return Found::could_not_run(error.to_string()),
    };
    if !report.is_clean() {
        let findings: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        let all = findings.len() as u64 + report.left_off;
        let text = format!("{all} findings in the audit log: {}; `dsmil audit verify` names each", some_of(&findings));
        return Found::failed(text).with("findings", all).with("first", findings.first().cloned());
    }
    let Report { records, repairs, last_seq, head_hash, .. } = report;
    let last = AuditAnchor { seq: last_seq, hash: head_hash };
    let mut text = format!("the chain of all {records} records is intact");
    if !repairs.is_empty() {
        text = format!("{text}; the log tells of {} repairs, each of which deserves a look", repairs.len());
    }
    if forgotten {
        text = format!("{text}; it has forgotten the record from which it should go on: retention has removed it");
    }
    if last.seq > 0 {
        state.anchor = Some(last.clone());
        state.walk = locate(&parts, &last).ok().flatten().map(|(inode, offset)| {
            let older = parts.into_iter().filter(|part| part.stamp.inode != inode && !is_live(&part.path));
            let stamps = older.map(|part| (part.path, part.stamp)).collect();
            Walk { dir: dir.to_owned(), full_at: now, repairs: repairs.len(), stamps, inode, offset, last }
        });
    }
    Found::passed(text).with("records", records).with("last", last_seq).with("repairs", repairs.len()).with("whole", true)
}

/// The verification, and whether the anchor is older than anything that is kept.
fn verify(dir: &Path, anchor: Option<&AuditAnchor>) -> Result<(Report, bool), AuditError> {
    let report = dsmil_audit::verify(dir, anchor.cloned())?;
    match anchor {
        Some(anchor) if !report.is_clean() && report.first_seq > anchor.seq.saturating_add(1) => {
            // Nobody looked for as long as the log is kept. Its own record of the removal must do.
            Ok((dsmil_audit::verify(dir, None)?, true))
        }
        _ => Ok((report, false)),
    }
}

impl Walk {
    /// What a step says; `None` if the whole must be verified.
    fn found(&self, step: &Step, now: i64) -> Option<Found> {
        let age = Period::from_millis(now.saturating_sub(self.full_at));
        let last = self.last.seq;
        let found = match step {
            Step::Done => Found::passed(format!("the chain is intact up to record {last}; the whole was verified {age} ago")),
            Step::More(bytes) => Found::could_not_run(format!(
                "the chain is intact up to record {last}; {bytes} bytes that were added since are more than one run reads: the next \
                 one goes on"
            )),
            Step::Suspicious => return None,
        };
        Some(found.with("last", last).with("repairs", self.repairs).with("whole", false).with("whole_at", self.full_at))
    }

    /// Verifies what was added.
    fn step(&mut self, dir: &Path, parts: &[Part], budget: u64) -> io::Result<Step> {
        // Before the records are: they may run ahead of it meanwhile, but it may never be ahead of them.
        let head = read_head(dir)?;
        let Some(at) = parts.iter().position(|part| part.stamp.inode == self.inode) else { return Ok(Step::Suspicious) };
        let (older, newer) = parts.split_at(at);
        let same = |part: &Part| self.stamps.get(&part.path) == Some(&part.stamp);
        if older.len() != self.stamps.len() || !older.iter().all(same) || newer[0].stamp.length < self.offset {
            return Ok(Step::Suspicious);
        }
        let mut budget = budget;
        for (index, part) in newer.iter().enumerate() {
            if index > 0 {
                let before = &newer[index - 1];
                self.stamps.insert(before.path.clone(), before.stamp);
                (self.inode, self.offset) = (part.stamp.inode, 0);
            }
            let read = self.read(part, budget)?;
            let Some(read) = read else { return Ok(Step::Suspicious) };
            budget -= read;
            let left = part.stamp.length.saturating_sub(self.offset);
            if left > 0 && index + 1 < newer.len() && budget > 0 {
                // A file that was closed ends with a whole record.
                return Ok(Step::Suspicious);
            }
            if left > dsmil_audit::MAX_LINE as u64 || (left > 0 && budget == 0) {
                let further: u64 = newer[index + 1..].iter().map(|part| part.stamp.length).sum();
                return Ok(if budget == 0 { Step::More(left + further) } else { Step::Suspicious });
            }
        }
        Ok(if head > self.last.seq { Step::Suspicious } else { Step::Done })
    }

    /// Reads whole lines of a file, up to what it was when it was listed. Gives how many bytes; `None` if one is not the next
    /// record.
    fn read(&mut self, part: &Part, budget: u64) -> io::Result<Option<u64>> {
        let mut file = open(&part.path)?;
        if file.metadata()?.ino() != self.inode {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let length = part.stamp.length.saturating_sub(self.offset).min(budget);
        let (mut reader, mut line, mut read) = (BufReader::new(file.take(length)), Vec::new(), 0);
        loop {
            line.clear();
            reader.read_until(b'\n', &mut line)?;
            let Some(text) = line.strip_suffix(b"\n") else { break };
            let next = Record::from_line(text).filter(|next| next.seq == self.last.seq + 1 && next.prev == self.last.hash);
            let Some(next) = next else { return Ok(None) };
            self.last = AuditAnchor { seq: next.seq, hash: next.hash };
            self.offset += line.len() as u64;
            read += line.len() as u64;
        }
        // A line that the budget cuts is for the next run; then the budget is spent.
        Ok(Some(if length == budget { budget } else { read }))
    }
}

/// The number that the head names.
fn read_head(dir: &Path) -> io::Result<u64> {
    #[derive(Deserialize)]
    struct Head {
        seq: u64,
    }
    let mut text = Vec::new();
    open(&dir.join("audit.head"))?.take(4096).read_to_end(&mut text)?;
    serde_json::from_slice::<Head>(&text).map(|head| head.seq).map_err(io::Error::from)
}

/// Where a record ends: file and offset. It is in one of the two newest files.
fn locate(parts: &[Part], wanted: &AuditAnchor) -> io::Result<Option<(u64, u64)>> {
    for part in parts.iter().rev().take(2) {
        let (mut reader, mut line, mut offset) = (BufReader::new(open(&part.path)?), Vec::new(), 0);
        while {
            line.clear();
            reader.by_ref().take(dsmil_audit::MAX_LINE as u64).read_until(b'\n', &mut line)? > 0
        } {
            offset += line.len() as u64;
            let is_it = |record: Record| record.seq == wanted.seq && record.hash == wanted.hash;
            // The hash stands in the line: only the one that has it need be understood.
            let has_it = || line.windows(wanted.hash.len()).any(|window| window == wanted.hash.as_bytes());
            if has_it() && line.strip_suffix(b"\n").and_then(Record::from_line).is_some_and(is_it) {
                return Ok(Some((part.stamp.inode, offset)));
            }
        }
    }
    Ok(None)
}

const LIVE: &str = "audit.jsonl";

fn is_live(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == LIVE)
}

/// The files of the log, oldest first, the live one last.
fn parts(dir: &Path) -> io::Result<Vec<Part>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let digits = name.to_str().and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"));
        let number = digits.and_then(|digits| digits.parse::<u64>().ok());
        let number = if is_live(&path) { Some(u64::MAX) } else { number };
        let Some(number) = number else { continue };
        let state = match entry.metadata() {
            Ok(state) if state.is_file() => state,
            // Removed or rotated since it was listed, or no file at all: the verification of the whole sees to it.
            _ => continue,
        };
        let stamp = Stamp { inode: state.ino(), length: state.len(), changed: (state.ctime(), state.ctime_nsec()) };
        found.push((number, Part { path, stamp }));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, part)| part).collect())
}

/// Never through a link, and never held by a pipe.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}
