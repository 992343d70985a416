//! Why the monitor can't do what it was asked for.

use std::io;
use std::path::PathBuf;

use crate::ConfigError;

/// Why the monitor can't start, go on or answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The configuration can't be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A gate file can't be used together with the others.
    #[error("{file}: {what}")]
    Gates {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The store, the health log or the state directory.
    #[error(transparent)]
    History(#[from] dsmil_history::Error),
    /// What was saved before a restart can't be read.
    #[error(
        "the saved state {key:?} can't be used: {what}; move the state directory away to begin anew, or use the release that wrote it"
    )]
    State {
        /// Its key in the store.
        key: String,
        /// What is wrong.
        what: String,
    },
    /// Alerts, silences, acknowledgements.
    #[error(transparent)]
    Alert(#[from] dsmil_alert::AlertError),
    /// Scores and baselines.
    #[error(transparent)]
    Health(#[from] dsmil_health::HealthError),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] dsmil_audit::AuditError),
    /// Samplers.
    #[error(transparent)]
    Sample(#[from] dsmil_sample::SampleError),
    /// Receivers.
    #[error(transparent)]
    Notify(#[from] dsmil_notify::NotifyError),
    /// The HTTP endpoint.
    #[error(transparent)]
    Serve(#[from] dsmil_serve::Error),
    /// A file or thread of the monitor itself.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("can't start the thread {name}: {source}; look at the limits on processes and memory")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What a person wanted could not be written down yet.
    #[error("it is not written down yet, and is tried again: {why}")]
    NotSaved {
        /// Why not.
        why: String,
    },
    /// The monitor has ended.
    #[error("the monitor has ended")]
    Ended,
    /// A fault of this program.
    #[error("a fault of the monitor itself: {what}; please report it")]
    Internal {
        /// What is wrong.
        what: String,
    },
}

impl MonitorError {
    /// Its stable name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Gates { .. } => "gates",
            Self::History(error) => error.kind(),
            Self::State { .. } => "saved-state",
            Self::Alert(error) => error.kind(),
            Self::Health(error) => error.kind(),
            Self::Audit(_) => "audit",
            Self::Sample(error) => error.kind(),
            Self::Notify(error) => error.kind(),
            Self::Serve(error) => error.kind(),
            Self::Io { .. } => "io",
            Self::Thread { .. } => "thread",
            Self::NotSaved { .. } => "not-saved",
            Self::Ended => "ended",
            Self::Internal { .. } => "internal",
        }
    }
}
