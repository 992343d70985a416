//! The crate's errors. Each says what was wrong, where, and what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use thiserror::Error;

/// Why something could not be measured.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A configuration that makes no sense.
    #[error("{key}: {what}; {remedy}")]
    Config {
        /// The key, from the table of samplers on: `disks.paths`.
        key: String,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// It took longer than it may.
    #[error("{what} took longer than {limit:?}; see why, or set a longer `timeout`")]
    Timeout {
        /// What took so long.
        what: String,
        /// The time-out.
        limit: Duration,
    },
    /// A sample that was begun long ago has not ended: the next one is not begun before.
    #[error("the sample begun {since:?} ago still hangs; no other is begun until it ends")]
    Hangs {
        /// How long it has been going on.
        since: Duration,
    },
    /// So many samplers hang that no further one is begun.
    #[error("{threads} samplers hang already, and no more threads are made; see what they hang on")]
    TooManyHang {
        /// How many threads there are.
        threads: usize,
    },
    /// A file, a folder or a mount point can't be read.
    #[error("{}: {source}{}", path.display(), remedy.map(|what| format!("; {what}")).unwrap_or_default())]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
        /// What to do, where there is something.
        remedy: Option<&'static str>,
    },
    /// What was read is not what should be there.
    #[error("{origin}: {what}")]
    Parse {
        /// The file, the command or the query.
        origin: String,
        /// What is wrong.
        what: String,
    },
    /// A source says that it could not read a metric: its value is `null`.
    #[error("{origin}: it says that {metric} could not be read")]
    NoValue {
        /// The file or the command.
        origin: String,
        /// The metric.
        metric: String,
    },
    /// More than may be read or kept.
    #[error("{origin}: more than {limit} {unit}; the rest was left out")]
    TooMuch {
        /// The file, the command or the sampler.
        origin: String,
        /// The limit.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A command could not be run, or failed.
    #[error("command {command:?}: {what}")]
    Command {
        /// The program.
        command: String,
        /// What happened, with the end of what it wrote to standard error.
        what: String,
    },
    /// A file with a password or token that others may read or write.
    #[error("{}: {what}; {remedy}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A server could not be reached, or answered with an error.
    #[error("{url}: {what}")]
    Server {
        /// Where, without user and password.
        url: String,
        /// What happened.
        what: String,
    },
    /// A query has no value, or one of the wrong kind.
    #[error("{metric}: the query {query:?} {what}")]
    Query {
        /// The metric that it should give.
        metric: String,
        /// The query.
        query: String,
        /// What is wrong.
        what: String,
    },
    /// The device can't be asked.
    #[error(transparent)]
    Device(#[from] Box<dsmil_device::Error>),
    /// What a callback says.
    #[error("{0}")]
    Callback(String),
    /// A sampler panicked.
    #[error("the sampler panicked: {0}")]
    Panicked(String),
    /// The system refuses something that should always work.
    #[error("{what}: {errno}")]
    System {
        /// The call.
        what: &'static str,
        /// What the system says.
        errno: Errno,
    },
}

impl SampleError {
    /// The error's stable name, the same in every language.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Timeout { .. } => "timeout",
            Self::Hangs { .. } => "hangs",
            Self::TooManyHang { .. } => "too-many-hang",
            Self::Read { .. } => "read",
            Self::Parse { .. } => "parse",
            Self::NoValue { .. } => "no-value",
            Self::TooMuch { .. } => "too-much",
            Self::Command { .. } => "command",
            Self::Secret { .. } => "secret",
            Self::Server { .. } => "server",
            Self::Query { .. } => "query",
            Self::Device(error) => error.kind(),
            Self::Callback(_) => "callback",
            Self::Panicked(_) => "panicked",
            Self::System { .. } => "system",
        }
    }

    /// The metric that can't be read because of it, where it is of one alone.
    pub fn metric(&self) -> Option<&str> {
        match self {
            Self::NoValue { metric, .. } | Self::Query { metric, .. } => Some(metric),
            _ => None,
        }
    }

    pub(crate) fn read(path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Read { path: path.into(), source: source.into(), remedy: None }
    }

    pub(crate) fn parse(origin: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Parse { origin: origin.into(), what: what.into() }
    }
}

impl From<dsmil_device::Error> for SampleError {
    fn from(error: dsmil_device::Error) -> Self {
        Self::Device(Box::new(error))
    }
}
