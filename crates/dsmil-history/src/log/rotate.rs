//! Rotation, compression, and the end of what is too old.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::error::Error;
use crate::state_dir::sync_dir;

use super::HealthLog;
use super::files::{ACTIVE, TORN, names, remove, rotated, same_content};
use super::record::parse_time;

/// What one call of [`HealthLog::maintain`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct LogMaintenance {
    /// Files that were compressed: none or one.
    pub compressed: u64,
    /// Files that were past their time and were removed.
    pub removed: u64,
    /// There is more to compress: call again soon.
    pub more: bool,
}

impl HealthLog {
    /// Compresses a rotated file, if one is waiting, and removes those whose day ended longer ago than they are kept. `now` is in
    /// milliseconds since the epoch. Call it every minute or so. Blocks: a file of 16 MiB takes about half a second.
    ///
    /// # Errors
    /// [`Error::Full`] (the file stays as it is, and is compressed when there is room), [`Error::Io`].
    pub fn maintain(&mut self, now: i64) -> Result<LogMaintenance, Error> {
        let dir = self.dir.path();
        let mut done =
            LogMaintenance { removed: remove_old(dir, now, self.options.keep.as_millis())?, ..LogMaintenance::default() };
        let files = rotated(dir)?;
        let mut waiting = files.values().filter(|file| file.plain);
        if let Some(file) = waiting.next() {
            compress(dir, &file.plain_path(dir), &file.packed_path(dir))?;
            done.compressed = 1;
            done.more = waiting.next().is_some();
        }
        Ok(done)
    }

    /// Gives the file that is written its final name; the next record begins a new one.
    pub(super) fn rotate(&mut self) -> Result<(), Error> {
        let dir = self.dir.path();
        let Some(active) = &mut self.active else { return Ok(()) };
        let path = dir.join(ACTIVE);
        if active.torn {
            active.cut(&path)?;
        }
        active.file.sync_all().map_err(Error::io("sync", &path))?;
        let number = rotated(dir)?.keys().next_back().map_or(1, |last| last + 1);
        let to = dir.join(format!("health_log-{}-{number:06}.jsonl", active.day));
        fs::rename(&path, &to).map_err(Error::io("rename", &path))?;
        self.active = None;
        sync_dir(dir)
    }
}

/// Compresses a file: beside it, to the disk, read back, and only then is the plain one removed. After a crash at any point there
/// is the plain file, or both with the same content, or the compressed one.
fn compress(dir: &Path, plain: &Path, packed: &Path) -> Result<(), Error> {
    let new = packed.with_extension("gz.new");
    let written = pack(plain, &new).map_err(Error::io("write", &new));
    match written.and_then(|()| same_content(plain, &new)) {
        Ok(true) => {}
        Ok(false) => {
            remove(&new)?;
            let source = std::io::Error::other("what was written could not be read back");
            return Err(Error::Io { operation: "compress", path: plain.to_path_buf(), source });
        }
        Err(error) => {
            remove(&new)?;
            return Err(error);
        }
    }
    fs::rename(&new, packed).map_err(Error::io("rename", &new))?;
    sync_dir(dir)?;
    remove(plain)?;
    sync_dir(dir)
}

fn pack(plain: &Path, new: &Path) -> std::io::Result<()> {
    let mut from = BufReader::new(File::open(plain)?);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(new)?;
    let mut to = GzEncoder::new(BufWriter::with_capacity(64 << 10, file), Compression::new(6));
    let mut chunk = [0; 8192];
    loop {
        match from.read(&mut chunk)? {
            0 => break,
            count => to.write_all(&chunk[..count])?,
        }
    }
    to.finish()?.into_inner()?.sync_all()
}

/// Removes the files whose day ended longer ago than they are kept.
fn remove_old(dir: &Path, now: i64, keep: i64) -> Result<u64, Error> {
    const DAY: i64 = 86_400_000;
    let old = |day: &str| {
        parse_time(&format!("{day}T00:00:00Z")).is_ok_and(|begin| begin.saturating_add(DAY).saturating_add(keep) <= now)
    };
    let mut removed = 0;
    for file in rotated(dir)?.values().filter(|file| old(&file.day)) {
        remove(&file.plain_path(dir))?;
        remove(&file.packed_path(dir))?;
        removed += 1;
    }
    for name in names(dir)? {
        // health_log.torn-20261121T023945Z-at-512
        let Some(date) = name.strip_prefix(TORN).and_then(|rest| rest.get(..8)) else { continue };
        if old(&format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..])) {
            remove(&dir.join(name))?;
            removed += 1;
        }
    }
    Ok(removed)
}
