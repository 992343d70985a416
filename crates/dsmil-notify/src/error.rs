//! What can go wrong, and what the reader can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a receiver can't be used, or why a notification was not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// The description of the receiver is not one that can be used.
    #[error("notify: {key}: {what}; {remedy}")]
    Config {
        /// The key at fault, such as `url`.
        key: &'static str,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A file with a secret is not one that can be trusted.
    #[error("notify: {} is not to be trusted: {why}. Remedy: {remedy}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What puts it right.
        remedy: &'static str,
    },
    /// The system refused an operation on a file.
    #[error("notify: cannot {operation} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The command could not be started or waited for.
    #[error("notify: cannot {operation} {}: {source}", program.display())]
    Start {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The command ended with another status than 0.
    #[error("notify: {} {how}{}", program.display(), said(output))]
    Command {
        /// The program.
        program: PathBuf,
        /// How it ended.
        how: String,
        /// The end of what it wrote.
        output: String,
    },
    /// No answer in time.
    #[error("notify: {to} did not answer within {} ms{}", waited.as_millis(), said(output))]
    Timeout {
        /// A URL or a program.
        to: String,
        /// How long it had.
        waited: Duration,
        /// What a program had written until then.
        output: String,
    },
    /// There was no connection, or it broke.
    #[error("notify: {url}: {what}")]
    Connection {
        /// The URL.
        url: String,
        /// What happened.
        what: String,
    },
    /// The answer was not that the notification was taken.
    #[error("notify: {url} answered {status}{}", said(body))]
    Status {
        /// The URL.
        url: String,
        /// The status of HTTP.
        status: u16,
        /// The beginning of the answer.
        body: String,
    },
    /// The notification could not be put into JSON.
    #[error("notify: the notification cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
}

impl NotifyError {
    /// Its name, the same in every language.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Secret { .. } => "secret",
            Self::File { .. } => "file",
            Self::Start { .. } => "start",
            Self::Command { .. } => "command",
            Self::Timeout { .. } => "timeout",
            Self::Connection { .. } => "connection",
            Self::Status { .. } => "status",
            Self::Encode(_) => "encode",
        }
    }

    /// Whether a further attempt may succeed. Only what is refused for what it says is not tried again: HTTP 400, 410, 413,
    /// 415, 422 and 431. All else may be put right by an operator, without the notification being lost meanwhile: a token
    /// that has expired (401, 403), a service that is not yet there (404), a redirect, a file with the wrong mode.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => !matches!(status, 400 | 410 | 413 | 415 | 422 | 431),
            Self::Encode(_) => false,
            _ => true,
        }
    }

    pub(crate) fn config(key: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self::Config { key, what: what.into(), remedy }
    }

    /// For `map_err`: a system error on `path`.
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { operation, path, source }
    }
}

fn said(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Text from outside, made fit for one line of a log: so many bytes at most, without control characters.
pub(crate) fn plain(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(most)]);
    text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
