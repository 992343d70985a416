//! Going on after a restart from what the store holds.

use dsmil_alert::{AlertConfig, AlertEvent, Alerts, Receivers, Snapshot};
use dsmil_gate::{Measurement, Samples, is_stale};
use dsmil_health::{BaselineConfig, Baselines, SavedBaselines};
use dsmil_history::{Query, Reader, Resolution};
use serde::{Deserialize, Serialize};

use super::{ALERT_EVENT, ALERTS_STATE, BASELINES_STATE};
use crate::MonitorError;

/// So many events are read at a time.
const EVENTS_AT_ONCE: usize = 10_000;

/// What was observed so long before what is usual was saved may have been handed in after that, in milliseconds. It is less than the
/// baselines take for a clock that was set back: what they know already comes late, and is left out.
const HANDED_IN_LATE: i64 = 300_000;

/// The alerts as they were after an event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedAlerts {
    /// The number of the last event in it.
    pub(crate) after: i64,
    pub(crate) alerts: Snapshot,
}

/// What was usual for the devices, and until when it was learnt.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedUsual {
    pub(crate) until: i64,
    pub(crate) usual: SavedBaselines,
}

/// The samples since a time, and of each series that fell silent before it the newest: it is to be missed, not forgotten. Of one
/// that has ended that is its end: evidence names it as before the restart.
pub(crate) fn samples(store: &Reader, since: i64) -> Result<Samples, MonitorError> {
    let mut samples = store.recent(since)?;
    for series in store.series(None)?.into_iter().filter(|series| series.last < since) {
        let mut query = Query::new(series.metric, series.last, series.last);
        (query.labels, query.resolution) = (series.labels, Resolution::Raw);
        for found in store.query(&query)?.into_iter().filter(|found| found.labels == query.labels) {
            for point in &found.points {
                samples.record(&found.metric, &found.labels, point.at, point.value);
            }
        }
    }
    Ok(samples)
}

/// The alerts as the journal has them, the number of its last event about them, and how many are not in the saved state.
pub(crate) fn alerts(store: &Reader, config: AlertConfig, receivers: Receivers) -> Result<(Alerts, i64, usize), MonitorError> {
    let mut replayed = 0;
    let (mut alerts, mut after) = match store.state(ALERTS_STATE)? {
        None => (Alerts::new(config, receivers)?, 0),
        Some(text) => {
            let saved: SavedAlerts = parse(ALERTS_STATE, &text)?;
            (Alerts::restore(config, receivers, saved.alerts)?, saved.after)
        }
    };
    loop {
        let events = store.events(Some(ALERT_EVENT), after, EVENTS_AT_ONCE)?;
        let Some(last) = events.last() else { return Ok((alerts, after, replayed)) };
        (after, replayed) = (last.seq, replayed + events.len());
        for event in &events {
            alerts.apply(&parse::<AlertEvent>(ALERT_EVENT, &event.body)?);
        }
    }
}

/// What is usual for the devices: as it was saved, and learnt on from the samples since.
pub(crate) fn baselines(store: &Reader, config: BaselineConfig) -> Result<Baselines, MonitorError> {
    let Some(text) = store.state(BASELINES_STATE)? else { return Ok(Baselines::new(config)?) };
    let saved: SavedUsual = parse(BASELINES_STATE, &text)?;
    let mut baselines = Baselines::restore(config, saved.usual)?;
    let samples = store.recent(saved.until.saturating_sub(HANDED_IN_LATE))?;
    let mut since: Vec<Measurement> = Vec::new();
    for series in samples.all() {
        let measured = |sample: &dsmil_gate::Sample| {
            Measurement::new(series.metric().to_owned(), sample.at, sample.value).with_labels(series.labels().clone())
        };
        since.extend(series.samples().iter().map(measured));
    }
    // The end of a series is not to be learnt twice.
    since.retain(|measurement| measurement.at > saved.until || !is_stale(measurement.value));
    since.sort_by_key(|measurement| measurement.at);
    for measurement in &since {
        drop(baselines.observe(measurement));
    }
    Ok(baselines)
}

pub(crate) fn parse<T: for<'de> Deserialize<'de>>(key: &str, text: &str) -> Result<T, MonitorError> {
    serde_json::from_str(text).map_err(|error| MonitorError::State { key: key.to_owned(), what: error.to_string() })
}
