//! The emergency stop: one call after which no process that uses the library asks the device for
//! anything, until somebody ends it on purpose. It lives in the control page of the run directory, so
//! that it outlives whoever pulled it, and a restart of the machine where that directory does.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dsmil_audit::{Entry, Outcome};
use serde::{Deserialize, Serialize};

use crate::clock::unix_ms;
use crate::{Error, RunDir, audit};

/// Who pulled the emergency stop, when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRecord {
    /// Why.
    pub reason: String,
    /// The user id.
    pub uid: u32,
    /// The process.
    pub pid: u32,
    /// The program's name.
    pub program: String,
    /// When, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

impl fmt::Display for StopRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pulled by uid {}, {} [{}])", self.reason, self.uid, self.program, self.pid)
    }
}

/// How a stop was pulled.
#[derive(Debug)]
pub struct Pulled {
    /// The record that is in force: an older one, if the stop had been pulled already.
    pub record: StopRecord,
    /// How long it took until the word was set that every process reads before each request.
    pub took: Duration,
    /// Why the audit log has no record of it, if it hasn't. The stop holds all the same.
    pub unrecorded: Option<String>,
}

/// Pulls the emergency stop. It takes force before anything is written about it; a reason or an audit
/// record that can't be written doesn't undo it.
///
/// # Errors
/// [`Error::RunDirectory`] if the run directory is not there (then there is no access either), or its
/// page can't be written.
pub fn emergency_stop(run_dir: &Path, reason: &str) -> Result<Pulled, Error> {
    let begun = Instant::now();
    let run = RunDir::open(run_dir)?;
    let was_stopped = run.is_stopped();
    run.set_stop_word(true)?;
    let took = begun.elapsed();
    let older = if was_stopped { current(&run) } else { None };
    let record = match older {
        Some(record) => record,
        None => write_record(&run, reason)?,
    };
    run.sync()?;
    let entry = Entry::new("stop").reason(reason);
    let unrecorded = audit::record(&run, entry, Outcome::Ok).err().map(|error| error.to_string());
    Ok(Pulled { record, took, unrecorded })
}

/// Ends the emergency stop. `false` if none was in force.
///
/// # Errors
/// [`Error::Audit`] if it can't be recorded: then the stop stays. [`Error::RunDirectory`] as above.
pub fn clear_stop(run_dir: &Path, reason: &str) -> Result<bool, Error> {
    let run = RunDir::open(run_dir)?;
    let Some(record) = current(&run) else {
        return Ok(false);
    };
    let old = serde_json::json!({ "reason": record.reason, "since_ms": record.since_ms });
    let pending = audit::begin(&run, Entry::new("stop-clear").reason(reason).old_value(old))?;
    {
        let _turn = run.lock_control()?;
        run.set_stop_text("")?;
        run.set_stop_word(false)?;
        run.sync()?;
    }
    pending.done(Outcome::Ok)?;
    Ok(true)
}

/// The stop that is in force, if one is.
///
/// # Errors
/// [`Error::RunDirectory`] as above.
pub fn stop_state(run_dir: &Path) -> Result<Option<StopRecord>, Error> {
    Ok(current(&RunDir::open(run_dir)?))
}

/// The record in force. A page that says *stop* and no more is a stop for an unknown reason.
pub(crate) fn current(run: &RunDir) -> Option<StopRecord> {
    if !run.is_stopped() {
        return None;
    }
    let unknown = StopRecord {
        reason: "the page says stop and not why".to_owned(),
        uid: 0,
        pid: 0,
        program: "unknown".to_owned(),
        since_ms: 0,
    };
    // The word is set before the reason is written. Who asks in between is refused already, and
    // may as well be told why.
    for _ in 0..20 {
        if let Ok(record) = serde_json::from_str(&run.stop_text().unwrap_or_default()) {
            return Some(record);
        }
        if !run.is_stopped() {
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Some(unknown)
}

fn write_record(run: &RunDir, reason: &str) -> Result<StopRecord, Error> {
    // Cut to what fits the page even if every character needs an escape.
    let reason: String = reason.chars().take(400).collect();
    let record = StopRecord {
        reason,
        uid: nix::unistd::getuid().as_raw(),
        pid: std::process::id(),
        program: audit::program().chars().take(100).collect(),
        since_ms: unix_ms(),
    };
    let text = serde_json::to_string(&record).unwrap_or_default();
    let _turn = run.lock_control()?;
    run.set_stop_text(&text)?;
    Ok(record)
}
