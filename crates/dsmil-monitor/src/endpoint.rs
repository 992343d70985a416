//! What the HTTP endpoint shows of a monitor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dsmil_alert::{AlertError, AlertEvent, Change, Fingerprint};
use dsmil_gate::{Labels, Samples, Series, is_stale};
use dsmil_health::{Outcome, Score as HealthScore, Source};
use dsmil_history::{Query, Reader, Resolution as Fineness};
use dsmil_protocol::DeviceId;
use dsmil_sample::{Clock, SystemClock};
use dsmil_serve::model::{
    Acknowledgement, Alert, AlertEvent as Happened, AlertFilter, AlertHistoryQuery, Check, Device, History, HistoryQuery,
    NewSilence, Number, Point, Probe, Resolution, Score, SeriesHistory, SeriesInfo, Silence, Verdicts, label_map,
};
use dsmil_serve::{Api, ApiError, Exposition, Family, Kind, Sample};

use crate::catalogue::about_metric;
use crate::core::ALERT_EVENT;
use crate::monitor::Shared;
use crate::{Monitor, MonitorError, Wish};

/// So many events of the journal are looked through at a time.
const EVENTS_AT_ONCE: usize = 5_000;
/// A loop that takes no step for so long, in milliseconds, is stuck: a supervisor starts the process anew.
const STUCK_AFTER: i64 = 120_000;

/// A monitor, as the endpoint asks of it.
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
    silences: Arc<AtomicU64>,
}

impl Endpoint {
    /// What this monitor shows.
    pub fn new(monitor: &Monitor) -> Self {
        Self { shared: monitor.shared(), silences: Arc::default() }
    }

    fn reader(&self) -> Result<Reader, ApiError> {
        let dir = self.shared.view.read().state_dir.clone();
        Reader::open(dir).map_err(|error| ApiError::Internal(error.to_string()))
    }

    fn ask(&self, wish: Wish) -> Result<(), ApiError> {
        match self.shared.ask(wish) {
            Ok(_) => Ok(()),
            Err(MonitorError::Alert(error)) => Err(refused(&error)),
            Err(error @ (MonitorError::NotSaved { .. } | MonitorError::Ended)) => Err(ApiError::Unavailable(error.to_string())),
            Err(error) => Err(ApiError::Internal(error.to_string())),
        }
    }
}

fn refused(error: &AlertError) -> ApiError {
    let text = error.to_string();
    match error.kind() {
        "unknown-alert" | "unknown-silence" => ApiError::NotFound(text),
        "not-firing" => ApiError::Conflict(text),
        _ => ApiError::Invalid(text),
    }
}

impl Api for Endpoint {
    fn metrics(&self) -> Result<Exposition, ApiError> {
        Ok(exposition(&self.shared.samples.read(), SystemClock.unix_ms()))
    }

    fn live(&self) -> Probe {
        let view = self.shared.view.read();
        let behind = SystemClock.unix_ms().saturating_sub(view.at);
        let stuck = view.steps > 0 && behind > STUCK_AFTER;
        Probe::of(stuck.then(|| format!("no step was taken for {} s", behind / 1000)).into_iter().collect())
    }

    fn ready(&self) -> Probe {
        Probe::of(self.shared.view.read().doubts())
    }

    fn health(&self) -> Result<Score, ApiError> {
        self.score(|scores| &scores.health)
    }

    fn security(&self) -> Result<Score, ApiError> {
        self.score(|scores| &scores.security)
    }

    fn devices(&self) -> Result<Vec<Device>, ApiError> {
        let view = Arc::clone(&self.shared.view.read());
        let mut devices = devices(&self.shared.samples.read(), SystemClock.unix_ms());
        for anomaly in &view.anomalies {
            if let Some(device) = devices.get_mut(anomaly.labels.get("device")) {
                device.anomalies.push(anomaly.kind.name().to_owned());
            }
        }
        Ok(devices.into_values().collect())
    }

    fn verdicts(&self) -> Result<Verdicts, ApiError> {
        let view = self.shared.view.read();
        let evaluation = view.evaluation.as_deref();
        evaluation.map(Verdicts::from).ok_or_else(|| ApiError::Unavailable("no gate has been evaluated yet".to_owned()))
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, ApiError> {
        let alerts = self.shared.view.read().alerts.clone();
        Ok(alerts.into_iter().map(Alert::from).filter(|alert| filter.admits(alert)).collect())
    }

    fn acknowledge(&self, fingerprint: &str, by: &str, comment: &str) -> Result<Acknowledgement, ApiError> {
        let parsed: Fingerprint = fingerprint.parse().map_err(|error: AlertError| ApiError::NotFound(error.to_string()))?;
        self.ask(Wish::Acknowledge { fingerprint: parsed, by: by.to_owned(), comment: comment.to_owned() })?;
        let view = self.shared.view.read();
        let acked = view.alerts.iter().find(|alert| alert.fingerprint == parsed).and_then(|alert| alert.acked.clone());
        acked.map(Acknowledgement::from).ok_or_else(|| ApiError::Conflict("the alert resolved a moment ago".to_owned()))
    }

    fn silences(&self) -> Result<Vec<Silence>, ApiError> {
        Ok(self.shared.view.read().silences.iter().cloned().map(Silence::from).collect())
    }

    fn silence(&self, silence: &NewSilence, by: &str) -> Result<Silence, ApiError> {
        let id = new_silence_id(self.silences.fetch_add(1, Ordering::Relaxed));
        self.ask(Wish::Silence(dsmil_alert::Silence {
            id: id.clone(),
            matchers: silence.matchers.clone(),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            by: by.to_owned(),
            comment: silence.comment.clone(),
        }))?;
        let silences = Api::silences(self)?;
        silences.into_iter().find(|known| known.id == id).ok_or_else(|| ApiError::Internal(format!("the silence {id} is gone")))
    }

    fn expire_silence(&self, id: &str, by: &str) -> Result<(), ApiError> {
        self.ask(Wish::Expire { id: id.to_owned(), by: by.to_owned() })
    }

    fn alert_history(&self, query: &AlertHistoryQuery) -> Result<Vec<Happened>, ApiError> {
        alert_history(&self.reader()?, query).map_err(|error| ApiError::Internal(error.to_string()))
    }

    fn history(&self, query: &HistoryQuery) -> Result<History, ApiError> {
        history(&self.reader()?, query)
    }

    fn series(&self) -> Result<Vec<SeriesInfo>, ApiError> {
        let now = SystemClock.unix_ms();
        let info = |series: &Series| {
            let newest = series.newest(now);
            SeriesInfo {
                metric: series.metric().to_owned(),
                labels: label_map(series.labels()),
                value: newest.filter(|newest| !is_stale(newest.value)).map(|newest| Number(newest.value)),
                at: newest.map(|newest| newest.at),
            }
        };
        let mut all: Vec<SeriesInfo> = self.shared.samples.read().all().map(info).collect();
        all.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
        Ok(all)
    }
}

impl Endpoint {
    fn score(&self, which: impl Fn(&dsmil_health::Scores) -> &HealthScore) -> Result<Score, ApiError> {
        let view = self.shared.view.read();
        let (Some(scores), Some(at)) = (&view.scores, view.scored_at) else {
            return Err(ApiError::Unavailable("the scores have not been computed yet".to_owned()));
        };
        let score = which(scores);
        let check = |check: &dsmil_health::CheckResult| Check {
            name: check.name.clone(),
            ran: !matches!(check.outcome, Outcome::CouldNotRun { .. }),
            passed: check.has_passed(),
            result: check.share,
            weight: check.weight,
            evidence: check.evidence.text.clone(),
            at: check.at,
            source: (check.source == Source::External).then(|| "external".to_owned()),
        };
        Ok(Score { score: score.value, at, checks: score.checks.iter().map(check).collect() })
    }
}

/// An id that no other silence has.
pub fn new_silence_id(number: u64) -> String {
    format!("{:x}-{:x}-{number:x}", jiff::Timestamp::now().as_microsecond(), std::process::id())
}

fn exposition(samples: &Samples, now: i64) -> Exposition {
    let mut families: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    for series in samples.all() {
        if let Some(newest) = series.newest(now).filter(|newest| !is_stale(newest.value)) {
            let sample = Sample { labels: series.labels().clone(), value: newest.value, at: newest.at };
            families.entry(series.metric()).or_default().push(sample);
        }
    }
    let family = |(name, samples): (&str, Vec<Sample>)| {
        let about = about_metric(name);
        let kind = match about {
            Some(_) if name.ends_with("_total") => Kind::Counter,
            Some(_) => Kind::Gauge,
            None => Kind::Unknown,
        };
        Family {
            name: name.to_owned(),
            help: about.map_or("from a source of the configuration", |about| about.help).to_owned(),
            unit: about.map(|about| about.unit).filter(|unit| !unit.is_empty()).map(str::to_owned),
            kind,
            samples,
        }
    };
    Exposition { families: families.into_iter().map(family).collect() }
}

/// The devices that were sampled, and those that never are.
fn devices(samples: &Samples, now: i64) -> BTreeMap<String, Device> {
    let all = Labels::default();
    let mut devices: BTreeMap<String, Device> = BTreeMap::new();
    for id in DeviceId::served().filter(|id| id.permanent().is_some()) {
        let details = id.permanent().map(|permanent| ("quarantined".to_owned(), permanent.what.to_owned()));
        let device =
            Device { id: id.to_string(), quarantined: true, details: details.into_iter().collect(), ..Device::default() };
        devices.insert(id.to_string(), device);
    }
    let mut each = |metric: &str, set: &mut dyn FnMut(&mut Device, f64, i64)| {
        for (labels, series) in samples.matching(metric, &all) {
            let newest = samples.get(series).and_then(|series| series.newest(now)).filter(|newest| !is_stale(newest.value));
            if let (id, Some(newest)) = (labels.get("device"), newest) {
                let device = devices.entry(id.to_owned()).or_insert_with(|| Device { id: id.to_owned(), ..Device::default() });
                set(device, newest.value, newest.at);
            }
        }
    };
    each("device_up", &mut |device, value, at| {
        device.up = Some(value >= 1.0);
        device.asked_at = Some(at);
        device.answered_at = (value >= 1.0).then_some(at);
    });
    each("device_latency_ms", &mut |device, value, at| {
        device.latency_ms = Some(Number(value));
        device.answered_at = device.answered_at.or(Some(at));
    });
    each("device_state", &mut |device, value, _| device.state = Some(value as i64));
    each("device_requests_total", &mut |device, value, _| device.requests_total = count(value));
    each("device_errors_total", &mut |device, value, _| device.errors_total = count(value));
    each("device_state_changes_total", &mut |device, value, _| device.state_changes_total = count(value));
    devices
}

/// A count as a whole number; nothing below zero.
fn count(value: f64) -> u64 {
    (value.max(0.0) as i64).unsigned_abs()
}

fn history(reader: &Reader, asked: &HistoryQuery) -> Result<History, ApiError> {
    let broken = |error: dsmil_history::Error| ApiError::Internal(error.to_string());
    let mut query = Query::new(asked.metric.clone(), asked.from, asked.to);
    query.labels = asked.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    query.resolution = match asked.resolution {
        None => Fineness::Auto,
        Some(Resolution::Raw) => Fineness::Raw,
        Some(Resolution::Minute) => Fineness::Minute,
        Some(Resolution::Hour) => Fineness::Hour,
    };
    if reader.series(Some(&asked.metric)).map_err(broken)?.is_empty() {
        return Err(ApiError::NotFound(format!("no metric {:?} was ever sampled", asked.metric)));
    }
    let found = match reader.query(&query) {
        Ok(found) => found,
        Err(error @ dsmil_history::Error::TooManyPoints { .. }) => return Err(ApiError::Invalid(error.to_string())),
        Err(error) => return Err(broken(error)),
    };
    let resolution = match found.first().map_or(query.resolution, |series| series.resolution) {
        Fineness::Minute => Resolution::Minute,
        Fineness::Hour => Resolution::Hour,
        Fineness::Raw | Fineness::Auto => Resolution::Raw,
    };
    Ok(cut(found, asked, resolution))
}

/// The first points in time, as many as were asked for.
fn cut(found: Vec<dsmil_history::SeriesPoints>, asked: &HistoryQuery, resolution: Resolution) -> History {
    let mut times: Vec<i64> = found.iter().flat_map(|series| series.points.iter().map(|point| point.at)).collect();
    times.sort_unstable();
    let truncated = times.len() > asked.limit;
    // All points of one time come together, so that the next page can begin at a time.
    let end = if truncated { times.get(asked.limit).copied().unwrap_or(i64::MAX) } else { i64::MAX };
    let from = times.first().copied().unwrap_or(i64::MIN);
    let within = |at: i64| at < end || (end == from && at == from) || !truncated;
    let point = |point: &dsmil_history::Point| Point {
        at: point.at,
        value: Number(point.value),
        min: point.rollup.map(|rollup| Number(rollup.min)),
        max: point.rollup.map(|rollup| Number(rollup.max)),
        count: point.rollup.map(|rollup| rollup.count),
    };
    let series = found.into_iter().map(|series| SeriesHistory {
        labels: label_map(&series.labels),
        points: series.points.iter().filter(|found| within(found.at) && !is_stale(found.value)).map(point).collect(),
    });
    let series = series.filter(|series: &SeriesHistory| !series.points.is_empty()).collect();
    History { metric: asked.metric.clone(), resolution, series, truncated }
}

/// The newest events that fit, the newest first.
pub(crate) fn alert_history(reader: &Reader, query: &AlertHistoryQuery) -> Result<Vec<Happened>, MonitorError> {
    let mut found: VecDeque<Happened> = VecDeque::new();
    let mut known: BTreeMap<Fingerprint, Labels> = BTreeMap::new();
    let mut after = 0;
    loop {
        let events = reader.events(Some(ALERT_EVENT), after, EVENTS_AT_ONCE)?;
        let Some(last) = events.last() else { break };
        after = last.seq;
        for stored in &events {
            if query.before.is_some_and(|before| stored.seq >= before) {
                return Ok(found.into_iter().rev().collect());
            }
            let Ok(event) = serde_json::from_str::<AlertEvent>(&stored.body) else { continue };
            if let Change::Pending { alert } | Change::Fired { alert, .. } = &event.what {
                known.insert(alert.fingerprint(), alert.labels.clone());
            }
            let happened = happened(stored.seq, &event, &known);
            let fits = query.fingerprint.as_ref().is_none_or(|wanted| happened.fingerprint.as_ref() == Some(wanted))
                && query.from.is_none_or(|from| event.at >= from)
                && query.to.is_none_or(|to| event.at <= to);
            if fits {
                if found.len() == query.limit {
                    found.pop_front();
                }
                found.push_back(happened);
            }
        }
    }
    Ok(found.into_iter().rev().collect())
}

/// An event of the journal, for people.
fn happened(id: i64, event: &AlertEvent, known: &BTreeMap<Fingerprint, Labels>) -> Happened {
    let fingerprint = event.fingerprint();
    let labels = fingerprint.and_then(|fingerprint| known.get(&fingerprint)).map(label_map).unwrap_or_default();
    let (by, detail) = match &event.what {
        Change::Acknowledged { by, comment, .. } => (Some(by.clone()), Some(comment.clone())),
        Change::Silenced { silence } => (Some(silence.by.clone()), Some(format!("{}: {}", silence.id, silence.comment))),
        Change::SilenceEnded { id, by } => (by.clone(), Some(id.clone())),
        Change::Queued { notification } => (None, Some(format!("{} for {}", notification.id, notification.receiver))),
        Change::Delivered { notification, receiver, attempt } => {
            (None, Some(format!("{notification} to {receiver}, attempt {attempt}")))
        }
        Change::Failed { notification, receiver, attempt, why, .. } => {
            (None, Some(format!("{notification} to {receiver}, attempt {attempt}: {why}")))
        }
        Change::GaveUp { notification, receiver, attempts, why } => {
            (None, Some(format!("{notification} to {receiver}, after {attempts} attempts: {why}")))
        }
        Change::Fired { alert, .. } | Change::Pending { alert } => (None, Some(alert.summary.clone())),
        _ => (None, None),
    };
    Happened {
        id,
        at: event.at,
        kind: event.kind().to_owned(),
        fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
        name: labels.get("alertname").cloned(),
        labels,
        by,
        detail,
    }
}
