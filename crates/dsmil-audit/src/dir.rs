//! The directory of a log: names, how files are opened, who may own them, and the lock.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::Gid;

use crate::error::AuditError;

pub(crate) const LIVE: &str = "audit.jsonl";
const HEAD: &str = "audit.head";
const LOCK: &str = "audit.lock";
const TORN: &str = "audit.torn";
const OPEN: &str = "audit.open";

/// The directory of a log. Holds no open file, so nothing here is inherited by a fork.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    pub(crate) root: PathBuf,
}

/// The lock, held. Unlocked by name when dropped, so that a child which was forked meanwhile doesn't keep it.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// A rotated file.
#[derive(Clone, Debug)]
pub(crate) struct Rotated {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

impl Dir {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.root.join(LIVE)
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.root.join(HEAD)
    }

    pub(crate) fn torn(&self) -> PathBuf {
        self.root.join(TORN)
    }

    pub(crate) fn intents(&self) -> PathBuf {
        self.root.join(OPEN)
    }

    pub(crate) fn rotated_path(&self, first: u64) -> PathBuf {
        self.root.join(format!("audit-{first:012}.jsonl"))
    }

    /// Makes the directory (0750, or 2770 in a directory that its group may write to) and the one for
    /// intents, if missing, and checks both.
    pub(crate) fn prepare(&self) -> Result<(), AuditError> {
        for path in [self.root.clone(), self.intents()] {
            match DirBuilder::new().mode(0o750).create(&path) {
                Ok(()) => {
                    if is_shared(&path) {
                        fs::set_permissions(&path, Permissions::from_mode(0o2770)).map_err(AuditError::io("share", &path))?;
                    }
                    if let Some(parent) = path.parent() {
                        sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(AuditError::io("create", &path)(error)),
            }
            let meta = fs::symlink_metadata(&path).map_err(AuditError::io("examine", &path))?;
            if meta.is_symlink() {
                return Err(link_error(&path));
            }
            if !meta.is_dir() {
                return Err(distrust(&path, "it is not a directory", "move it away, or give another path"));
            }
            check_owner(&path, &meta)?;
        }
        Ok(())
    }

    /// Waits for the log's turn, at most `wait`. Each call makes an open file description of its own: threads exclude each
    /// other as processes do.
    pub(crate) fn lock(&self, wait: Duration) -> Result<Lock, AuditError> {
        let path = self.root.join(LOCK);
        let file = open(&path, OpenOptions::new().write(true).create(true), true)?;
        wait_for(&file, &path, wait, File::try_lock)?;
        Ok(Lock(file))
    }

    /// The same for a reader. `None` where there is no lock file: a copy of a log has no writers.
    pub(crate) fn lock_shared(&self, wait: Duration) -> Result<Option<Lock>, AuditError> {
        let path = self.root.join(LOCK);
        let Some(file) = open_if_there(&path, false)? else { return Ok(None) };
        wait_for(&file, &path, wait, File::try_lock_shared)?;
        Ok(Some(Lock(file)))
    }

    /// The rotated files, oldest first.
    pub(crate) fn rotated(&self) -> Result<Vec<Rotated>, AuditError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(AuditError::io("list", &self.root))? {
            let entry = entry.map_err(AuditError::io("list", &self.root))?;
            let name = entry.file_name();
            let digits = name.to_str().and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl"));
            if let Some(first) = digits.filter(|d| d.len() >= 12).and_then(|d| d.parse().ok()) {
                found.push(Rotated { first, path: entry.path() });
            }
        }
        found.sort_by_key(|file| file.first);
        Ok(found)
    }
}

/// Tries again with growing pauses, so that a holder that hangs can't hang us.
fn wait_for(
    file: &File,
    path: &Path,
    wait: Duration,
    attempt: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<(), AuditError> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(20);
    loop {
        match attempt(file) {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if start.elapsed() >= wait => {
                return Err(AuditError::Busy { path: path.to_path_buf(), waited: start.elapsed() });
            }
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(AuditError::io("lock", path)(error));
            }
            Err(_) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(1));
    }
}

/// Whether the group may write to the directory that a path lies in: then it is the group's log, and
/// what is made there is the group's too, whatever the umask.
fn is_shared(path: &Path) -> bool {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::metadata(parent).is_ok_and(|meta| meta.mode() & 0o020 != 0)
}

/// Opens a file of the log: never through a symbolic link, 0640 when made (0660 in a directory that its
/// group may write to). With `trusted`, its owner and mode are checked.
pub(crate) fn open(path: &Path, how: &OpenOptions, trusted: bool) -> Result<File, AuditError> {
    let mut how = how.clone();
    // O_NONBLOCK: a FIFO put in the file's place must not hang us.
    how.mode(0o640).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    let file = how.open(path).map_err(|error| {
        let link = error.raw_os_error() == Some(Errno::ELOOP as i32);
        if link { link_error(path) } else { AuditError::io("open", path)(error) }
    })?;
    let meta = file.metadata().map_err(AuditError::io("examine", path))?;
    if !meta.is_file() {
        return Err(distrust(path, "it is not a regular file", "find out what it is, and move it away"));
    }
    if trusted {
        check_owner(path, &meta)?;
        let is_mine = meta.uid() == nix::unistd::geteuid().as_raw();
        if is_mine && meta.mode() & 0o020 == 0 && is_shared(path) {
            file.set_permissions(Permissions::from_mode(0o660)).map_err(AuditError::io("share", path))?;
        }
    }
    Ok(file)
}

/// Opens for reading; `None` when there is no such file.
pub(crate) fn open_if_there(path: &Path, trusted: bool) -> Result<Option<File>, AuditError> {
    match open(path, OpenOptions::new().read(true), trusted) {
        Ok(file) => Ok(Some(file)),
        Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes names in a directory survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> Result<(), AuditError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(AuditError::io("sync", path))
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), AuditError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AuditError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn check_owner(path: &Path, meta: &Metadata) -> Result<(), AuditError> {
    let me = nix::unistd::geteuid().as_raw();
    if meta.uid() != 0 && meta.uid() != me && !is_of_my_group(meta) {
        let why = format!("it is owned by uid {}, neither root nor this process (uid {me})", meta.uid());
        return Err(distrust(path, &why, &format!("chown {me} {}", path.display())));
    }
    if meta.mode() & 0o002 != 0 {
        let why = format!("everybody may write to it (mode {:04o})", meta.mode() & 0o7777);
        return Err(distrust(path, &why, &format!("chmod o-w {}, then verify the log", path.display())));
    }
    Ok(())
}

/// Made by somebody else for a group that this process is in: only a member, or root, can have done so.
fn is_of_my_group(meta: &Metadata) -> bool {
    let mine = |gid: Gid| nix::unistd::getegid() == gid || nix::unistd::getgroups().is_ok_and(|groups| groups.contains(&gid));
    meta.mode() & 0o020 != 0 && mine(Gid::from_raw(meta.gid()))
}

fn link_error(path: &Path) -> AuditError {
    distrust(path, "it is a symbolic link", "remove the link, or give the real path")
}

fn distrust(path: &Path, why: &str, remedy: &str) -> AuditError {
    AuditError::Unsafe { path: path.to_path_buf(), why: why.into(), remedy: remedy.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A duplicate shares the open file description, as what a forked child inherits does.
    #[test]
    fn a_copy_of_the_lock_in_a_child_does_not_hold_up_others() {
        let root = tempfile::TempDir::new().unwrap();
        let dir = Dir::new(root.path());
        let lock = dir.lock(Duration::ZERO).unwrap();
        let in_child = lock.0.try_clone().unwrap();
        assert!(matches!(dir.lock(Duration::ZERO), Err(AuditError::Busy { .. })));
        drop(lock);
        drop(dir.lock(Duration::ZERO).unwrap());
        drop(in_child);
    }
}
