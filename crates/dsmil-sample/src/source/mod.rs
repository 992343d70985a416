//! Values that others have observed: a JSON file, a command, a callback, a Prometheus server.

mod answer;
mod callback;
mod command;
mod file;
mod prometheus;
mod secret;

use std::collections::BTreeMap;

use dsmil_gate::{Labels, Measurement};

pub use callback::{CallbackResult, CallbackSampler};
pub use command::CommandSampler;
pub use file::FileSampler;
pub(crate) use prometheus::Access;
pub use prometheus::{PrometheusQuery, PrometheusSampler};

/// Labels that a source's measurements get, whatever labels they have: nobody outside can pretend not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<(String, String)>);

impl Marks {
    /// These labels, and `source="external"` for an attestation.
    pub fn new(labels: &BTreeMap<String, String>, attestation: bool) -> Self {
        let given = labels.iter().map(|(name, value)| (name.clone(), value.clone()));
        Self(given.chain(attestation.then(|| ("source".to_owned(), "external".to_owned()))).collect())
    }

    fn mark(&self, mut measurement: Measurement) -> Measurement {
        if !self.0.is_empty() {
            measurement.labels = self.on(&measurement.labels);
        }
        measurement
    }

    /// The labels with these on top.
    fn on(&self, labels: &Labels) -> Labels {
        labels.iter().chain(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
    }
}

/// What somebody else wrote, fit for one line of a message.
fn shown(text: &str, most: usize) -> String {
    let mut shown: String = text.trim().chars().take(most).flat_map(char::escape_debug).collect();
    if text.trim().chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}
