//! What comes in, and what follows from it: events, from which the whole state can be had again.

use dsmil_gate::Labels;
use serde::{Deserialize, Deserializer, Serialize};

use crate::alert::{ActiveAlert, Fingerprint};
use crate::notification::Notification;
use crate::silence::Silence;

/// The version of events and of the saved state.
pub(crate) const VERSION: u32 = 1;

/// What [`Alerts::decide`](crate::Alerts::decide) is asked about.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// All alerts that are pending or firing at one evaluation, of all gates. What fired and isn't among them has resolved.
    Observed(Vec<ActiveAlert>),
    /// Somebody takes care of a firing alert: it is not repeated until it resolves or fires anew.
    Acknowledge {
        /// Which.
        fingerprint: Fingerprint,
        /// Who.
        by: String,
        /// What they have to say of it; may be empty.
        comment: String,
    },
    /// Nobody is to be told of some alerts for a while.
    Silence(Silence),
    /// A silence is to end now.
    Expire {
        /// Which.
        id: String,
        /// Who wants it.
        by: String,
    },
    /// A notification was delivered.
    Delivered {
        /// Its id.
        notification: String,
        /// In which attempt, from 1.
        attempt: u32,
    },
    /// An attempt to deliver a notification has failed.
    Failed {
        /// Its id.
        notification: String,
        /// In which attempt, from 1.
        attempt: u32,
        /// Whether a further attempt would fail as well.
        permanent: bool,
        /// Why.
        why: String,
    },
    /// Time has gone on.
    Tick,
}

/// The group in which an alert is told of, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRef {
    /// Who is told.
    pub receiver: String,
    /// The labels that the group's alerts share.
    pub labels: Labels,
    /// How long a new group waits, in milliseconds.
    pub wait: i64,
    /// The shortest time between two notifications, in milliseconds.
    pub interval: i64,
    /// After what time a group that still fires is told of again, in milliseconds.
    pub repeat: Option<i64>,
    /// After what time each alert that still fires is told of again, in milliseconds.
    pub refresh: Option<i64>,
}

impl GroupRef {
    /// The group's key: receiver and labels.
    pub fn key(&self) -> String {
        format!("{}/{}", self.receiver, self.labels)
    }
}

/// What happened. Events don't depend on configuration or clock any more: applied in order they give the same state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// The clock stands before a time that was seen already: what waits, waits from now.
    ClockWentBack {},
    /// Another configuration is in force.
    Configured {
        /// Its fingerprint.
        config: String,
    },
    /// An alert is pending.
    Pending {
        /// It.
        alert: ActiveAlert,
    },
    /// What is said of an alert has changed: its rule was edited.
    Described {
        /// It.
        alert: ActiveAlert,
    },
    /// An alert fires.
    Fired {
        /// It.
        alert: ActiveAlert,
        /// Since when, in milliseconds since the Unix epoch.
        starts_at: i64,
        /// Where it is told of.
        groups: Vec<GroupRef>,
        /// Whether it is about the notifications themselves and not of a rule.
        internal: bool,
    },
    /// A pending alert has ended without firing.
    Subsided {
        /// Which.
        fingerprint: Fingerprint,
    },
    /// A firing alert has ended.
    Resolved {
        /// Which.
        fingerprint: Fingerprint,
        /// Whether it was silenced or inhibited then: nobody is told of one that was not told of before.
        muted: bool,
    },
    /// A firing alert is told of in further groups, after a change of the configuration.
    Joined {
        /// Which.
        fingerprint: Fingerprint,
        /// Where.
        groups: Vec<GroupRef>,
    },
    /// An alert is no longer told of in a group, after a change of the configuration, except that it has resolved.
    Left {
        /// Which.
        fingerprint: Fingerprint,
        /// The group's key.
        group: String,
    },
    /// The receiver of a group is no more: nobody is told of it.
    GroupClosed {
        /// The group's key.
        group: String,
    },
    /// Somebody takes care of an alert.
    Acknowledged {
        /// Which.
        fingerprint: Fingerprint,
        /// Who.
        by: String,
        /// What they have to say of it.
        comment: String,
    },
    /// There is a new silence.
    Silenced {
        /// It.
        silence: Silence,
    },
    /// A silence has ended.
    SilenceEnded {
        /// Which.
        id: String,
        /// Who ended it; nobody, if its time was over.
        by: Option<String>,
    },
    /// What ended long ago is no longer listed.
    Forgotten {
        /// Alerts.
        alerts: Vec<Fingerprint>,
        /// Silences.
        silences: Vec<String>,
    },
    /// A notification is to be delivered. From here on it can't be lost.
    Queued {
        /// It.
        notification: Notification,
    },
    /// A notification was delivered.
    Delivered {
        /// Its id.
        notification: String,
        /// Who was told.
        receiver: String,
        /// In which attempt, from 1.
        attempt: u32,
    },
    /// An attempt has failed; there will be another one.
    Failed {
        /// The notification's id.
        notification: String,
        /// Who was not told.
        receiver: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// Why.
        why: String,
        /// When the next one is due, in milliseconds since the Unix epoch.
        next_attempt_at: i64,
    },
    /// A notification is not tried any more.
    GaveUp {
        /// Its id.
        notification: String,
        /// Who was not told.
        receiver: String,
        /// After how many attempts.
        attempts: u32,
        /// Why.
        why: String,
    },
}

/// What happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertEvent {
    /// The version of the form: 1.
    #[serde(deserialize_with = "known_version")]
    pub version: u32,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What.
    pub what: Change,
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let found = u32::deserialize(deserializer)?;
    if found == VERSION {
        return Ok(found);
    }
    let what = format!("version {found} of an alert event is not known, only {VERSION}; use the release that wrote it");
    Err(serde::de::Error::custom(what))
}

impl AlertEvent {
    pub(crate) fn new(at: i64, what: Change) -> Self {
        Self { version: VERSION, at, what }
    }

    /// The name of what happened, such as `fired`.
    pub fn kind(&self) -> &'static str {
        match &self.what {
            Change::ClockWentBack {} => "clock-went-back",
            Change::Configured { .. } => "configured",
            Change::Pending { .. } => "pending",
            Change::Described { .. } => "described",
            Change::Fired { .. } => "fired",
            Change::Subsided { .. } => "subsided",
            Change::Resolved { .. } => "resolved",
            Change::Joined { .. } => "joined",
            Change::Left { .. } => "left",
            Change::GroupClosed { .. } => "group-closed",
            Change::Acknowledged { .. } => "acknowledged",
            Change::Silenced { .. } => "silenced",
            Change::SilenceEnded { .. } => "silence-ended",
            Change::Forgotten { .. } => "forgotten",
            Change::Queued { .. } => "queued",
            Change::Delivered { .. } => "delivered",
            Change::Failed { .. } => "failed",
            Change::GaveUp { .. } => "gave-up",
        }
    }

    /// The alert that it is about, if it is about one.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match &self.what {
            Change::Pending { alert } | Change::Described { alert } | Change::Fired { alert, .. } => Some(alert.fingerprint()),
            Change::Subsided { fingerprint }
            | Change::Resolved { fingerprint, .. }
            | Change::Joined { fingerprint, .. }
            | Change::Left { fingerprint, .. }
            | Change::Acknowledged { fingerprint, .. } => Some(*fingerprint),
            _ => None,
        }
    }

    /// The notification that it is about, if it is about one.
    pub fn notification(&self) -> Option<&str> {
        match &self.what {
            Change::Queued { notification } => Some(&notification.id),
            Change::Delivered { notification, .. }
            | Change::Failed { notification, .. }
            | Change::GaveUp { notification, .. } => Some(notification),
            _ => None,
        }
    }
}
