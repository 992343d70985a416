//! Why the endpoint can't be started or reloaded.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the endpoint can't be started or reloaded. Each says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of its range.
    #[error("{key}: {reason}")]
    Setting {
        /// The key, such as `limits.connections`.
        key: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// No file with keys is named, and nothing is served without one.
    #[error("keys_file is not set: name a file with mode 0600 that holds at least one [[key]] with name, role and sha256")]
    NoKeysFile,
    /// The file with the keys can't be used.
    #[error("keys file {}{}: {what}; {remedy}", path.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    KeysFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where one is at fault.
        line: Option<usize>,
        /// What is wrong; never a key.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// An address that other machines reach, without TLS.
    #[error(
        "listen = \"{listen}\" can be reached from other machines, and keys would cross the network in the clear: configure [tls] \
         with cert and key, or listen on 127.0.0.1, or set allow_plain_remote = true where something else encrypts"
    )]
    PlainRemote {
        /// The address.
        listen: SocketAddr,
    },
    /// Certificate or private key can't be used.
    #[error("TLS file {}: {what}; {remedy}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The address can't be listened on.
    #[error("can't listen on {listen}: {source}; is another monitor running there? choose another address with listen")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The threads of the endpoint can't be started.
    #[error("can't start the threads of the endpoint: {0}; look at the limits on processes and memory")]
    Threads(io::Error),
    /// The system has no random numbers for a new key.
    #[error("the system gave no random numbers: a key can't be made now")]
    NoRandomness,
}

impl Error {
    /// Its stable name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "setting",
            Self::NoKeysFile => "no-keys-file",
            Self::KeysFile { .. } => "keys-file",
            Self::PlainRemote { .. } => "plain-remote",
            Self::Tls { .. } => "tls",
            Self::Listen { .. } => "listen",
            Self::Threads(_) => "threads",
            Self::NoRandomness => "no-randomness",
        }
    }
}
