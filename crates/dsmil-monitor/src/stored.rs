//! What a monitor has written down, for those who look from another process: whether it runs or not.

use std::collections::BTreeMap;
use std::path::Path;

use dsmil_alert::{AlertConfig, AlertView, Receivers, SilenceView};
use dsmil_gate::{Samples, Verdict};
use dsmil_history::Reader;
use dsmil_serve::model::{AlertEvent, AlertHistoryQuery};
use serde_json::Value;

use crate::core::{SCORES_STATE, VERDICTS_STATE, recall};
use crate::{MonitorError, endpoint};

/// A state directory, open for reading. It is not held: a monitor may write to it at the same time.
#[derive(Debug)]
pub struct Stored {
    reader: Reader,
}

impl Stored {
    /// Opens it.
    ///
    /// # Errors
    /// [`MonitorError::History`], also if no monitor has ever used it.
    pub fn open(state_dir: &Path) -> Result<Self, MonitorError> {
        Ok(Self { reader: Reader::open(state_dir)? })
    }

    /// The store, for queries of its own.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The alerts as they were after the newest event, and the silences, as of a time. Inhibitions are not told: they are of the
    /// configuration.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn alerts(&self, now: i64) -> Result<(Vec<AlertView>, Vec<SilenceView>), MonitorError> {
        let (alerts, ..) = recall::alerts(&self.reader, AlertConfig::default(), Receivers::new())?;
        Ok((alerts.alerts(now), alerts.silences(now)))
    }

    /// What happened to alerts, the newest first.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn alert_history(&self, query: &AlertHistoryQuery) -> Result<Vec<AlertEvent>, MonitorError> {
        endpoint::alert_history(&self.reader, query)
    }

    /// The scores that were computed last, as [`Scores::to_json`](dsmil_health::Scores::to_json) has them; `None` if none were.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn scores(&self) -> Result<Option<Value>, MonitorError> {
        self.reader.state(SCORES_STATE)?.map(|text| recall::parse(SCORES_STATE, &text)).transpose()
    }

    /// What the gates decided last, by their names.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn verdicts(&self) -> Result<BTreeMap<String, Verdict>, MonitorError> {
        let text = self.reader.state(VERDICTS_STATE)?;
        text.map_or_else(|| Ok(BTreeMap::new()), |text| recall::parse(VERDICTS_STATE, &text))
    }

    /// The samples since a time, in milliseconds since the Unix epoch, and the newest of each series that fell silent before: what
    /// gates are to be held against.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn samples(&self, since: i64) -> Result<Samples, MonitorError> {
        recall::samples(&self.reader, since)
    }
}
