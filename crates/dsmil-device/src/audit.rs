//! What this crate writes into the audit log of the run directory.

use dsmil_audit::{AuditError, Entry, Log, Options, Outcome, Pending};
use dsmil_quarantine::Denied;

use crate::RunDir;

/// Opens the log of a run directory.
pub(crate) fn open(run: &RunDir) -> Result<Log, AuditError> {
    Log::open(run.audit_path(), Options::default())
}

/// One record about something that is over.
pub(crate) fn record(run: &RunDir, entry: Entry, outcome: Outcome) -> Result<(), AuditError> {
    open(run)?.record(entry, outcome).map(drop)
}

/// A record about something that begins; one that is never finished is written as failed.
pub(crate) fn begin(run: &RunDir, entry: Entry) -> Result<Pending, AuditError> {
    open(run)?.begin(entry)
}

/// A denial, with its rule.
pub(crate) fn denial(log: &Log, denied: &Denied) -> Result<(), AuditError> {
    let entry =
        Entry::new(denied.operation.name()).target(denied.id.to_string()).reason(format!("{}: {}", denied.key(), denied.grounds));
    log.record(entry, Outcome::Denied).map(drop)
}

/// The name of this program.
pub(crate) fn program() -> String {
    let path = std::env::current_exe().ok();
    path.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())).unwrap_or_else(|| "unknown".to_owned())
}
