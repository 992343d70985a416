//! A monitor in little: decides, writes down, applies; and can be killed at any moment.

#![allow(dead_code, clippy::unwrap_used)]

use dsmil_alert::{
    ActiveAlert, AlertConfig, AlertError, AlertEvent, Alerts, Change, Fingerprint, Input, Notification, Receivers,
};
use dsmil_alert::{ReceiverKind, Snapshot, Status};
use dsmil_gate::{Labels, Severity};

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

pub(crate) fn labels(text: &str) -> Labels {
    text.split(',').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap()).collect()
}

/// A firing alert, such as `alertname=cpu,device=0x8003`.
pub(crate) fn firing(text: &str) -> ActiveAlert {
    let labels = labels(text);
    let severity = if labels.get("severity") == "critical" { Severity::Critical } else { Severity::Warning };
    ActiveAlert {
        labels,
        firing: true,
        severity,
        no_data: false,
        since: 0,
        fired_at: None,
        value: Some(91.5),
        summary: "cpu_percent fail when > 80".to_owned(),
        description: None,
    }
}

pub(crate) fn pending(text: &str) -> ActiveAlert {
    ActiveAlert { firing: false, ..firing(text) }
}

pub(crate) fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::of(&labels(text))
}

/// Reads `[alerts]` as a configuration file has it; every receiver that it names is there.
pub(crate) fn config(text: &str) -> AlertConfig {
    toml::from_str(text).unwrap()
}

pub(crate) fn receivers(names: &[&str]) -> Receivers {
    names.iter().map(|name| ((*name).to_owned(), ReceiverKind::Notified)).collect()
}

/// A notification in a line: `pager firing: +a(cpu) -b(disk)`.
pub(crate) fn told(notification: &Notification) -> String {
    let one = |alert: &dsmil_alert::NotifiedAlert| {
        let sign = if alert.status == Status::Firing { '+' } else { '-' };
        let device = alert.labels.get("device");
        let dot = if device.is_empty() { "" } else { "." };
        format!("{sign}{}{dot}{device}", alert.labels.get("alertname"))
    };
    let mut alerts: Vec<String> = notification.alerts.iter().map(one).collect();
    alerts.sort();
    format!("{}: {}", notification.receiver, alerts.join(" "))
}

/// What an audit of every step sees.
pub(crate) struct World {
    pub(crate) alerts: Alerts,
    pub(crate) config: AlertConfig,
    pub(crate) receivers: Receivers,
    /// The journal as the disk has it: JSON, after the snapshot.
    pub(crate) journal: Vec<String>,
    pub(crate) snapshot: String,
    /// All events since the beginning, for checks.
    pub(crate) history: Vec<AlertEvent>,
    pub(crate) now: i64,
}

impl World {
    pub(crate) fn new(config: AlertConfig, receivers: Receivers) -> Self {
        let alerts = Alerts::new(config.clone(), receivers.clone()).unwrap();
        let snapshot = serde_json::to_string(&alerts.snapshot()).unwrap();
        Self { alerts, config, receivers, journal: Vec::new(), snapshot, history: Vec::new(), now: 0 }
    }

    /// With receivers by name that are told of changes.
    pub(crate) fn of(text: &str, names: &[&str]) -> Self {
        Self::new(config(text), receivers(names))
    }

    /// Decides, writes down, applies.
    pub(crate) fn step(&mut self, input: &Input) -> Result<Vec<AlertEvent>, AlertError> {
        let events = self.alerts.decide(input, self.now)?;
        for event in &events {
            self.journal.push(serde_json::to_string(event).unwrap());
            self.alerts.apply(event);
        }
        self.history.extend(events.iter().cloned());
        Ok(events)
    }

    /// The state that a restart would find, of the first `lines` of the journal.
    pub(crate) fn replayed(&self, lines: usize) -> Alerts {
        let snapshot: Snapshot = serde_json::from_str(&self.snapshot).unwrap();
        let mut alerts = Alerts::restore(self.config.clone(), self.receivers.clone(), snapshot).unwrap();
        for line in &self.journal[..lines] {
            alerts.apply(&serde_json::from_str(line).unwrap());
        }
        alerts
    }

    /// Killed and started again; with `prune` the journal begins anew.
    pub(crate) fn crash(&mut self, prune: bool) {
        let replayed = self.replayed(self.journal.len());
        assert_eq!(json(&replayed), json(&self.alerts), "a replay gives the same state, to the byte");
        self.alerts = replayed;
        if prune {
            self.snapshot = json(&self.alerts);
            self.journal.clear();
        }
    }

    pub(crate) fn observe(&mut self, alerts: &[ActiveAlert]) -> Vec<String> {
        let events = self.step(&Input::Observed(alerts.to_vec())).unwrap();
        queued(&events)
    }

    pub(crate) fn tick(&mut self) -> Vec<String> {
        let events = self.step(&Input::Tick).unwrap();
        queued(&events)
    }

    /// Goes on in steps of a second to a time, and says what was queued: `at s: ...`.
    pub(crate) fn until(&mut self, at: i64) -> Vec<String> {
        let mut all = Vec::new();
        while self.now < at {
            self.now += SECOND;
            let now = self.now / SECOND;
            all.extend(self.tick().into_iter().map(|told| format!("{now}s {told}")));
            self.deliver();
        }
        all
    }

    /// Delivers all that is due, until nothing is.
    pub(crate) fn deliver(&mut self) {
        while let Some((id, attempt)) = self.alerts.due(self.now).first().map(|due| (due.notification.id.clone(), due.attempt)) {
            self.step(&Input::Delivered { notification: id, attempt }).unwrap();
        }
    }

    pub(crate) fn state(&self, text: &str) -> Option<dsmil_alert::AlertView> {
        self.alerts.alerts(self.now).into_iter().find(|alert| alert.fingerprint == fingerprint(text))
    }
}

pub(crate) fn json(alerts: &Alerts) -> String {
    serde_json::to_string(&alerts.snapshot()).unwrap()
}

pub(crate) fn queued(events: &[AlertEvent]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match &event.what {
            Change::Queued { notification } => Some(told(notification)),
            _ => None,
        })
        .collect()
}

pub(crate) fn kinds(events: &[AlertEvent]) -> Vec<&'static str> {
    events.iter().map(AlertEvent::kind).collect()
}
