//! A torn last line: what a crash within a write leaves.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::state_dir::sync_dir;

use super::files::{ACTIVE, TORN, UNSAID, names};

/// What the next record has to say.
#[derive(Debug)]
pub(super) struct Note {
    pub text: String,
    path: PathBuf,
}

impl Note {
    /// A record has said it, so it need not be said again. If this fails, it is said once more, which is no harm.
    pub(super) fn said(self) {
        let name = self.path.to_string_lossy();
        let done = name.strip_suffix(UNSAID).unwrap_or(&name);
        if let Err(error) = fs::rename(&self.path, done) {
            tracing::warn!(file = %self.path.display(), %error, "cannot rename");
        }
    }
}

/// Moves what stands behind the last newline into a file of its own: copied and forced to the disk before it is cut, so that a
/// crash in between loses nothing.
pub(super) fn repair(dir: &Path) -> Result<(), Error> {
    let path = dir.join(ACTIVE);
    let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Error::io("open", &path))?,
    };
    let length = file.metadata().map_err(Error::io("look at", &path))?.len();
    let whole = end_of_last_line(&mut file, length).map_err(Error::io("read", &path))?;
    if whole == length {
        return Ok(());
    }
    let torn = (length - whole, dir.join(torn_name(dir, whole)?));
    copy_tail(&mut file, whole, &torn.1)?;
    sync_dir(dir)?;
    file.set_len(whole).and_then(|()| file.sync_all()).map_err(Error::io("cut", &path))?;
    tracing::warn!(file = %torn.1.display(), bytes = torn.0, "moved a torn line out of the health log");
    Ok(())
}

/// The torn lines that no record has spoken of.
pub(super) fn unsaid(dir: &Path) -> Result<Vec<Note>, Error> {
    let mut notes = Vec::new();
    for name in names(dir)?.into_iter().filter(|name| name.starts_with(TORN) && name.ends_with(UNSAID)) {
        let path = dir.join(&name);
        let bytes = fs::metadata(&path).map_err(Error::io("look at", &path))?.len();
        let text = format!("a torn line of {bytes} bytes was moved to {}", name.trim_end_matches(UNSAID));
        notes.push(Note { text, path });
    }
    Ok(notes)
}

/// Named by the time and by where the line stood; if a crash came before the line was cut, the same line is moved again.
fn torn_name(dir: &Path, offset: u64) -> Result<String, Error> {
    let ending = format!("-at-{offset}{UNSAID}");
    if let Some(same) = names(dir)?.into_iter().find(|name| name.starts_with(TORN) && name.ends_with(&ending)) {
        return Ok(same);
    }
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    Ok(format!("{TORN}{now}{ending}"))
}

fn copy_tail(file: &mut File, from: u64, path: &Path) -> Result<(), Error> {
    let copy = || {
        let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut chunk = [0; 8192];
        loop {
            match file.read(&mut chunk)? {
                0 => return copy.sync_all(),
                count => copy.write_all(&chunk[..count])?,
            }
        }
    };
    let mut copy = copy;
    copy().map_err(Error::io("write", path))
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File, length: u64) -> std::io::Result<u64> {
    let mut end = length;
    let mut chunk = [0; 8192];
    while end > 0 {
        let begin = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(newline) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + newline as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}
