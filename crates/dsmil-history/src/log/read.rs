//! What reads the health log, compressed files too.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Take};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::Error;

use super::files::{ACTIVE, LONGEST, Rotated, rotated};
use super::record::HealthRecord;

/// The records of a health log, the oldest first. A line that is no record comes as [`Error::BadRecord`], and the next one
/// follows; a last line that is just being written is left out. Files that are compressed or removed meanwhile are no error.
pub struct LogReader {
    dir: PathBuf,
    waiting: VecDeque<Rotated>,
    active: Option<File>,
    open: Option<Lines>,
}

/// A file that is being read.
struct Lines {
    path: PathBuf,
    from: Take<Box<dyn BufRead + Send>>,
    line: u64,
}

impl std::fmt::Debug for LogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogReader").field("dir", &self.dir).field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl LogReader {
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(ACTIVE);
        let mut before = rotated(dir)?;
        loop {
            let active = match File::open(&path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(Error::io("open", &path)(error)),
            };
            // If it was rotated meanwhile, it may stand among the rotated ones, too.
            let after = rotated(dir)?;
            if before.keys().next_back() == after.keys().next_back() {
                if active.is_none() && after.is_empty() {
                    return Err(Error::Missing { path });
                }
                return Ok(Self { dir: dir.to_path_buf(), waiting: after.into_values().collect(), active, open: None });
            }
            before = after;
        }
    }

    /// Opens the next file; `None` after the last.
    fn next_file(&mut self) -> Option<Result<Lines, Error>> {
        while let Some(file) = self.waiting.pop_front() {
            match open_rotated(&self.dir, &file) {
                // It was past its time, and was removed.
                Ok(None) => {}
                Ok(Some(lines)) => return Some(Ok(lines)),
                Err(error) => return Some(Err(error)),
            }
        }
        let active = self.active.take()?;
        Some(Ok(Lines::new(self.dir.join(ACTIVE), Box::new(BufReader::new(active)))))
    }
}

fn open_rotated(dir: &Path, file: &Rotated) -> Result<Option<Lines>, Error> {
    let (plain, packed) = (file.plain_path(dir), file.packed_path(dir));
    for path in [plain, packed.clone()] {
        match File::open(&path) {
            Ok(open) if path == packed => {
                return Ok(Some(Lines::new(path, Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(open)))))));
            }
            Ok(open) => return Ok(Some(Lines::new(path, Box::new(BufReader::new(open))))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("open", &path)(error)),
        }
    }
    Ok(None)
}

impl Lines {
    fn new(path: PathBuf, from: Box<dyn BufRead + Send>) -> Self {
        Self { path, from: from.take(0), line: 0 }
    }

    /// The next whole line; `None` at the end.
    fn next_line(&mut self) -> Option<Result<HealthRecord, Error>> {
        let mut line = Vec::new();
        self.from.set_limit(LONGEST);
        self.line += 1;
        match self.from.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.ends_with(b"\n") => {
                let record = serde_json::from_slice(&line);
                Some(record.map_err(|error| self.bad(format!("it is no record: {error}"))))
            }
            Ok(count) if count as u64 == LONGEST => Some(Err(self.skip())),
            // Just being written, or torn.
            Ok(_) => None,
            Err(error) => Some(Err(Error::io("read", &self.path)(error))),
        }
    }

    /// Reads on to the end of a line that is too long.
    fn skip(&mut self) -> Error {
        let mut part = Vec::new();
        loop {
            part.clear();
            self.from.set_limit(LONGEST);
            match self.from.read_until(b'\n', &mut part) {
                Ok(count) if count > 0 && !part.ends_with(b"\n") => {}
                _ => return self.bad(format!("it is longer than {LONGEST} bytes")),
            }
        }
    }

    fn bad(&self, why: String) -> Error {
        Error::BadRecord { path: self.path.clone(), line: self.line, why }
    }
}

impl Iterator for LogReader {
    type Item = Result<HealthRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(lines) = &mut self.open {
                match lines.next_line() {
                    // What can't be read any further ends here; the next file may be whole.
                    Some(Err(error @ Error::Io { .. })) => {
                        self.open = None;
                        return Some(Err(error));
                    }
                    Some(record) => return Some(record),
                    None => self.open = None,
                }
            }
            match self.next_file()? {
                Ok(lines) => self.open = Some(lines),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
