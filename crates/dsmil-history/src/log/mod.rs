//! The health log: `health_log.jsonl`, a record a line, for scripts and people.

mod files;
mod read;
mod record;
mod repair;
mod rotate;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::Error;
use crate::options::{LogOptions, Sync};
use crate::state_dir::{StateDir, sync_dir};

use files::ACTIVE;
use record::Time;

pub use read::LogReader;
pub use record::HealthRecord;
pub use rotate::LogMaintenance;

/// The health log of a directory, open for appending. One process at a time holds it.
#[derive(Debug)]
pub struct HealthLog {
    dir: StateDir,
    options: LogOptions,
    /// The file that is written, if there is one.
    active: Option<Active>,
    line: Vec<u8>,
    /// What the next record has to say about the log.
    notes: Vec<repair::Note>,
    full: bool,
}

#[derive(Debug)]
struct Active {
    file: File,
    /// Whole lines take so many bytes.
    length: u64,
    /// The UTC day of its first record.
    day: String,
    /// There may be part of a line behind `length`, which is to be cut before the next is written.
    torn: bool,
}

impl HealthLog {
    /// Opens the log in a directory, which is made (0700) if it is missing; it may be the state directory. Takes its lock
    /// (`health_log.lock`), and puts right what a crash left: a torn last line is moved to `health_log.torn-<time>`, and the
    /// next record says so in `note`; a rotation or compression that was cut short is carried on. Blocks for the disk.
    ///
    /// # Errors
    /// [`Error::Held`], [`Error::Unsafe`], [`Error::Io`]. A full disk is an error only if a torn line has to be moved.
    pub fn open(dir: impl AsRef<Path>, options: &LogOptions) -> Result<Self, Error> {
        let dir = StateDir::hold_as(dir.as_ref(), "health_log.lock")?;
        files::clean(dir.path())?;
        repair::repair(dir.path())?;
        let notes = repair::unsaid(dir.path())?;
        let mut log = Self { dir, options: options.clone(), active: None, line: Vec::new(), notes, full: false };
        log.active = log.open_active()?;
        Ok(log)
    }

    /// Appends a record. It is one write, and on the disk when this returns if [`LogOptions::sync`] says so. If the file is of
    /// another day than the record, or as large as it may be, it is rotated first. Blocks for the disk.
    ///
    /// # Errors
    /// Whatever the error, no part of the line stays, no earlier line is lost, and the log may be used again:
    /// [`Error::Full`], [`Error::Io`], [`Error::Encode`].
    pub fn append(&mut self, record: &HealthRecord) -> Result<(), Error> {
        let appended = self.try_append(record);
        self.full = appended.as_ref().is_err_and(Error::is_full);
        appended
    }

    /// Whether there was no room for the last record.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Reads all records of a directory's log, the oldest first, also while another process writes: [`LogReader`].
    pub fn read(dir: impl AsRef<Path>) -> Result<LogReader, Error> {
        LogReader::open(dir.as_ref())
    }

    fn try_append(&mut self, record: &HealthRecord) -> Result<(), Error> {
        self.line.clear();
        if self.notes.is_empty() {
            serde_json::to_writer(&mut self.line, record)?;
        } else {
            let said = self.notes.iter().map(|note| note.text.as_str()).chain(record.note.as_deref());
            let note = Some(said.collect::<Vec<_>>().join("; "));
            serde_json::to_writer(&mut self.line, &HealthRecord { note, ..record.clone() })?;
        }
        self.line.push(b'\n');
        let time = Time::new(record.at);
        let day = time.as_ref().map_or("", Time::day);
        if self.active.as_ref().is_some_and(|active| active.is_over(day, self.options.max_bytes)) {
            self.rotate()?;
        }
        if self.active.is_none() {
            self.active = Some(self.make_active()?);
        }
        let path = self.dir.path().join(ACTIVE);
        if let Some(active) = &mut self.active {
            if active.length == 0 {
                day.clone_into(&mut active.day);
            }
            active.write(&self.line, self.options.sync, &path)?;
        }
        for note in std::mem::take(&mut self.notes) {
            note.said();
        }
        Ok(())
    }

    /// The file as it was left, if it has a line.
    fn open_active(&self) -> Result<Option<Active>, Error> {
        let path = self.dir.path().join(ACTIVE);
        if !path.exists() {
            return Ok(None);
        }
        let file = options().open(&path).map_err(Error::io("open", &path))?;
        let length = file.metadata().map_err(Error::io("look at", &path))?.len();
        let day = files::first_day(&path)?;
        Ok(Some(Active { file, length, day, torn: false }))
    }

    fn make_active(&self) -> Result<Active, Error> {
        let path = self.dir.path().join(ACTIVE);
        let file = options().create(true).open(&path).map_err(Error::io("make", &path))?;
        sync_dir(self.dir.path())?;
        Ok(Active { file, length: 0, day: String::new(), torn: false })
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).read(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
    options
}

impl Active {
    /// Whether a record of that day goes into the next file. A clock that was set back is no reason for a new one.
    fn is_over(&self, day: &str, max_bytes: u64) -> bool {
        self.length > 0 && (day > self.day.as_str() || self.length >= max_bytes)
    }

    /// Writes a line, whole or not at all.
    fn write(&mut self, line: &[u8], sync: Sync, path: &Path) -> Result<(), Error> {
        if self.torn {
            self.cut(path)?;
        }
        let written = self.file.write(line).and_then(|count| {
            if count < line.len() {
                // The rest tells why: there is no room, or it was only interrupted.
                self.file.write_all(&line[count..])?;
            }
            if sync == Sync::Record { self.file.sync_data() } else { Ok(()) }
        });
        if let Err(error) = written {
            self.torn = true;
            // If it can't be cut now, it will be before the next line, or when the log is opened again.
            _ = self.cut(path);
            return Err(Error::io("append to", path)(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn cut(&mut self, path: &Path) -> Result<(), Error> {
        self.file.set_len(self.length).map_err(Error::io("cut", path))?;
        self.torn = false;
        Ok(())
    }
}
