//! Verdicts in the audit log: what was decided, and on what evidence.

use dsmil_audit::{AuditError, Entry, Log, Options, Outcome};
use dsmil_gate::{Evaluation, Verdict};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::core::VerdictChange;

/// Evidence that is longer, in bytes, stands in the record as its hash alone; the store has all of it.
pub const MAX_EVIDENCE_BYTES: usize = 64 * 1024;

/// The record of a verdict: action `verdict`, on the gate, with what it decided before and now. The new value holds the verdict,
/// the reasons, the gate file's fingerprint, the evidence of all rules and its SHA-256, over the bytes
/// as they stand there, and in the store's event of the verdict under `evaluation`: compact JSON, keys in alphabetical order.
pub fn verdict_entry(evaluation: &Evaluation, gate: &str, before: Option<Verdict>) -> Entry {
    let evidence = json!(evaluation);
    let text = evidence.to_string();
    let hash = Sha256::digest(&text).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let found = evaluation.gate(gate);
    let verdict = found.map_or(evaluation.verdict, |gate| gate.verdict);
    let whole = if text.len() <= MAX_EVIDENCE_BYTES { evidence } else { Value::Null };
    let new = json!({
        "verdict": verdict,
        "at": evaluation.at,
        "gate_file": evaluation.gate_file,
        "reasons": found.map(|gate| gate.reasons.clone()).unwrap_or_default(),
        "evidence_sha256": hash,
        "evidence": whole,
    });
    let entry = Entry::new("verdict").target(gate).new_value(new);
    match before {
        Some(before) => entry.old_value(json!({ "verdict": before })),
        None => entry,
    }
}

/// Writes verdicts into the audit log of a run directory: what goes with each step of a [`Core`](crate::Core).
#[derive(Debug)]
pub struct VerdictLog {
    dir: std::path::PathBuf,
    /// Whether all that was decided is in the log. At the first step after a start, and after a failure, all verdicts are recorded:
    /// a kill may have come between the store and this log.
    begun: bool,
}

impl VerdictLog {
    /// Of this run directory. Nothing is opened yet.
    pub fn new(run_dir: &std::path::Path) -> Self {
        Self { dir: run_dir.join("audit"), begun: false }
    }

    /// Records what the gates decide otherwise than before. Blocks for the disk, and for others who write to the log.
    ///
    /// # Errors
    /// [`AuditError`]; with the next step all verdicts are then recorded.
    pub fn record(&mut self, evaluation: &Evaluation, changes: &[VerdictChange]) -> Result<(), AuditError> {
        let all = || evaluation.gates.iter().map(|gate| (gate.name.as_str(), None)).collect();
        let of_changes = || changes.iter().map(|change| (change.gate.as_str(), change.from)).collect();
        let due: Vec<(&str, Option<Verdict>)> = if self.begun { of_changes() } else { all() };
        if due.is_empty() {
            return Ok(());
        }
        self.begun = false;
        let log = Log::open(&self.dir, Options::default())?;
        for (gate, before) in due {
            log.record(verdict_entry(evaluation, gate, before), Outcome::Ok)?;
        }
        self.begun = true;
        Ok(())
    }
}
