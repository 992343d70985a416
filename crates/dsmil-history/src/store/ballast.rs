//! Room that is set aside, so that alerts still land on a full disk.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::error::{Error, out_of_room};
use crate::state_dir::sync_dir;

/// Beside the ballast so much must be free before it is taken back, in bytes: else it would be released again at once.
const MARGIN: u64 = 1 << 20;

/// What a write of the database may need at once, in bytes.
const PROBE: usize = 256 << 10;

/// A file of a fixed size that is removed when the room is needed.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
    present: bool,
}

impl Ballast {
    /// Looks for the ballast, and makes it if it is missing. A disk that has no room for it is no error here.
    pub(super) fn open(path: PathBuf, bytes: u64) -> Result<Self, Error> {
        let present = match fs::symlink_metadata(&path) {
            // Its blocks, and not its length, are the room.
            Ok(meta) => meta.is_file() && meta.len() == bytes && meta.blocks() * 512 >= bytes,
            Err(_) => false,
        };
        let mut ballast = Self { path, bytes, present };
        if !present {
            ballast.remove()?;
            ballast.restore()?;
        }
        Ok(ballast)
    }

    /// Whether the room is set aside; also if none was asked for.
    pub(super) fn present(&self) -> bool {
        self.present || self.bytes == 0
    }

    /// Gives the room free. `false` if there was none to give.
    pub(super) fn release(&mut self) -> Result<bool, Error> {
        if !self.present {
            return Ok(false);
        }
        self.remove()?;
        tracing::warn!(path = %self.path.display(), bytes = self.bytes, "the disk is full: released the room for alerts");
        Ok(true)
    }

    /// Sets the room aside again if there is enough; else it stays as it is.
    pub(super) fn restore(&mut self) -> Result<(), Error> {
        if self.present() || self.available() < self.bytes + MARGIN {
            return Ok(());
        }
        let new = self.path.with_extension("ballast.new");
        match fill(&new, self.bytes).and_then(|()| fs::rename(&new, &self.path)) {
            Ok(()) => self.present = true,
            Err(error) => {
                _ = fs::remove_file(&new);
                if !out_of_room(&error) {
                    return Err(Error::io("write", &new)(error));
                }
            }
        }
        Ok(())
    }

    fn remove(&mut self) -> Result<(), Error> {
        self.present = false;
        for path in [&self.path, &self.path.with_extension("ballast.new")] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", path)(error)),
                _ => {}
            }
        }
        sync_dir(self.path.parent().unwrap_or(Path::new(".")))
    }

    /// Bytes that this user may still write; plenty if the system doesn't say.
    fn available(&self) -> u64 {
        let parent = self.path.parent().unwrap_or(Path::new("."));
        statvfs(parent).map_or(u64::MAX, |fs| fs.blocks_available().saturating_mul(fs.fragment_size()))
    }
}

/// Writes a file that no file system can compress or share: only then is the room taken.
fn fill(path: &Path, bytes: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut out = BufWriter::with_capacity(64 << 10, file);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = bytes;
    while left > 0 {
        // Xorshift: as good as noise to whoever compresses.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let word = random.to_le_bytes();
        let part = &word[..left.min(8) as usize];
        out.write_all(part)?;
        left -= part.len() as u64;
    }
    out.into_inner()?.sync_all()
}

/// Whether a file of some size can be written beside `path`: asked when a write has failed and it is not known why.
pub(super) fn has_room(path: &Path) -> bool {
    let probe = path.with_extension("probe");
    let written = fill(&probe, PROBE as u64);
    _ = fs::remove_file(&probe);
    !written.is_err_and(|error| out_of_room(&error))
}
