//! Files with a password or a token.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::SampleError;

/// So long a secret may be.
const MAX_BYTES: usize = 4096;

/// The secret in a file that only its owner can read: this user or root.
pub(super) fn read(path: &Path) -> Result<String, SampleError> {
    let fail = |error: io::Error| SampleError::read(path, error);
    let wrong = |what: String, remedy: &str| SampleError::Secret { path: path.to_owned(), what, remedy: remedy.to_owned() };
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(fail)?;
    let state = file.metadata().map_err(fail)?;
    let me = nix::unistd::geteuid().as_raw();
    if !state.is_file() {
        return Err(wrong("it is not a regular file".into(), "name a file"));
    }
    if state.uid() != me && state.uid() != 0 {
        let what = format!("it belongs to user {}, who is neither root nor user {me}", state.uid());
        return Err(wrong(what, "chown it to the user that reads it"));
    }
    if state.mode() & 0o077 != 0 {
        let what = format!("others than its owner may use it (mode {:04o})", state.mode() & 0o7777);
        return Err(wrong(what, &format!("chmod 600 {}", path.display())));
    }
    let mut text = String::new();
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(fail)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    match secret {
        "" => Err(wrong("it is empty".into(), "write the secret into it, in one line")),
        _ if text.len() > MAX_BYTES => Err(wrong(format!("it has more than {MAX_BYTES} bytes"), "write the secret alone")),
        _ if secret.chars().any(char::is_control) => Err(wrong("it has several lines or control characters".into(), "one line")),
        _ => Ok(secret.to_owned()),
    }
}
