//! The directory before the mount and after it.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::mount::{MntFlags, umount2};

use crate::SimError;

/// How many stale mounts may lie on one another.
const STALE_LIMIT: usize = 16;

/// Makes a directory ready to be mounted on: creates it, or finds it empty, after removing what a killed
/// server left. Answers its absolute path.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, SimError> {
    let refuse = |why: String| SimError::Place { path: path.to_owned(), why };
    let place = absolute(path).map_err(|error| refuse(format!("the directory above it: {error}")))?;
    remove_stale(&place).map_err(|error| refuse(format!("a stale mount can't be removed: {error}")))?;
    if is_mount_point(&place) {
        return Err(refuse("something is mounted there already; unmount it, or choose another directory".into()));
    }
    match fs::symlink_metadata(&place) {
        Ok(found) if found.is_symlink() => Err(refuse("it is a symbolic link; name the directory itself".into())),
        Ok(found) if !found.is_dir() => Err(refuse("it is not a directory".into())),
        Ok(_) => match fs::read_dir(&place).map(|mut entries| entries.next().is_none()) {
            Ok(true) => Ok(place),
            Ok(false) => Err(refuse("the directory is not empty; choose another, since the mount would hide its files".into())),
            Err(error) => Err(refuse(error.to_string())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::create_dir(&place) {
            Ok(()) => Ok(place),
            Err(error) => Err(refuse(format!("the directory can't be created: {error}"))),
        },
        Err(error) => Err(refuse(error.to_string())),
    }
}

/// `fuser` panics where /dev/fuse would become standard input, output or error, so that all three must be open.
pub(super) fn check_standard_files(place: &Path) -> Result<(), SimError> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    match [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()].into_iter().find_map(|file| fcntl(file, FcntlArg::F_GETFD).err()) {
        None => Ok(()),
        Some(errno) => Err(SimError::Mount {
            path: place.to_owned(),
            source: errno.into(),
            remedy: "Standard input, output or error is closed: start the program with all three open, on /dev/null if need be",
        }),
    }
}

/// The path with everything above it resolved and the directory itself left alone: a dead mount can't be
/// resolved, and asking a hanging one would hang. What is missing above it is created.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the root directory can't be served in"));
    };
    fs::create_dir_all(above)?;
    Ok(above.canonicalize()?.join(name))
}

/// Whether the server behind a mount is dead: every call then answers ENOTCONN.
fn is_stale(place: &Path) -> bool {
    is_mount_point(place) && fs::metadata(place).is_err_and(|error| error.raw_os_error() == Some(Errno::ENOTCONN as i32))
}

fn remove_stale(place: &Path) -> Result<(), Errno> {
    for _ in 0..STALE_LIMIT {
        if !is_stale(place) {
            return Ok(());
        }
        detach(place)?;
    }
    Err(Errno::EBUSY)
}

/// Unmounts lazily: the directory is free at once, and clients that have files open keep them.
fn detach(place: &Path) -> Result<(), Errno> {
    match umount2(place, MntFlags::MNT_DETACH) {
        Err(Errno::EPERM) => {
            let mut fusermount = Command::new("fusermount3");
            fusermount.arg("-uz").arg("--").arg(place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            match fusermount.status() {
                Ok(status) if status.success() => Ok(()),
                _ => Err(Errno::EPERM),
            }
        }
        done => done,
    }
}

/// Unmounts our own mount, unless it has already gone.
pub(super) fn detach_if_served(place: &Path, gone: bool) -> Result<(), Errno> {
    if gone || !is_mount_point(place) {
        return Ok(());
    }
    detach(place)
}

/// Whether something is mounted on a path, asked of the kernel's table: that can't hang.
fn is_mount_point(place: &Path) -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .any(|field| unescape(field) == place.as_os_str().as_bytes())
}

/// The table writes blanks and the like as `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(byte);
            rest = &after[3..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// A failed mount with what to do about it.
pub(super) fn explain(place: &Path, source: io::Error) -> SimError {
    let remedy = if !Path::new("/dev/fuse").exists() {
        "There is no /dev/fuse: load the kernel module (modprobe fuse), or give the container the device"
    } else if nix::unistd::geteuid().is_root() {
        "Root needs the capability CAP_SYS_ADMIN for it: in a container, allow it, or use the device in the process (sim:)"
    } else if source.raw_os_error() == Some(Errno::EACCES as i32) && fs::File::open("/dev/fuse").is_err() {
        "An ordinary user may not open /dev/fuse here: run as root, or use the device in the process (sim:)"
    } else if !has_fusermount() {
        "An ordinary user needs fusermount3: install the package fuse3, or run as root, or use the device in the process (sim:)"
    } else {
        "fusermount3 refused: see that /dev/fuse may be opened and that the directory belongs to you"
    };
    SimError::Mount { path: place.to_owned(), source, remedy }
}

fn has_fusermount() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("fusermount3").is_file())
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn the_mount_table_is_read_back() {
        assert_eq!(unescape(b"/a\\040b\\134c"), b"/a b\\c");
        assert_eq!(unescape(b"/plain\\"), b"/plain\\");
    }
}
