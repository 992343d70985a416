//! What goes wrong with gates and the monitor, as failures: each by its stable name, with file and line where they
//! are known.

use std::io;
use std::path::Path;

use dsmil::gate::{FileError, MetricsError, StateError};
use dsmil::history::Error as HistoryError;
use dsmil::monitor::{ConfigError, MonitorError};
use dsmil::notify::NotifyError;
use dsmil::sample::SampleError;
use dsmil::serve::Error as ServeError;

use crate::failure::Failure;
use crate::status::dsmil_status;

/// A file that can't be read.
pub(crate) fn unreadable(path: &Path, source: &io::Error) -> Failure {
    let message = format!("{} can't be read: {source}", path.display());
    Failure::new(dsmil_status::DSMIL_ERROR_FILE, &message).in_file(path).because(source)
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let failure = Self::new(dsmil_status::DSMIL_ERROR_GATES, &error.to_string()).in_file(&error.file);
        let Some(first) = error.faults.first() else { return failure };
        let (line, column) = first.position.unwrap_or_default();
        failure.at(line, column).about(first.key.as_deref())
    }
}

impl From<MetricsError> for Failure {
    fn from(error: MetricsError) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_METRICS, &error.to_string())
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_GATE_STATE, &error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_ENCODE, &error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let (line, column) = error.position.unwrap_or_default();
        Self::new(dsmil_status::DSMIL_ERROR_CONFIG, &error.to_string()).in_file(&error.file).at(line, column)
    }
}

impl From<MonitorError> for Failure {
    fn from(error: MonitorError) -> Self {
        let failure = Self::of_kind(error.kind(), &error.to_string());
        match error {
            MonitorError::Config(error) => error.into(),
            MonitorError::Gates { file, .. } => failure.in_file(file),
            MonitorError::History(error) => of_history(failure, &error),
            MonitorError::Sample(SampleError::Device(error)) => (*error).into(),
            MonitorError::Sample(SampleError::Config { key, .. }) => failure.about(Some(&key)),
            MonitorError::Sample(SampleError::Read { path, source, .. })
            | MonitorError::Notify(NotifyError::File { path, source, .. })
            | MonitorError::Io { path, source, .. } => failure.in_file(path).because(&source),
            MonitorError::Sample(SampleError::Secret { path, .. })
            | MonitorError::Notify(NotifyError::Secret { path, .. })
            | MonitorError::Serve(ServeError::Tls { path, .. }) => failure.in_file(path),
            MonitorError::Serve(ServeError::KeysFile { path, line, .. }) => failure.in_file(path).at(line.unwrap_or(0), 0),
            MonitorError::Audit(error) => error.into(),
            MonitorError::Thread { source, .. } => failure.because(&source),
            _ => failure,
        }
    }
}

fn of_history(failure: Failure, error: &HistoryError) -> Failure {
    match error {
        HistoryError::Io { path, source, .. } => failure.in_file(path).because(source),
        HistoryError::BadRecord { path, line, .. } => failure.in_file(path).at(usize::try_from(*line).unwrap_or(0), 0),
        HistoryError::Held { path, .. }
        | HistoryError::Unsafe { path, .. }
        | HistoryError::Full { path, .. }
        | HistoryError::Missing { path }
        | HistoryError::Newer { path, .. }
        | HistoryError::Damaged { path, .. }
        | HistoryError::Sql { path, .. } => failure.in_file(path),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_watch_keeps_its_name_and_its_place() {
        let io = || io::Error::from_raw_os_error(28);
        let path = || Path::new("/x/history.db").to_path_buf();
        for (error, kind) in [
            (MonitorError::History(HistoryError::Io { operation: "write", path: path(), source: io() }), "io"),
            (MonitorError::History(HistoryError::Full { path: path(), why: String::new() }), "full"),
            (MonitorError::Io { what: "write", path: path(), source: io() }, "io"),
            (MonitorError::Gates { file: "/x/history.db".to_owned(), what: String::new() }, "gates"),
        ] {
            let text = format!("{error}");
            let failure = Failure::from(error);
            assert_eq!(failure.kind_name(), kind, "{text}");
            assert_eq!(failure.file_name(), Some("/x/history.db"), "{text}");
        }
        let device = dsmil::Error::Closed;
        let wrapped = MonitorError::Sample(SampleError::from(dsmil::Error::Closed));
        assert_eq!(Failure::from(wrapped).kind_name(), device.kind());
    }
}
