//! What people look at: alerts and silences as they stand.

use std::collections::BTreeMap;

use dsmil_gate::{Labels, Severity};
use serde::Serialize;

use crate::alert::{AlertState, Fingerprint};
use crate::config::{AlertConfig, Receivers};
use crate::matcher::Matcher;
use crate::mute::Mutes;
use crate::state::{Ack, State};

/// An alert as it stands. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Its name: the label `alertname`.
    pub name: String,
    /// In what state it is.
    pub state: AlertState,
    /// All of its labels.
    pub labels: Labels,
    /// How grave it is.
    pub severity: Severity,
    /// Whether it is about evidence that is missing and not about a value.
    pub no_data: bool,
    /// Since when it fails or failed.
    pub since: i64,
    /// Since when it fires or fired.
    pub starts_at: Option<i64>,
    /// When it ended, if it has.
    pub ends_at: Option<i64>,
    /// What was observed when it was told of last, or when it began.
    #[serde(serialize_with = "crate::number::serialize")]
    pub value: Option<f64>,
    /// What is wrong, in a line.
    pub summary: String,
    /// What the rule is for.
    pub description: Option<String>,
    /// The ids of the silences that cover it.
    pub silenced_by: Vec<String>,
    /// The alerts that inhibit it.
    pub inhibited_by: Vec<Fingerprint>,
    /// Who takes care of it.
    pub acked: Option<Ack>,
    /// The receivers that it is told to.
    pub receivers: Vec<String>,
}

/// Whether a silence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It has not begun.
    Pending,
    /// It holds.
    Active,
    /// It has ended.
    Expired,
}

/// A silence as it stands. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SilenceView {
    /// Its id.
    pub id: String,
    /// Whether it holds.
    pub state: SilenceState,
    /// What it covers.
    pub matchers: Vec<Matcher>,
    /// From when on.
    pub starts_at: i64,
    /// Until when.
    pub ends_at: i64,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub comment: String,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
}

/// What has become of the notifications to a receiver. The sums never go back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReceiverView {
    /// How many were delivered.
    pub delivered: u64,
    /// How many attempts have failed.
    pub failed: u64,
    /// How many are not tried any more.
    pub given_up: u64,
    /// How many wait to be delivered.
    pub waiting: usize,
    /// Since when the oldest that waits has failed, in milliseconds since the Unix epoch.
    pub failing_since: Option<i64>,
    /// Why it failed last.
    pub last_error: Option<String>,
}

pub(crate) fn receivers(state: &State, known: &Receivers) -> BTreeMap<String, ReceiverView> {
    let mut views: BTreeMap<String, ReceiverView> = known.keys().map(|name| (name.clone(), ReceiverView::default())).collect();
    for (name, sums) in &state.receivers {
        let view = views.entry(name.clone()).or_default();
        (view.delivered, view.failed, view.given_up) = (sums.delivered, sums.failed, sums.given_up);
    }
    for waiting in state.queue.values() {
        let view = views.entry(waiting.notification.receiver.clone()).or_default();
        view.waiting += 1;
        if waiting.failing_since.is_some() && view.failing_since.is_none_or(|since| waiting.failing_since < Some(since)) {
            view.failing_since = waiting.failing_since;
            view.last_error.clone_from(&waiting.last_error);
        }
    }
    views
}

pub(crate) fn alerts(state: &State, config: &AlertConfig, now: i64) -> Vec<AlertView> {
    let mutes = Mutes::new(state, config, now);
    let mut views: Vec<AlertView> = Vec::with_capacity(state.alerts.len());
    for (fingerprint, alert) in &state.alerts {
        let seen = &alert.seen;
        let ended = alert.state == AlertState::Resolved;
        let mut receivers: Vec<String> =
            alert.groups.iter().filter_map(|key| state.groups.get(key)).map(|group| group.way.receiver.clone()).collect();
        receivers.sort_unstable();
        receivers.dedup();
        views.push(AlertView {
            fingerprint: *fingerprint,
            name: seen.labels.get("alertname").to_owned(),
            state: alert.state,
            labels: seen.labels.clone(),
            severity: seen.severity,
            no_data: seen.no_data,
            since: seen.since,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            value: seen.value,
            summary: seen.summary.clone(),
            description: seen.description.clone(),
            silenced_by: if ended { Vec::new() } else { mutes.silenced_by(&seen.labels) },
            inhibited_by: if ended { Vec::new() } else { mutes.inhibited_by(*fingerprint, &seen.labels) },
            acked: alert.ack.clone(),
            receivers,
        });
    }
    // The worst first, then by name and labels.
    views.sort_by(|a, b| {
        (b.state, b.severity).cmp(&(a.state, a.severity)).then_with(|| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)))
    });
    views
}

pub(crate) fn silences(state: &State, now: i64) -> Vec<SilenceView> {
    let view = |record: &crate::state::SilenceRecord| {
        let silence = record.silence.clone();
        let state = match record.ended_at {
            None if now < silence.starts_at => SilenceState::Pending,
            None if now < silence.ends_at => SilenceState::Active,
            _ => SilenceState::Expired,
        };
        SilenceView {
            id: silence.id,
            state,
            matchers: silence.matchers,
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            by: silence.by,
            comment: silence.comment,
            ended_by: record.ended_by.clone(),
        }
    };
    state.silences.values().map(view).collect()
}
