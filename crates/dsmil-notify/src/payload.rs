//! What receivers get: JSON in our own form, in that of Alertmanager's webhooks, and in that of its API v2.

use std::collections::BTreeMap;

use dsmil_alert::{Cause, Notification, NotifiedAlert, Status};
use dsmil_gate::{Labels, Severity};
use jiff::Timestamp;
use serde::Serialize;

use crate::receiver::AlertmanagerReceiver;

/// The time that Alertmanager writes where there is none.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Milliseconds as RFC 3339 in UTC.
fn clock(at: i64) -> String {
    let nearest = if at < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let time = Timestamp::from_millisecond(at).unwrap_or(nearest);
    format!("{time:.3}")
}

/// A value as people read it.
fn number(value: f64) -> String {
    match value {
        value if value.is_finite() => format!("{value}"),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => "NaN".to_owned(),
    }
}

/// For log and command. Times are RFC 3339 in UTC; a value that is no JSON number is a word.
#[derive(Serialize)]
pub(crate) struct Own<'a> {
    version: u32,
    id: &'a str,
    receiver: &'a str,
    status: Status,
    cause: Cause,
    severity: Severity,
    group: &'a str,
    group_labels: &'a Labels,
    created_at: String,
    truncated: usize,
    alerts: Vec<OwnAlert<'a>>,
}

#[derive(Serialize)]
struct OwnAlert<'a> {
    fingerprint: String,
    status: Status,
    labels: &'a Labels,
    severity: Severity,
    starts_at: String,
    ends_at: Option<String>,
    value: Option<serde_json::Value>,
    summary: &'a str,
    description: Option<&'a str>,
    acked_by: Option<&'a str>,
}

impl<'a> Own<'a> {
    pub(crate) fn new(notification: &'a Notification) -> Self {
        Self {
            version: 1,
            id: &notification.id,
            receiver: &notification.receiver,
            status: notification.status(),
            cause: notification.cause,
            severity: notification.severity(),
            group: &notification.group,
            group_labels: &notification.group_labels,
            created_at: clock(notification.created_at),
            truncated: notification.truncated,
            alerts: notification.alerts.iter().map(OwnAlert::new).collect(),
        }
    }
}

impl<'a> OwnAlert<'a> {
    fn new(alert: &'a NotifiedAlert) -> Self {
        let value = |value: f64| if value.is_finite() { value.into() } else { number(value).into() };
        Self {
            fingerprint: alert.fingerprint.to_string(),
            status: alert.status,
            labels: &alert.labels,
            severity: alert.severity,
            starts_at: clock(alert.starts_at),
            ends_at: alert.ends_at.map(clock),
            value: alert.value.map(value),
            summary: &alert.summary,
            description: alert.description.as_deref(),
            acked_by: alert.acked_by.as_deref(),
        }
    }
}

fn annotations(alert: &NotifiedAlert) -> BTreeMap<&'static str, String> {
    let own = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let all = [
        ("summary", Some(alert.summary.clone()).filter(|summary| !summary.is_empty())),
        ("description", own(&alert.description)),
        ("value", alert.value.map(number)),
        ("acknowledged_by", own(&alert.acked_by)),
    ];
    all.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// What Alertmanager 0.25 posts to its webhooks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook<'a> {
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: usize,
    status: Status,
    receiver: &'a str,
    group_labels: &'a Labels,
    common_labels: BTreeMap<&'a str, &'a str>,
    common_annotations: BTreeMap<&'static str, String>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<WebhookAlert<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAlert<'a> {
    status: Status,
    labels: &'a Labels,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

impl<'a> Webhook<'a> {
    pub(crate) fn new(notification: &'a Notification, external_url: &'a str) -> Self {
        let alerts: Vec<WebhookAlert<'_>> = (notification.alerts.iter())
            .map(|alert| WebhookAlert {
                status: alert.status,
                labels: &alert.labels,
                annotations: annotations(alert),
                starts_at: clock(alert.starts_at),
                ends_at: alert.ends_at.map_or_else(|| NO_TIME.to_owned(), clock),
                generator_url: external_url,
                fingerprint: alert.fingerprint.to_string(),
            })
            .collect();
        let mut common_labels: BTreeMap<&str, &str> =
            alerts.first().map(|first| first.labels.iter().collect()).unwrap_or_default();
        common_labels.retain(|name, value| alerts.iter().all(|alert| alert.labels.get(name) == *value));
        let mut common_annotations = alerts.first().map(|first| first.annotations.clone()).unwrap_or_default();
        common_annotations.retain(|name, text| alerts.iter().all(|alert| alert.annotations.get(name) == Some(text)));
        Self {
            version: "4",
            group_key: &notification.group,
            truncated_alerts: notification.truncated,
            status: notification.status(),
            receiver: &notification.receiver,
            group_labels: &notification.group_labels,
            common_labels,
            common_annotations,
            external_url,
            alerts,
        }
    }
}

/// An alert as `POST /api/v2/alerts` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Posted<'a> {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
}

/// What is sent at `now`. What fires ends, for Alertmanager, after three intervals unless it is sent again.
pub(crate) fn posted<'a>(notification: &Notification, of: &'a AlertmanagerReceiver, now: i64) -> Vec<Posted<'a>> {
    let later = now.saturating_add(of.resend_interval.as_millis().saturating_mul(3));
    let alerts = notification.alerts.iter();
    let one = |alert: &NotifiedAlert| {
        let ends_at = alert.ends_at.unwrap_or(later);
        Posted {
            labels: sanitised(&alert.labels, &of.labels),
            annotations: annotations(alert),
            // Alertmanager refuses what ends before it begins, which a clock that was set can make of an alert.
            starts_at: clock(alert.starts_at.min(ends_at)),
            ends_at: clock(ends_at),
            generator_url: &of.generator_url,
        }
    };
    alerts.map(one).collect()
}

/// Labels as Prometheus has them: what is no letter, digit or `_` in a name becomes `_`; empty ones are none; a name that is
/// taken then gets a `_` more.
fn sanitised(labels: &Labels, more: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = labels.iter();
    let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| labels.get(name).is_empty());
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in own.chain(more).filter(|(_, value)| !value.is_empty()) {
        let mut fit: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '_' }).collect();
        if fit.is_empty() || fit.starts_with(|first: char| first.is_ascii_digit()) {
            fit.insert(0, '_');
        }
        while all.contains_key(&fit) {
            fit.push('_');
        }
        all.insert(fit, value.to_owned());
    }
    all
}
