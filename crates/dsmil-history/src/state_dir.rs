//! The directory that holds the state, and the lock that says whose it is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::error::{Error, out_of_room};

/// A directory that this process holds until the value is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: Flock<File>,
}

/// What the lock file says about the one who holds it.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    since: String,
    command: String,
}

impl StateDir {
    /// Takes a directory, which is made (0700) if it is missing; its parent must exist. The lock is `monitor.lock` in it; the
    /// kernel frees it when this process ends. Children that are started with `exec` don't inherit it.
    ///
    /// Doesn't block, but for up to 0.2 s while another one that has just taken the lock says who it is.
    ///
    /// # Errors
    /// [`Error::Held`] with the one who holds it, [`Error::Unsafe`] if the directory belongs to another user or group or others
    /// may write in it, [`Error::Full`], [`Error::Io`].
    pub fn hold(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::hold_as(path.as_ref(), "monitor.lock")
    }

    pub(crate) fn hold_as(path: &Path, lock: &str) -> Result<Self, Error> {
        prepare(path)?;
        let lock = take_lock(&path.join(lock))?;
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for StateDir {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Makes the directory if it is missing, and looks whether it can be trusted.
fn prepare(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {
            if let Some(parent) = path.parent() {
                sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io("make the directory", path)(error)),
    }
    let meta = fs::metadata(path).map_err(Error::io("look at", path))?;
    if !meta.is_dir() {
        return Err(unsafe_path(path, "it is no directory".into(), "name a directory".into()));
    }
    trusted(path, &meta)
}

/// Looks whether a file may be used: a plain file of this user that nobody else may write. One that is missing may.
pub(crate) fn check_file(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", path)(error)),
        Ok(meta) if !meta.is_file() => Err(unsafe_path(path, "it is no plain file".into(), "move it away".into())),
        Ok(meta) => trusted(path, &meta),
    }
}

fn trusted(path: &Path, meta: &fs::Metadata) -> Result<(), Error> {
    let user = geteuid().as_raw();
    if meta.uid() != user {
        let why = format!("it belongs to user {}, this process runs as user {user}", meta.uid());
        return Err(unsafe_path(path, why, format!("chown {user} {}, or run as user {}", path.display(), meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        let why = format!("group or others may write it (mode {:04o})", meta.mode() & 0o7777);
        return Err(unsafe_path(path, why, format!("chmod go-w {}", path.display())));
    }
    Ok(())
}

fn unsafe_path(path: &Path, why: String, remedy: String) -> Error {
    Error::Unsafe { path: path.to_path_buf(), why, remedy }
}

/// Makes the names in a directory durable. Blocks.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io("sync the directory", path))
}

fn take_lock(path: &Path) -> Result<Flock<File>, Error> {
    check_file(path)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
    let file = options.open(path).map_err(Error::io("open", path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            match sign(&mut lock) {
                // The lock is what counts; on a full disk nobody is told who holds it.
                Err(error) if !out_of_room(&error) => Err(Error::io("write", path)(error)),
                _ => Ok(lock),
            }
        }
        Err((file, Errno::EWOULDBLOCK)) => Err(held_by(path, file)),
        Err((_, errno)) => Err(Error::io("lock", path)(errno.into())),
    }
}

/// Says in the lock file who holds it. What was there is overwritten before it is cut, so that a full disk has room for it.
fn sign(lock: &mut File) -> std::io::Result<()> {
    let command: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let holder = Holder { pid: std::process::id(), since: jiff::Timestamp::now().to_string(), command: command.join(" ") };
    let text = serde_json::to_string(&holder)? + "\n";
    lock.write_all(text.as_bytes())?;
    lock.set_len(text.len() as u64)
}

/// The one who holds the lock. It may have taken it a moment ago, so that the file still names the one before, who is gone.
fn held_by(path: &Path, mut file: File) -> Error {
    let mut text = String::new();
    for _ in 0..20 {
        text.clear();
        let read = std::io::Seek::rewind(&mut file).and_then(|()| file.read_to_string(&mut text));
        if let (Ok(_), Ok(Holder { pid, since, command })) = (read, serde_json::from_str(&text))
            && Path::new("/proc").join(pid.to_string()).exists()
        {
            return Error::Held { path: path.to_path_buf(), pid, since, command };
        }
        sleep(Duration::from_millis(10));
    }
    Error::Held { path: path.to_path_buf(), pid: 0, since: "an unknown time".into(), command: "not known".into() }
}
