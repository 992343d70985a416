//! What people want of a monitor that runs as another process: a folder in its state directory. A wish is a file that appears
//! whole or not at all; the monitor removes it when what follows from it is on the disk. Without a monitor it waits for the next one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dsmil_alert::{Fingerprint, Input, Silence};
use serde::{Deserialize, Serialize};

use crate::MonitorError;

/// The folder.
const FOLDER: &str = "inbox";
/// A longer wish is none.
const MAX_BYTES: u64 = 1 << 16;

/// What a person wants of a monitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wish {
    /// To take care of a firing alert.
    Acknowledge {
        /// Which.
        fingerprint: Fingerprint,
        /// Who.
        by: String,
        /// What they have to say of it.
        comment: String,
    },
    /// That nobody is told of some alerts for a while.
    Silence(Silence),
    /// That a silence ends now.
    Expire {
        /// Which.
        id: String,
        /// Who wants it.
        by: String,
    },
}

impl From<Wish> for Input {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Acknowledge { fingerprint, by, comment } => Self::Acknowledge { fingerprint, by, comment },
            Wish::Silence(silence) => Self::Silence(silence),
            Wish::Expire { id, by } => Self::Expire { id, by },
        }
    }
}

/// Puts a wish into the inbox of a state directory. When this returns it is on the disk; the file that it gives is gone when
/// the monitor has taken it.
///
/// # Errors
/// [`MonitorError::Io`].
pub fn post(state_dir: &Path, wish: &Wish) -> Result<PathBuf, MonitorError> {
    let folder = state_dir.join(FOLDER);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io("make", &folder, error)),
    }
    let name = format!("{:020}-{}", jiff::Timestamp::now().as_nanosecond(), std::process::id());
    let (hidden, path) = (folder.join(format!(".{name}")), folder.join(format!("{name}.json")));
    let text = serde_json::to_string(wish).unwrap_or_default();
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&hidden)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&hidden, &path)?;
        File::open(&folder)?.sync_all()
    };
    write().map_err(|error| {
        _ = fs::remove_file(&hidden);
        io("write", &path, error)
    })?;
    Ok(path)
}

/// Waits until the monitor has taken a wish: whether it has. Blocks for `patience` at most.
pub fn wait(posted: &Path, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while posted.exists() {
        if Instant::now() >= until {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

/// The wishes that wait, the oldest first, each with its file. What is no wish is moved aside, and told of.
pub(crate) fn waiting(state_dir: &Path) -> Vec<(PathBuf, Wish)> {
    let Ok(entries) = fs::read_dir(state_dir.join(FOLDER)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut wishes = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(wish) => wishes.push((path, wish)),
            Err(why) => {
                tracing::error!(path = %path.display(), why, "this is no wish: it is moved aside");
                if let Err(error) = fs::rename(&path, path.with_extension("refused")) {
                    tracing::error!(path = %path.display(), %error, "it can't be moved aside");
                }
            }
        }
    }
    wishes
}

/// Says that a wish was taken.
pub(crate) fn taken(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::error!(path = %path.display(), %error, "a wish that was taken can't be removed, and will be taken again");
    }
}

fn read(path: &Path) -> Result<Wish, String> {
    let state = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    let own = nix::unistd::geteuid().as_raw();
    if !state.is_file() || state.len() > MAX_BYTES {
        return Err(format!("it is no regular file of at most {MAX_BYTES} bytes"));
    }
    if state.uid() != own && state.uid() != 0 {
        return Err(format!("it belongs to user {}", state.uid()));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> MonitorError {
    MonitorError::Io { what, path: path.to_path_buf(), source }
}
