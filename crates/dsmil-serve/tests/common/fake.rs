//! A monitor that watches nothing, but keeps what it is told: acknowledgements and silences.

use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use dsmil_gate::Labels;
use dsmil_serve::model::{
    Acknowledgement, Alert, AlertEvent, AlertFilter, AlertHistoryQuery, AlertState, Check, Device, Gate, History, HistoryQuery,
    LabelMap, NewSilence, Number, Point, Probe, Resolution, Rule, RuleSeries, Score, SeriesHistory, SeriesInfo, Severity,
    Silence, SilenceState, Verdict, Verdicts, Zone,
};
use dsmil_serve::{Api, ApiError, Exposition, Family, Kind, Sample};

/// What the fake does instead of answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    Panics,
    Dawdles(u64),
    Breaks,
    NotReady,
}

#[derive(Default)]
pub struct Fake {
    pub mood: Mutex<Mood>,
    /// The time of every sample; none is the present.
    pub at: Option<i64>,
    /// Series that `/metrics` has in addition.
    pub extra: Mutex<Vec<Family>>,
    pub acks: Mutex<Vec<(String, Acknowledgement)>>,
    pub silences: Mutex<Vec<Silence>>,
    pub events: Mutex<Vec<AlertEvent>>,
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> LabelMap {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub fn family(name: &str, kind: Kind, unit: Option<&str>, samples: Vec<(Labels, f64)>, at: i64) -> Family {
    let samples = samples.into_iter().map(|(labels, value)| Sample { labels, value, at }).collect();
    Family { name: name.to_owned(), help: format!("What {name} says."), unit: unit.map(str::to_owned), kind, samples }
}

impl Fake {
    fn act(&self) -> Result<(), ApiError> {
        let mood = *self.mood.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match mood {
            Mood::Well | Mood::NotReady => Ok(()),
            Mood::Panics => panic!("the fake was told to panic"),
            Mood::Dawdles(milliseconds) => {
                sleep(Duration::from_millis(milliseconds));
                Ok(())
            }
            Mood::Breaks => Err(ApiError::Internal("the secret of the house".to_owned())),
        }
    }

    fn note(&self, at: i64, kind: &str, fingerprint: Option<&str>, by: &str) {
        let mut events = self.events.lock().expect("the fake's own lock");
        let id = events.len() as i64 + 1;
        events.push(AlertEvent {
            id,
            at,
            kind: kind.to_owned(),
            fingerprint: fingerprint.map(str::to_owned),
            name: fingerprint.map(|_| "cpu-high".to_owned()),
            labels: labels([("alertname", "cpu-high")]),
            by: Some(by.to_owned()),
            detail: None,
        });
    }
}

const CPU: &str = "00000000000000a1";
const DISK: &str = "00000000000000b2";

impl Api for Fake {
    fn metrics(&self) -> Result<Exposition, ApiError> {
        self.act()?;
        let at = self.at.unwrap_or_else(now);
        let none = Labels::default;
        let device = |id: &str| [("device", id)].into_iter().collect::<Labels>();
        let path = |path: &str| [("path", path)].into_iter().collect::<Labels>();
        let mut families = vec![
            family("cpu_percent", Kind::Gauge, Some("percent"), vec![(none(), 12.5)], at),
            family("load_1m", Kind::Gauge, None, vec![(none(), 0.25)], at),
            family("disk_free_bytes", Kind::Gauge, Some("bytes"), vec![(path("/"), 1e12), (path("/a \"b\"\\c\n"), 5.0)], at),
            family("temperature_celsius", Kind::Gauge, Some("celsius"), vec![(none(), f64::NAN)], at),
            family("device_up", Kind::Gauge, None, vec![(device("0x8003"), 1.0), (device("0x8004"), 0.0)], at),
            family("device_latency_ms", Kind::Gauge, Some("ms"), vec![(device("0x8003"), 0.125)], at),
            family("device_errors_total", Kind::Counter, None, vec![(device("0x8003"), 3.0)], at),
            family("device_requests_total", Kind::Counter, None, vec![(device("0x8003"), 9_007_199_254_740_993.0)], at),
            family("largest", Kind::Unknown, None, vec![(none(), f64::MAX)], at),
            family("least", Kind::Unknown, None, vec![(none(), f64::MIN_POSITIVE)], at),
            family("endless", Kind::Gauge, None, vec![(none(), f64::NEG_INFINITY)], at),
        ];
        families.extend(self.extra.lock().expect("the fake's own lock").iter().cloned());
        Ok(Exposition { families })
    }

    fn live(&self) -> Probe {
        _ = self.act();
        Probe::good()
    }

    fn ready(&self) -> Probe {
        _ = self.act();
        if *self.mood.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Mood::NotReady {
            return Probe::of(vec!["the store in /secret/place is full".to_owned()]);
        }
        Probe::good()
    }

    fn health(&self) -> Result<Score, ApiError> {
        self.act()?;
        let check = |name: &str, passed| Check {
            name: name.to_owned(),
            ran: true,
            passed,
            result: f64::from(u8::from(passed)),
            weight: 0.5,
            evidence: "seen".to_owned(),
            at: 1,
            source: None,
        };
        Ok(Score { score: 50.0, at: 1, checks: vec![check("devices-answer", true), check("resources", false)] })
    }

    fn security(&self) -> Result<Score, ApiError> {
        self.health()
    }

    fn devices(&self) -> Result<Vec<Device>, ApiError> {
        self.act()?;
        Ok((0x8000..0x806c_u32)
            .map(|id| Device { id: format!("0x{id:04X}"), up: Some(id != 0x8004), ..Device::default() })
            .collect())
    }

    fn verdicts(&self) -> Result<Verdicts, ApiError> {
        self.act()?;
        let series = RuleSeries {
            labels: labels([("device", "0x8003")]),
            state: AlertState::Firing,
            since: 1,
            fired_at: Some(2),
            kept_since: None,
            value: Some(Number(f64::INFINITY)),
            samples: 1,
            from: Some(1),
            to: Some(1),
            bound: Some("> 75".to_owned()),
        };
        let rule = Rule {
            name: "cpu".to_owned(),
            signal: "cpu_percent".to_owned(),
            condition: "require < 75".to_owned(),
            unit: Some("percent".to_owned()),
            state: AlertState::Firing,
            verdict: Verdict::Hold,
            severity: Severity::Warning,
            error: None,
            missing: false,
            missing_since: None,
            series: vec![series],
        };
        let gate = Gate {
            name: "deploy".to_owned(),
            verdict: Verdict::Hold,
            kind: "score".to_owned(),
            score: Some(Number(f64::NAN)),
            threshold: Some(0.5),
            escalate: false,
            look_again_at: None,
            justification: None,
            reasons: vec!["hold: rule cpu".to_owned()],
        };
        let zones = vec![Zone { name: "load".to_owned(), band: "red".to_owned(), verdict: Verdict::NoGo }];
        let gate_file = "0".repeat(64);
        Ok(Verdicts { at: 1, gate_file, verdict: Verdict::Hold, gates: vec![gate], zones, rules: vec![rule] })
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, ApiError> {
        self.act()?;
        let acks = self.acks.lock().expect("the fake's own lock");
        let acknowledged = |wanted: &str| acks.iter().rev().find(|(other, _)| other == wanted).map(|(_, ack)| ack.clone());
        let alert = |fingerprint: &str, name: &str, state, severity| Alert {
            fingerprint: fingerprint.to_owned(),
            name: name.to_owned(),
            state,
            severity,
            labels: labels([("alertname", name)]),
            summary: format!("{name} is {state:?}"),
            description: None,
            value: Some(Number(91.0)),
            since: 1,
            no_data: false,
            fired_at: Some(2),
            resolved_at: None,
            acknowledged: acknowledged(fingerprint),
            silenced_by: Vec::new(),
            inhibited_by: Vec::new(),
            receivers: vec!["log".to_owned()],
        };
        let all = [
            alert(CPU, "cpu-high", AlertState::Firing, Severity::Critical),
            alert(DISK, "disk-full", AlertState::Pending, Severity::Warning),
        ];
        Ok(all.into_iter().filter(|alert| filter.admits(alert)).collect())
    }

    fn acknowledge(&self, fingerprint: &str, by: &str, comment: &str) -> Result<Acknowledgement, ApiError> {
        self.act()?;
        match fingerprint {
            CPU => {}
            DISK => return Err(ApiError::Conflict("the alert is pending; only one that fires can be acknowledged".to_owned())),
            _ => return Err(ApiError::NotFound("there is no such alert".to_owned())),
        }
        let ack = Acknowledgement { by: by.to_owned(), comment: comment.to_owned(), at: now() };
        self.acks.lock().expect("the fake's own lock").push((fingerprint.to_owned(), ack.clone()));
        self.note(ack.at, "acknowledged", Some(fingerprint), by);
        Ok(ack)
    }

    fn silences(&self) -> Result<Vec<Silence>, ApiError> {
        self.act()?;
        Ok(self.silences.lock().expect("the fake's own lock").clone())
    }

    fn silence(&self, silence: &NewSilence, by: &str) -> Result<Silence, ApiError> {
        self.act()?;
        let mut silences = self.silences.lock().expect("the fake's own lock");
        let silence = Silence {
            id: format!("s-{}", silences.len()),
            matchers: silence.matchers.clone(),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            state: if silence.starts_at > now() { SilenceState::Pending } else { SilenceState::Active },
            by: by.to_owned(),
            ended_by: None,
            comment: silence.comment.clone(),
        };
        silences.push(silence.clone());
        self.note(now(), "silenced", None, by);
        Ok(silence)
    }

    fn expire_silence(&self, id: &str, by: &str) -> Result<(), ApiError> {
        self.act()?;
        let mut silences = self.silences.lock().expect("the fake's own lock");
        let silence = silences.iter_mut().find(|silence| silence.id == id);
        let silence = silence.ok_or_else(|| ApiError::NotFound("there is no such silence".to_owned()))?;
        if silence.state == SilenceState::Expired {
            return Err(ApiError::Conflict("it has ended already".to_owned()));
        }
        (silence.state, silence.ended_by) = (SilenceState::Expired, Some(by.to_owned()));
        Ok(())
    }

    fn alert_history(&self, query: &AlertHistoryQuery) -> Result<Vec<AlertEvent>, ApiError> {
        self.act()?;
        let events = self.events.lock().expect("the fake's own lock");
        let wanted = |event: &&AlertEvent| {
            query.fingerprint.as_ref().is_none_or(|one| event.fingerprint.as_ref() == Some(one))
                && query.from.is_none_or(|from| event.at >= from)
                && query.to.is_none_or(|to| event.at <= to)
                && query.before.is_none_or(|before| event.id < before)
        };
        Ok(events.iter().rev().filter(wanted).take(query.limit).cloned().collect())
    }

    fn history(&self, query: &HistoryQuery) -> Result<History, ApiError> {
        self.act()?;
        if query.metric != "cpu_percent" {
            return Err(ApiError::NotFound(format!("the metric {} was never seen", query.metric)));
        }
        let all = (query.to - query.from) / 1000 + 1;
        let shown = all.min(query.limit as i64);
        let point = |index| Point { at: query.from + 1000 * index, value: Number(1.0), min: None, max: None, count: None };
        let points = (0..shown).map(point).collect();
        let series = if query.labels.is_empty() { vec![SeriesHistory { labels: LabelMap::new(), points }] } else { Vec::new() };
        let resolution = query.resolution.unwrap_or(Resolution::Raw);
        Ok(History { metric: query.metric.clone(), resolution, series, truncated: shown < all })
    }

    fn series(&self) -> Result<Vec<SeriesInfo>, ApiError> {
        self.act()?;
        let of = |metric: &str, value| SeriesInfo { metric: metric.to_owned(), labels: LabelMap::new(), value, at: Some(1) };
        Ok(vec![of("cpu_percent", Some(Number(12.5))), of("load_1m", None)])
    }
}
