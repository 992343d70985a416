//! What a monitor knows, for whoever asks: made anew after each step.

use std::path::PathBuf;
use std::sync::Arc;

use dsmil_alert::{AlertView, SilenceView};
use dsmil_gate::Evaluation;
use dsmil_health::{Assessment, Scores};

/// What a monitor knows after a step. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// When the step was taken; 0 before the first.
    pub at: i64,
    /// How many steps were taken since the start.
    pub steps: u64,
    /// What all gates decide, and on what evidence; `None` before the first step.
    pub evaluation: Option<Arc<Evaluation>>,
    /// The scores that were computed last; `None` until they were.
    pub scores: Option<Arc<Scores>>,
    /// When they were computed.
    pub scored_at: Option<i64>,
    /// The alerts that are pending or firing, and those that have resolved lately.
    pub alerts: Vec<AlertView>,
    /// The silences.
    pub silences: Vec<SilenceView>,
    /// What is unusual for a device.
    pub anomalies: Vec<Assessment>,
    /// What can't be sampled, and why.
    pub errors: Vec<String>,
    /// Why the store doesn't take everything.
    pub store_failure: Option<String>,
    /// Why the health log took no record.
    pub log_failure: Option<String>,
    /// Where everything is kept.
    pub state_dir: PathBuf,
}

impl View {
    /// What stands against relying on this monitor; empty if nothing does.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.steps == 0 {
            doubts.push("no step has been taken yet".to_owned());
        }
        if self.scores.is_none() {
            doubts.push("the scores have not been computed yet".to_owned());
        }
        doubts.extend(self.store_failure.iter().map(|why| format!("the store doesn't take everything: {why}")));
        doubts.extend(self.log_failure.iter().map(|why| format!("the health log takes no record: {why}")));
        doubts.extend(self.errors.iter().cloned());
        doubts
    }
}
