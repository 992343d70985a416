use std::collections::BTreeMap;

use dsmil_alert::{Ack, AlertView, Matcher, SilenceView};
use dsmil_gate::Period;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Number, Severity, label_map};

/// Where an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Nothing is wrong.
    Inactive,
    /// It fails, but not long enough yet.
    Pending,
    /// It fires.
    Firing,
    /// It has fired and is over.
    Resolved,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Alert {
    /// What identifies it: the same for the same labels.
    pub fingerprint: String,
    /// The rule's name.
    pub name: String,
    /// Where it is.
    pub state: AlertState,
    /// How grave it is.
    pub severity: Severity,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What is wrong, in a line.
    pub summary: String,
    /// What the rule is for.
    pub description: Option<String>,
    /// The value that was observed last.
    pub value: Option<Number>,
    /// Since when the rule has failed.
    pub since: i64,
    /// Whether it is about evidence that is missing and not about a value.
    pub no_data: bool,
    /// Since when it has fired.
    pub fired_at: Option<i64>,
    /// When it was over.
    pub resolved_at: Option<i64>,
    /// Who looks after it.
    pub acknowledged: Option<Acknowledgement>,
    /// The ids of the silences that keep it quiet.
    pub silenced_by: Vec<String>,
    /// The fingerprints of the alerts that keep it quiet.
    pub inhibited_by: Vec<String>,
    /// The receivers that it is told to.
    pub receivers: Vec<String>,
}

/// Which alerts are asked for. What is not set lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// In this state only.
    pub state: Option<AlertState>,
    /// Of this severity only.
    pub severity: Option<Severity>,
    /// Of the rule with this name only.
    pub name: Option<String>,
}

impl AlertFilter {
    /// Whether the filter lets an alert through.
    pub fn admits(&self, alert: &Alert) -> bool {
        self.state.is_none_or(|state| alert.state == state)
            && self.severity.is_none_or(|severity| alert.severity == severity)
            && self.name.as_ref().is_none_or(|name| alert.name == *name)
    }
}

/// Somebody looks after an alert: what is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Acknowledge {
    /// Who; the name of the key is added. Only the name of the key if it is not given.
    #[schema(min_length = 1, max_length = 50)]
    pub by: Option<String>,
    /// What is being done about it.
    #[schema(max_length = 1000)]
    pub comment: String,
}

/// Who looks after an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Acknowledgement {
    /// Who: `name of the key`, or `somebody via name of the key`.
    pub by: String,
    /// What is being done about it.
    pub comment: String,
    /// Since when.
    pub at: i64,
}

/// A silence as it is sent. Its end is given by `ends_at` or `duration`, by exactly one of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// Which alerts: those that all matchers fit, each written as `label="value"`, with `=`, `!=`, `=~` or `!~`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 32, max_length = 1024, pattern = r"^\s*[A-Za-z_][A-Za-z0-9_]*\s*(=|!=|=~|!~)", examples(json!(["alertname=\"cpu-high\"", "device=~\"0x80.*\""])))]
    pub matchers: Vec<Matcher>,
    /// When it starts; now if it is not given.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 253_402_300_799_999_i64)]
    pub starts_at: Option<i64>,
    /// When it ends.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 253_402_300_799_999_i64)]
    pub ends_at: Option<i64>,
    /// How long it lasts, such as `2h`; at most a year.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
        examples("2h"))]
    pub duration: Option<Period>,
    /// Who; the name of the key is added.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 50)]
    pub by: Option<String>,
    /// Why.
    #[schema(min_length = 1, max_length = 1000)]
    pub comment: String,
}

/// A silence that is to begin, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSilence {
    /// Which alerts: those that all matchers fit; at least one.
    pub matchers: Vec<Matcher>,
    /// When it starts.
    pub starts_at: i64,
    /// When it ends, after its start and in the future.
    pub ends_at: i64,
    /// Why; never empty.
    pub comment: String,
}

/// Where a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It has not started.
    Pending,
    /// It keeps alerts quiet.
    Active,
    /// It has ended.
    Expired,
}

/// A silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Silence {
    /// What identifies it.
    pub id: String,
    /// Which alerts: those that all matchers fit.
    #[schema(value_type = Vec<String>)]
    pub matchers: Vec<Matcher>,
    /// When it starts.
    pub starts_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// Where it is.
    pub state: SilenceState,
    /// Who made it.
    pub by: String,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
    /// Why.
    pub comment: String,
}

/// Which events are asked for. What is not set lets everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertHistoryQuery {
    /// Of this alert only.
    pub fingerprint: Option<String>,
    /// Not earlier than this.
    pub from: Option<i64>,
    /// Not later than this.
    pub to: Option<i64>,
    /// With an id below this one only: the page after one that ended there.
    pub before: Option<i64>,
    /// At most so many; at least 1.
    pub limit: usize,
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertEvent {
    /// Its number in the journal; later ones have greater numbers.
    pub id: i64,
    /// When.
    pub at: i64,
    /// What: `pending`, `firing`, `resolved`, `acknowledged`, `silenced`, `delivered` and so on.
    pub kind: String,
    /// The alert, if it is about one.
    pub fingerprint: Option<String>,
    /// The rule's name.
    pub name: Option<String>,
    /// The alert's labels.
    pub labels: BTreeMap<String, String>,
    /// Who did it, if somebody did.
    pub by: Option<String>,
    /// More about it.
    pub detail: Option<String>,
}

/// A page of the journal, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertHistory {
    /// The events.
    pub items: Vec<AlertEvent>,
    /// What `before` must be for the next page; there is none if it is null.
    pub next_before: Option<i64>,
}

impl From<dsmil_alert::AlertState> for AlertState {
    fn from(state: dsmil_alert::AlertState) -> Self {
        match state {
            dsmil_alert::AlertState::Pending => Self::Pending,
            dsmil_alert::AlertState::Firing => Self::Firing,
            dsmil_alert::AlertState::Resolved => Self::Resolved,
        }
    }
}

impl From<AlertView> for Alert {
    fn from(alert: AlertView) -> Self {
        Self {
            fingerprint: alert.fingerprint.to_string(),
            name: alert.name,
            state: alert.state.into(),
            severity: alert.severity.into(),
            labels: label_map(&alert.labels),
            summary: alert.summary,
            description: alert.description,
            value: alert.value.map(Number),
            since: alert.since,
            no_data: alert.no_data,
            fired_at: alert.starts_at,
            resolved_at: alert.ends_at,
            acknowledged: alert.acked.map(Acknowledgement::from),
            silenced_by: alert.silenced_by,
            inhibited_by: alert.inhibited_by.iter().map(ToString::to_string).collect(),
            receivers: alert.receivers,
        }
    }
}

impl From<Ack> for Acknowledgement {
    fn from(ack: Ack) -> Self {
        Self { by: ack.by, comment: ack.comment, at: ack.at }
    }
}

impl From<SilenceView> for Silence {
    fn from(silence: SilenceView) -> Self {
        let state = match silence.state {
            dsmil_alert::SilenceState::Pending => SilenceState::Pending,
            dsmil_alert::SilenceState::Active => SilenceState::Active,
            dsmil_alert::SilenceState::Expired => SilenceState::Expired,
        };
        Self {
            id: silence.id,
            matchers: silence.matchers,
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            state,
            by: silence.by,
            ended_by: silence.ended_by,
            comment: silence.comment,
        }
    }
}
