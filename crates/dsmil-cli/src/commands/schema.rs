//! `dsmil schema`.

use clap::Subcommand;
use dsmil_gate::GateFile;
use dsmil_history::HealthRecord;
use dsmil_monitor::MonitorConfig;
use dsmil_quarantine::Policy;

use crate::output::Answer;
use crate::table::Page;

/// Print the JSON Schema of a file that people write
#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Of the policy file
    Policy,
    /// Of a gate file
    Gate,
    /// Of a line of health_log.jsonl
    HealthLog,
    /// Of the monitor's configuration
    Monitor,
}

impl Schema {
    pub(crate) fn execute(&self) -> Answer {
        let schema = match self {
            Self::Policy => Policy::schema(),
            Self::Gate => GateFile::schema(),
            Self::HealthLog => HealthRecord::schema(),
            Self::Monitor => MonitorConfig::schema(),
        };
        let text = format!("{schema:#}\n");
        Answer::new(schema, Page::verbatim(text))
    }
}
