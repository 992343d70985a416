//! Reads a whole log and says what is wrong with it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;
use std::{io, path::Path};

use serde_json::Value;

use crate::chain::{Chain, Place};
use crate::dir::{self, Dir, LIVE};
use crate::error::AuditError;
use crate::head::{Found, Head, Point};
use crate::lines::{End, next_line};
use crate::record::{Link, sound};
use crate::report::{Expect, Finding, Kind, Report};
use crate::rotate::RETENTION;

/// How long a verification waits for its turn. It holds the lock only while it looks where the log ends.
const WAIT: Duration = Duration::from_secs(5);

/// What the log was at one moment. Files only grow at the end: what is read later is the same.
struct Snapshot {
    head: Found,
    files: Vec<(PathBuf, Option<(File, u64)>)>,
    torn: bool,
}

/// Verifies the log in a directory, and compares it with an anchor kept elsewhere, if one is given.
///
/// Writers may go on meanwhile: what they append after the start isn't looked at. Memory use doesn't depend on the log's
/// length. Files are only read; their owner and mode are not looked at, so a copy can be verified anywhere. Blocks.
///
/// # Errors
/// [`AuditError::NotALog`], [`AuditError::Busy`], [`AuditError::Io`]. Whatever is wrong with the contents is no error but a
/// [`Finding`].
#[allow(clippy::needless_pass_by_value)] // an anchor is made for the one call
pub fn verify(dir: impl AsRef<Path>, expect: Option<Expect>) -> Result<Report, AuditError> {
    let dir = Dir::new(dir.as_ref());
    let mut attempts = 0;
    loop {
        attempts += 1;
        match examine(&dir, expect.as_ref()) {
            // Retention removed a file that we hadn't come to yet.
            Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && attempts < 3 => {}
            result => return result,
        }
    }
}

fn snapshot(dir: &Dir) -> Result<Snapshot, AuditError> {
    let _turn = dir.lock_shared(WAIT)?;
    let head = Head::read(dir, false)?;
    let live = dir::open_if_there(&dir.live(), false)?;
    let mut files: Vec<_> = dir.rotated()?.into_iter().map(|file| (file.first, file.path)).collect();
    if live.is_none() && files.is_empty() && matches!(head, Found::Missing) {
        return Err(AuditError::NotALog { path: dir.root.clone() });
    }
    if let Found::Head(head) = &head {
        // Their removal is on record and was interrupted: they are no longer part of the log.
        files.retain(|(first, _)| *first > head.after.seq);
    }
    let mut files: Vec<_> = files.into_iter().map(|(_, path)| (path, None)).collect();
    if let Some(live) = live {
        let length = live.metadata().map_err(AuditError::io("examine", &dir.live()))?.len();
        files.push((dir.live(), Some((live, length))));
    }
    let torn = dir.torn().symlink_metadata().is_ok();
    Ok(Snapshot { head, files, torn })
}

/// What is gathered on the way.
struct Walk<'a> {
    report: Report,
    chain: Option<Chain>,
    after: Option<Point>,
    head: Option<Point>,
    /// A sound first record, kept until the next one tells where the chain begins.
    first: Option<(Link, Place)>,
    confirmed: bool,
    expect: Option<&'a Expect>,
    anchor_met: bool,
    anchor_differs: Option<Place>,
    torn: Vec<Place>,
}

fn examine(dir: &Dir, expect: Option<&Expect>) -> Result<Report, AuditError> {
    let Snapshot { head, files, torn } = snapshot(dir)?;
    let known = if let Found::Head(head) = &head { Some(head) } else { None };
    let mut walk = Walk {
        report: Report { head_hash: Point::zero().hash, ..Report::default() },
        chain: None,
        after: known.map(|head| head.after.clone()),
        head: known.map(Head::point),
        first: None,
        confirmed: false,
        expect,
        anchor_met: false,
        anchor_differs: None,
        torn: Vec::new(),
    };
    if let Some(after) = walk.after.clone() {
        walk.chain = Some(Chain::new(after, walk.head.clone()));
    }
    let mut end = Place { file: LIVE.into(), line: 0 };
    for (path, opened) in files {
        let (file, length) = match opened {
            Some(opened) => opened,
            None => (dir::open(&path, std::fs::OpenOptions::new().read(true), false)?, u64::MAX),
        };
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        walk.report.files.push(name.clone());
        end = walk.file(file.take(length), name).map_err(AuditError::io("read", &path))?;
    }
    walk.finish(&head, torn, &end);
    Ok(walk.report)
}

impl Walk<'_> {
    /// Reads one file; gives the place after its last line.
    fn file(&mut self, file: io::Take<File>, name: String) -> io::Result<Place> {
        let (mut reader, mut line) = (BufReader::with_capacity(64 * 1024, file), Vec::new());
        let mut place = Place { file: name, line: 1 };
        while let Some(end) = next_line(&mut reader, &mut line)? {
            match (end, sound(&line)) {
                (End::Fragment, _) => self.torn.push(place.clone()),
                (End::Whole, Some(link)) => self.sound(link, place.clone()),
                _ => self.broken(place.clone()),
            }
            place.line += 1;
        }
        Ok(place)
    }

    fn sound(&mut self, link: Link, place: Place) {
        self.report.note(&link);
        if self.report.first_seq == 0 || link.seq < self.report.first_seq {
            self.report.first_seq = link.seq;
        }
        if link.seq >= self.report.last_seq {
            self.report.last_seq = link.seq;
            self.report.head_hash.clone_from(&link.hash);
        }
        if let Some(expect) = self.expect.filter(|expect| expect.seq == link.seq) {
            let same = expect.hash.eq_ignore_ascii_case(&link.hash);
            self.anchor_met |= same;
            self.anchor_differs = (!same).then(|| place.clone());
        }
        match (self.chain.is_some(), self.first.take()) {
            (true, _) => {}
            (false, None) => {
                self.first = Some((link, place));
                return;
            }
            (false, Some(first)) => self.begin(first, Some(&link)),
        }
        self.confirm(&link);
        if let Some(chain) = &mut self.chain {
            chain.sound(&link, place);
        }
    }

    fn broken(&mut self, place: Place) {
        if self.chain.is_none() {
            match self.first.take() {
                Some(first) => self.begin(first, None),
                None => self.chain = Some(Chain::new(Point::zero(), self.head.clone())),
            }
        }
        if let Some(chain) = &mut self.chain {
            chain.broken(place);
        }
    }

    /// Without a head, the first two records tell where the chain begins.
    fn begin(&mut self, (first, place): (Link, Place), second: Option<&Link>) {
        let origin = second.filter(|second| second.seq < first.seq).unwrap_or(&first);
        let after = if origin.seq <= 1 { Point::zero() } else { Point { seq: origin.seq - 1, hash: origin.prev.clone() } };
        self.after = Some(after.clone());
        let mut chain = Chain::new(after, self.head.clone());
        self.confirm(&first);
        chain.sound(&first, place);
        self.chain = Some(chain);
    }

    /// Whether this is the retention record that says why the log begins where it does.
    fn confirm(&mut self, link: &Link) {
        let (Some(after), Some(new)) = (&self.after, &link.new) else { return };
        self.confirmed |= link.action == RETENTION
            && new.get("through").and_then(Value::as_u64) == Some(after.seq)
            && new.get("hash").and_then(Value::as_str) == Some(&after.hash);
    }

    fn finish(&mut self, head: &Found, torn: bool, end: &Place) {
        if let Some(first) = self.first.take() {
            self.begin(first, None);
        }
        let mut chain = self.chain.take().unwrap_or_else(|| Chain::new(Point::zero(), self.head.clone()));
        chain.finish(end);
        let whole = |file: &str| Place { file: file.into(), line: 0 };
        if let Some(after) = self.after.as_ref().filter(|after| after.seq > 0 && !self.confirmed) {
            let detail = format!("records 1 to {} are missing, and no retention record tells of it", after.seq);
            let file = self.report.files.first().map_or(LIVE, String::as_str);
            chain.tell(Kind::Removed, &Place { file: file.into(), line: 1 }, Some(1), Some(after.seq), detail);
        }
        match head {
            Found::Head(_) => {}
            Found::Missing => {
                let detail = "the head is missing: whether records are missing at the end can't be told";
                chain.tell(Kind::Truncated, &whole("audit.head"), None, None, detail.into());
            }
            Found::Unreadable => chain.tell(Kind::Malformed, &whole("audit.head"), None, None, "the head can't be read".into()),
        }
        for place in &self.torn {
            let detail = "the last line has no end: a program was stopped while it wrote, or the file was cut";
            chain.tell(Kind::Torn, place, None, None, detail.into());
        }
        if torn {
            chain.tell(Kind::Torn, &whole("audit.torn"), None, None, "a repair was interrupted; the next append ends it".into());
        }
        self.anchor(&mut chain, end);
        let order = |finding: &Finding| self.report.files.iter().position(|name| *name == finding.file).unwrap_or(usize::MAX);
        chain.findings.sort_by_key(|finding| (order(finding), finding.line));
        (self.report.findings, self.report.left_off) = (chain.findings, chain.left_off);
    }

    fn anchor(&self, chain: &mut Chain, end: &Place) {
        let Some(expect) = self.expect.filter(|_| !self.anchor_met) else { return };
        let seq = expect.seq;
        let gone = self.after.as_ref().filter(|after| seq <= after.seq);
        if let Some(place) = &self.anchor_differs {
            chain.tell(Kind::Changed, place, Some(seq), None, format!("record {seq} is not the one of the anchor"));
        } else if gone.is_some_and(|after| after.seq == seq && after.hash.eq_ignore_ascii_case(&expect.hash)) {
            // Removed by retention, and the chain hangs on the very same hash.
        } else if gone.is_some() {
            let detail = format!("record {seq} of the anchor was removed by retention: take a newer anchor");
            chain.tell(Kind::Removed, end, Some(seq), None, detail);
        } else if seq > chain.last() {
            let detail = format!("the anchor is record {seq}; the log ends at {}", chain.last());
            chain.tell(Kind::Truncated, end, Some(chain.last() + 1), Some(seq), detail);
        } else {
            chain.tell(Kind::Removed, end, Some(seq), None, format!("record {seq} of the anchor is not there as it was"));
        }
    }
}
