//! Notifications as lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write, stderr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dsmil_alert::Notification;
use nix::libc;

use crate::NotifyError;
use crate::payload::Own;
use crate::receiver::LogReceiver;

/// Writes one line. To a file it is on the disk when this returns.
pub(crate) fn deliver(receiver: &LogReceiver, notification: &Notification) -> Result<String, NotifyError> {
    let mut line = serde_json::to_vec(&Own::new(notification))?;
    line.push(b'\n');
    let Some(path) = &receiver.path else {
        let path = Path::new("/dev/stderr");
        stderr().lock().write_all(&line).map_err(NotifyError::file("write to", path))?;
        return Ok("written to the standard error".to_owned());
    };
    let mut file = open(path)?;
    if is_torn(&mut file).map_err(NotifyError::file("read", path))? {
        // A crash or a full disk has left half a line: end it, so that this one is whole.
        line.insert(0, b'\n');
    }
    file.write_all(&line).map_err(NotifyError::file("write to", path))?;
    file.sync_data().map_err(NotifyError::file("write to", path))?;
    Ok(format!("written to {}", path.display()))
}

fn open(path: &Path) -> Result<File, NotifyError> {
    // Without O_NONBLOCK a pipe in its place would hold us for ever.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true).mode(0o640).custom_flags(flags);
    let file = options.open(path).map_err(NotifyError::file("open", path))?;
    let is_file = file.metadata().map_err(NotifyError::file("look at", path))?.is_file();
    if !is_file {
        return Err(NotifyError::config("path", format!("{} is no regular file", path.display()), "name a file of its own"));
    }
    Ok(file)
}

fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
