//! What goes over the wire: the structures of `/api/v1`. Times are milliseconds since the Unix epoch.
//!
//! What is served may gain fields within this version; what is sent to the server may hold no other than these.

mod alert;
mod gates;
mod history;
mod number;
mod state;

pub use alert::{
    Acknowledge, Acknowledgement, Alert, AlertEvent, AlertFilter, AlertHistory, AlertHistoryQuery, AlertState, NewSilence,
    Silence, SilenceRequest, SilenceState,
};
pub use gates::{Gate, Rule, RuleSeries, Severity, Verdict, Verdicts, Zone};
pub use history::{History, HistoryQuery, Point, Resolution, SeriesHistory, SeriesInfo};
pub use number::Number;
pub use state::{Check, Device, Page, Probe, Score, Status};

use std::collections::BTreeMap;

/// Label names and values.
pub type LabelMap = BTreeMap<String, String>;

/// Labels as these structures hold them.
pub fn label_map(labels: &dsmil_gate::Labels) -> LabelMap {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
