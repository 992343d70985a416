//! A device file: the driver's node, or a simulated device served as a file. Both take real ioctls.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use dsmil_quarantine::Request;
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::{major, minor};
use nix::sys::statfs::{FUSE_SUPER_MAGIC, fstatfs};

use super::BackendError;
use crate::error::OpenFailure;
use crate::{Error, sys};

#[derive(Debug)]
pub(crate) struct KernelBackend {
    /// Shared only so that a turn's lock can be given up after the backend is gone.
    file: Arc<File>,
}

impl KernelBackend {
    /// Opens a device file. What it is has been looked at before, so that opening something else has
    /// no effect on it, and is checked again on the open file, which is what counts.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let before = fs::metadata(path).map_err(|error| open_failure(path, &error))?;
        check_kind(path, &before)?;
        // The standard library opens with O_CLOEXEC.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(path)
            .map_err(|error| open_failure(path, &error))?;
        let after = file.metadata().map_err(|error| open_failure(path, &error))?;
        check_kind(path, &after)?;
        if after.is_file() && !fstatfs(&file).is_ok_and(|system| system.filesystem_type() == FUSE_SUPER_MAGIC) {
            return Err(not_a_device(path, "it is an ordinary file"));
        }
        Ok(Self { file: Arc::new(file) })
    }

    #[inline]
    pub(crate) fn call(&self, request: &Request, argument: &mut [u8]) -> Result<(), BackendError> {
        Ok(sys::ioctl(self.file.as_fd(), request, argument)?)
    }

    pub(crate) const fn file(&self) -> &Arc<File> {
        &self.file
    }
}

/// A character device that the kernel doesn't know under another name, or a regular file, which may
/// be a served device.
fn check_kind(path: &Path, state: &fs::Metadata) -> Result<(), Error> {
    let kind = state.file_type();
    if kind.is_char_device() {
        return match kernel_name(state.rdev()) {
            Some(name) if !name.starts_with("dsmil") => {
                Err(not_a_device(path, &format!("the kernel knows it as {name:?}, another driver's device")))
            }
            _ => Ok(()),
        };
    }
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "it is a directory (a served device is the file dsmil-72dev in it)"
    } else {
        "it is no character device"
    };
    Err(not_a_device(path, what))
}

/// What the kernel calls a character device; `None` if it doesn't say.
fn kernel_name(device: u64) -> Option<String> {
    let uevent = fs::read_to_string(format!("/sys/dev/char/{}:{}/uevent", major(device), minor(device))).ok()?;
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(name.rsplit('/').next().unwrap_or(name).to_owned())
}

/// The path is something else.
pub(crate) fn not_a_device(path: &Path, what: &str) -> Error {
    Error::Open {
        path: path.to_owned(),
        kind: OpenFailure::NotADevice,
        what: format!("this is no dsmil device: {what}"),
        remedy: "name the driver's node (/dev/dsmil-72dev), a served device, or sim:".into(),
    }
}

fn open_failure(path: &Path, error: &io::Error) -> Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
    let (kind, what, remedy) = match errno {
        Errno::ENOENT | Errno::ENOTDIR => (
            OpenFailure::Missing,
            "there is no such file".to_owned(),
            "load the driver (modprobe dsmil-72dev), or use the simulated device: sim:".to_owned(),
        ),
        Errno::EACCES | Errno::EPERM => (OpenFailure::Refused, refused_by(path), refused_remedy(path)),
        Errno::ENODEV | Errno::ENXIO => (
            OpenFailure::NotInitialised,
            format!("{errno}: the driver is loaded but not initialised"),
            "see dmesg for why its probe failed, then load it again (modprobe -r dsmil-72dev; modprobe dsmil-72dev)".to_owned(),
        ),
        Errno::ENOTCONN => (
            OpenFailure::Missing,
            "the program that served this device is gone".to_owned(),
            "start it again: dsmil sim serve".to_owned(),
        ),
        _ => (OpenFailure::Other(errno), error.to_string(), "`dsmil doctor` looks at what may be missing".to_owned()),
    };
    Error::Open { path: path.to_owned(), kind, what, remedy }
}

fn refused_by(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(state) => {
            format!("permission denied: its mode is {:04o}, its group {}", state.mode() & 0o7777, group_name(state.gid()))
        }
        Err(_) => "permission denied: its folder may not be searched".to_owned(),
    }
}

fn refused_remedy(path: &Path) -> String {
    let user =
        nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map_or_else(|| "USER".to_owned(), |user| user.name);
    match fs::metadata(path) {
        Ok(state) if state.gid() != 0 && state.mode() & 0o060 == 0o060 => {
            let group = group_name(state.gid());
            format!("this user is not in the group {group}: usermod -aG {group} {user}, then log in again")
        }
        _ => "the udev rule that gives the node to the group dsmil (mode 0660) is missing: install it, then udevadm trigger"
            .to_owned(),
    }
}

fn group_name(gid: u32) -> String {
    nix::unistd::Group::from_gid(gid.into()).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name)
}
