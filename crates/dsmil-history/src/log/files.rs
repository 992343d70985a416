//! The files of a health log and their names.
//!
//! `health_log.jsonl` is written. A rotated file is `health_log-<day>-<number>.jsonl`, and with `.gz` when it is compressed; the
//! numbers only grow, and order the files. `.gz.new` is being compressed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::error::Error;
use crate::state_dir::{check_file, sync_dir};

use super::record::parse_time;

pub(super) const ACTIVE: &str = "health_log.jsonl";
/// A torn line that no record has spoken of yet, and one that has been spoken of, begin with this.
pub(super) const TORN: &str = "health_log.torn-";
/// How the first of the two ends.
pub(super) const UNSAID: &str = ".new";
/// No line that is read may be longer, in bytes.
pub(super) const LONGEST: u64 = 16 << 20;

/// A rotated file: plain, compressed, or for a moment both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rotated {
    pub day: String,
    pub number: u64,
    pub plain: bool,
    pub packed: bool,
}

impl Rotated {
    pub(super) fn plain_path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("health_log-{}-{:06}.jsonl", self.day, self.number))
    }

    pub(super) fn packed_path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("health_log-{}-{:06}.jsonl.gz", self.day, self.number))
    }
}

/// The rotated files by number.
pub(super) fn rotated(dir: &Path) -> Result<BTreeMap<u64, Rotated>, Error> {
    let mut found: BTreeMap<u64, Rotated> = BTreeMap::new();
    for name in names(dir)? {
        let Some(stem) = name.strip_prefix("health_log-") else { continue };
        let (stem, packed) = match stem.strip_suffix(".jsonl.gz") {
            Some(stem) => (stem, true),
            None => match stem.strip_suffix(".jsonl") {
                Some(stem) => (stem, false),
                None => continue,
            },
        };
        let Some((day, number)) = stem.rsplit_once('-') else { continue };
        let (Ok(number), true) = (number.parse(), is_day(day)) else { continue };
        let new = Rotated { day: day.to_owned(), number, plain: false, packed: false };
        let file = found.entry(number).or_insert(new);
        file.plain |= !packed;
        file.packed |= packed;
    }
    Ok(found)
}

fn is_day(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10
}

pub(super) fn names(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Error::Missing { path: dir.to_path_buf() }),
        other => other.map_err(Error::io("list", dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", dir))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes what a crash left of a compression. The plain file goes only when the compressed one is whole.
pub(super) fn clean(dir: &Path) -> Result<(), Error> {
    for name in names(dir)? {
        if name.starts_with("health_log-") && name.ends_with(".jsonl.gz.new") {
            remove(&dir.join(name))?;
        }
    }
    for file in rotated(dir)?.values().filter(|file| file.plain && file.packed) {
        let (plain, packed) = (file.plain_path(dir), file.packed_path(dir));
        remove(if same_content(&plain, &packed)? { &plain } else { &packed })?;
    }
    check_file(&dir.join(ACTIVE))?;
    sync_dir(dir)
}

/// Removes a file; that it is gone already is as good.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether a compressed file holds just what the plain one does.
pub(super) fn same_content(plain: &Path, packed: &Path) -> Result<bool, Error> {
    let mut one = BufReader::new(File::open(plain).map_err(Error::io("open", plain))?);
    let mut other = BufReader::new(GzDecoder::new(File::open(packed).map_err(Error::io("open", packed))?));
    loop {
        let expected = one.fill_buf().map_err(Error::io("read", plain))?;
        if expected.is_empty() {
            return Ok(matches!(other.read(&mut [0]), Ok(0)));
        }
        let count = expected.len().min(8192);
        let mut found = [0; 8192];
        if other.read_exact(&mut found[..count]).is_err() || found[..count] != expected[..count] {
            return Ok(false);
        }
        one.consume(count);
    }
}

#[derive(Deserialize)]
struct Timestamp {
    timestamp: String,
}

/// The day of a file's first line; that of its last change if the line can't be read.
pub(super) fn first_day(path: &Path) -> Result<String, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let changed = file.metadata().and_then(|meta| meta.modified()).map_err(Error::io("look at", path))?;
    let mut line = Vec::new();
    BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut line).map_err(Error::io("read", path))?;
    let first = serde_json::from_slice::<Timestamp>(&line).ok().and_then(|first| parse_time(&first.timestamp).ok());
    let changed = changed.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let time = super::Time::new(first.unwrap_or(changed));
    Ok(time.as_ref().map_or("1970-01-01", super::Time::day).to_owned())
}
