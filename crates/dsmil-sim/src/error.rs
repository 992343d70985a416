//! The crate's errors.

use std::path::PathBuf;

use thiserror::Error;

/// What can go wrong when a simulated device is set up. What the *driver* answers is an `Errno`, not this.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimError {
    /// An option of the device is not known or has a value that it can't have.
    #[error("option {option:?} of the simulated device: {why}")]
    Option {
        /// The option as it was written.
        option: String,
        /// What is wrong with it.
        why: String,
    },
    /// A fault file says something that can't be followed.
    #[error("{}:{line}: {key}: {why}", path.display())]
    Faults {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key that is wrong, or `fault` where the whole entry is.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The directory to serve in can't be used.
    #[cfg(feature = "serve")]
    #[error("can't serve in {}: {why}", path.display())]
    Place {
        /// The directory.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The file system could not be mounted.
    #[cfg(feature = "serve")]
    #[error("can't mount on {}: {source}. {remedy}", path.display())]
    Mount {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The file system could not be ended cleanly.
    #[cfg(feature = "serve")]
    #[error("can't end the service in {}: {source}. Unmount it by hand: umount -l, or fusermount3 -uz", path.display())]
    End {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The signals that end the service could not be waited for.
    #[cfg(feature = "serve")]
    #[error("can't wait for SIGTERM and SIGINT: {0}")]
    Signals(nix::errno::Errno),
}
