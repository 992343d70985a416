//! What goes into a step of the watch, and what comes out.

use std::sync::Arc;

use dsmil_alert::AlertEvent;
use dsmil_gate::{Evaluation, Measurement, Verdict};
use dsmil_health::{AuditAnchor, Scores};
use dsmil_sample::SamplerReport;
use serde::Serialize;

/// What has come in since the last step.
#[derive(Debug, Default)]
pub struct Intake {
    /// What the samplers saw.
    pub reports: Vec<SamplerReport>,
    /// The scores, if they were computed.
    pub scores: Option<Scores>,
    /// How far the audit log was found sound when they were: it is kept in the store, out of reach of who can write to the log.
    pub audit_anchor: Option<AuditAnchor>,
}

/// A gate that decides otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerdictChange {
    /// The gate.
    pub gate: String,
    /// What it decided before; `None` at its first evaluation.
    pub from: Option<Verdict>,
    /// What it decides now.
    pub to: Verdict,
}

/// A step of the watch. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: i64,
    /// All that was measured or computed since the step before.
    pub measurements: Vec<Measurement>,
    /// What all gates decide, and on what evidence.
    pub evaluation: Arc<Evaluation>,
    /// The gates that decide otherwise than before.
    pub changes: Vec<VerdictChange>,
    /// The scores, if they were computed.
    pub scores: Option<Arc<Scores>>,
    /// What happened to alerts.
    pub alerts: Vec<AlertEvent>,
    /// What could not be seen, and why.
    pub errors: Vec<String>,
    /// Whether all of it is on the disk. If not, it is tried again with the next step, and nobody is told of an alert before.
    pub saved: bool,
}
