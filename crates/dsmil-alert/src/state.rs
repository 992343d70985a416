//! All that is remembered, and how an event changes it. Nothing here looks at configuration or clock.

use std::collections::{BTreeMap, BTreeSet};

use dsmil_gate::Labels;
use serde::{Deserialize, Serialize};

use crate::alert::{ActiveAlert, AlertState, Fingerprint};
use crate::event::{AlertEvent, Change, GroupRef, VERSION};
use crate::notification::{LONGEST_WITH_JITTER, Notification, Status};
use crate::silence::Silence;

/// Who takes care of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Who.
    pub by: String,
    /// What they have to say of it.
    pub comment: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// What is known of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alert {
    pub(crate) seen: ActiveAlert,
    pub(crate) state: AlertState,
    /// Of the time that it fires or fired last.
    pub(crate) starts_at: Option<i64>,
    pub(crate) ends_at: Option<i64>,
    pub(crate) internal: bool,
    pub(crate) ack: Option<Ack>,
    /// The keys of the groups that it is a member of.
    pub(crate) groups: BTreeSet<String>,
}

/// That a receiver was told that an alert fires, or will be: it stands in the queue at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    pub(crate) starts_at: i64,
    pub(crate) at: i64,
}

/// An alert in a group. It leaves when the receiver was told that it has resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) starts_at: i64,
    pub(crate) ends_at: Option<i64>,
    pub(crate) told: Option<Told>,
    /// No longer routed here: only that it has resolved is told.
    pub(crate) leaving: bool,
}

/// Alerts that one receiver is told of together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) way: GroupRef,
    pub(crate) opened_at: i64,
    /// When a notification was made last.
    pub(crate) told_at: Option<i64>,
    pub(crate) members: BTreeMap<Fingerprint, Member>,
    /// The sequences of its notifications that are not delivered, in order.
    pub(crate) waiting: Vec<u64>,
}

/// A notification that is not delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    pub(crate) notification: Notification,
    pub(crate) attempts: u32,
    pub(crate) next_attempt_at: i64,
    pub(crate) failing_since: Option<i64>,
    pub(crate) last_error: Option<String>,
}

/// What has become of the notifications to one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
    pub(crate) given_up: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) version: u32,
    /// The latest time of an event.
    pub(crate) latest: Option<i64>,
    /// The fingerprint of the configuration that the groups are of.
    pub(crate) config: String,
    /// Of the last notification.
    pub(crate) sequence: u64,
    pub(crate) alerts: BTreeMap<Fingerprint, Alert>,
    pub(crate) silences: BTreeMap<String, SilenceRecord>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// By sequence; written as a list, since not every form has numbers as keys.
    #[serde(with = "queue")]
    pub(crate) queue: BTreeMap<u64, Waiting>,
    pub(crate) receivers: BTreeMap<String, Sums>,
}

mod queue {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Waiting;

    pub(super) fn serialize<S: Serializer>(queue: &BTreeMap<u64, Waiting>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(queue.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, Waiting>, D::Error> {
        let list = Vec::<Waiting>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|waiting| (waiting.notification.sequence, waiting)).collect())
    }
}

/// A silence, and whether it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SilenceRecord {
    pub(crate) silence: Silence,
    pub(crate) ended_at: Option<i64>,
    pub(crate) ended_by: Option<String>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            version: VERSION,
            latest: None,
            config: String::new(),
            sequence: 0,
            alerts: BTreeMap::new(),
            silences: BTreeMap::new(),
            groups: BTreeMap::new(),
            queue: BTreeMap::new(),
            receivers: BTreeMap::new(),
        }
    }

    /// A notification that is not delivered, by its id.
    pub(crate) fn waiting(&self, id: &str) -> Option<&Waiting> {
        let waiting = self.queue.get(&Notification::sequence_of(id)?)?;
        (waiting.notification.id == id).then_some(waiting)
    }

    /// An event that doesn't fit, of a journal that was tampered with, changes nothing.
    pub(crate) fn apply(&mut self, event: &AlertEvent) {
        let at = event.at;
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
        match &event.what {
            Change::ClockWentBack {} => self.clock_went_back(at),
            Change::Configured { config } => self.config.clone_from(config),
            Change::Pending { alert } => self.pending(alert),
            Change::Described { alert } => {
                if let Some(known) = self.alerts.get_mut(&alert.fingerprint()) {
                    known.seen = alert.clone();
                }
            }
            Change::Fired { alert, starts_at, groups, internal } => self.fired(at, alert, *starts_at, groups, *internal),
            Change::Subsided { fingerprint } => self.subsided(*fingerprint),
            Change::Resolved { fingerprint, muted } => self.resolved(at, *fingerprint, *muted),
            Change::Joined { fingerprint, groups } => {
                if let Some(starts_at) = self.alerts.get(fingerprint).and_then(|alert| alert.starts_at) {
                    self.join(at, *fingerprint, starts_at, groups);
                }
            }
            Change::Left { fingerprint, group } => self.left(*fingerprint, group),
            Change::GroupClosed { group } => {
                let members = self.groups.get(group).into_iter().flat_map(|group| group.members.keys());
                let members: Vec<Fingerprint> = members.copied().collect();
                for fingerprint in members {
                    self.remove_member(fingerprint, group);
                }
                self.close(group);
            }
            Change::Acknowledged { fingerprint, by, comment } => {
                if let Some(alert) = self.alerts.get_mut(fingerprint) {
                    alert.ack = Some(Ack { by: by.clone(), comment: comment.clone(), at });
                }
            }
            Change::Silenced { silence } => {
                let record = SilenceRecord { silence: silence.clone(), ended_at: None, ended_by: None };
                self.silences.insert(silence.id.clone(), record);
            }
            Change::SilenceEnded { id, by } => {
                if let Some(record) = self.silences.get_mut(id) {
                    record.ended_at = Some(at);
                    record.ended_by.clone_from(by);
                }
            }
            Change::Forgotten { alerts, silences } => {
                for fingerprint in alerts {
                    self.forget(*fingerprint);
                }
                for id in silences {
                    self.silences.remove(id);
                }
            }
            Change::Queued { notification } => self.queued(at, notification),
            Change::Delivered { notification, receiver, .. } => {
                self.unqueue(notification);
                self.stats(receiver).delivered += 1;
            }
            Change::Failed { notification, receiver, attempt, why, next_attempt_at } => {
                self.stats(receiver).failed += 1;
                let Some(sequence) = self.waiting(notification).map(|waiting| waiting.notification.sequence) else { return };
                if let Some(waiting) = self.queue.get_mut(&sequence) {
                    waiting.attempts = *attempt;
                    waiting.next_attempt_at = *next_attempt_at;
                    waiting.failing_since.get_or_insert(at);
                    waiting.last_error = Some(why.clone());
                }
            }
            Change::GaveUp { notification, receiver, .. } => {
                self.unqueue(notification);
                self.stats(receiver).given_up += 1;
            }
        }
    }

    fn stats(&mut self, receiver: &str) -> &mut Sums {
        self.receivers.entry(receiver.to_owned()).or_default()
    }

    fn clock_went_back(&mut self, now: i64) {
        self.latest = Some(now);
        for alert in self.alerts.values_mut() {
            alert.starts_at = alert.starts_at.map(|at| at.min(now));
            alert.ends_at = alert.ends_at.map(|at| at.min(now));
        }
        for group in self.groups.values_mut() {
            group.opened_at = group.opened_at.min(now);
            group.told_at = group.told_at.map(|at| at.min(now));
            for member in group.members.values_mut() {
                member.starts_at = member.starts_at.min(now);
                member.ends_at = member.ends_at.map(|at| at.min(now));
                member.told = member.told.map(|told| Told { starts_at: told.starts_at.min(now), at: told.at.min(now) });
            }
        }
        for waiting in self.queue.values_mut() {
            waiting.next_attempt_at = waiting.next_attempt_at.min(now.saturating_add(LONGEST_WITH_JITTER));
            waiting.failing_since = waiting.failing_since.map(|at| at.min(now));
        }
        for record in self.silences.values_mut() {
            record.ended_at = record.ended_at.map(|at| at.min(now));
        }
    }

    fn pending(&mut self, seen: &ActiveAlert) {
        let new = || Alert {
            seen: seen.clone(),
            state: AlertState::Pending,
            starts_at: None,
            ends_at: None,
            internal: false,
            ack: None,
            groups: BTreeSet::new(),
        };
        let alert = self.alerts.entry(seen.fingerprint()).or_insert_with(new);
        (alert.state, alert.seen) = (AlertState::Pending, seen.clone());
    }

    fn fired(&mut self, at: i64, seen: &ActiveAlert, starts_at: i64, groups: &[GroupRef], internal: bool) {
        self.pending(seen);
        let fingerprint = seen.fingerprint();
        if let Some(alert) = self.alerts.get_mut(&fingerprint) {
            (alert.state, alert.internal) = (AlertState::Firing, internal);
            (alert.starts_at, alert.ends_at) = (Some(starts_at), None);
        }
        self.join(at, fingerprint, starts_at, groups);
    }

    fn join(&mut self, at: i64, fingerprint: Fingerprint, starts_at: i64, groups: &[GroupRef]) {
        let Some(alert) = self.alerts.get_mut(&fingerprint) else { return };
        for way in groups {
            let key = way.key();
            let new = || Group { way: way.clone(), opened_at: at, told_at: None, members: BTreeMap::new(), waiting: Vec::new() };
            let group = self.groups.entry(key.clone()).or_insert_with(new);
            group.way = way.clone();
            let told = group.members.get(&fingerprint).and_then(|member| member.told);
            group.members.insert(fingerprint, Member { starts_at, ends_at: None, told, leaving: false });
            alert.groups.insert(key);
        }
    }

    fn subsided(&mut self, fingerprint: Fingerprint) {
        let Some(alert) = self.alerts.get_mut(&fingerprint) else { return };
        if alert.ends_at.is_some() {
            // It fired once, and that is still to be listed.
            alert.state = AlertState::Resolved;
        } else {
            self.forget(fingerprint);
        }
    }

    fn resolved(&mut self, at: i64, fingerprint: Fingerprint, muted: bool) {
        let Some(alert) = self.alerts.get_mut(&fingerprint) else { return };
        (alert.state, alert.ends_at, alert.ack) = (AlertState::Resolved, Some(at), None);
        for key in alert.groups.clone() {
            let Some(member) = self.groups.get_mut(&key).and_then(|group| group.members.get_mut(&fingerprint)) else { continue };
            if member.told.is_none() && (muted || member.leaving) {
                self.remove_member(fingerprint, &key);
            } else {
                member.ends_at = Some(at);
            }
        }
    }

    fn left(&mut self, fingerprint: Fingerprint, key: &str) {
        let Some(member) = self.groups.get_mut(key).and_then(|group| group.members.get_mut(&fingerprint)) else { return };
        if member.told.is_some() {
            member.leaving = true;
        } else {
            self.remove_member(fingerprint, key);
        }
    }

    fn forget(&mut self, fingerprint: Fingerprint) {
        let Some(alert) = self.alerts.remove(&fingerprint) else { return };
        for key in alert.groups {
            self.remove_member(fingerprint, &key);
        }
    }

    fn remove_member(&mut self, fingerprint: Fingerprint, key: &str) {
        if let Some(group) = self.groups.get_mut(key) {
            group.members.remove(&fingerprint);
        }
        if let Some(alert) = self.alerts.get_mut(&fingerprint) {
            alert.groups.remove(key);
        }
        self.close(key);
    }

    /// A group without members of which nothing waits is no more.
    fn close(&mut self, key: &str) {
        if self.groups.get(key).is_some_and(|group| group.members.is_empty() && group.waiting.is_empty()) {
            self.groups.remove(key);
        }
    }

    fn queued(&mut self, at: i64, notification: &Notification) {
        self.sequence = self.sequence.max(notification.sequence);
        let Some(group) = self.groups.get_mut(&notification.group) else { return };
        group.told_at = Some(at);
        group.waiting.push(notification.sequence);
        let mut done = Vec::new();
        for told in &notification.alerts {
            if let Some(alert) = self.alerts.get_mut(&told.fingerprint) {
                alert.seen.value = told.value;
            }
            let Some(member) = group.members.get_mut(&told.fingerprint) else { continue };
            match told.status {
                Status::Firing => member.told = Some(Told { starts_at: told.starts_at, at }),
                Status::Resolved => done.push(told.fingerprint),
            }
        }
        let notification = notification.clone();
        let (key, sequence) = (notification.group.clone(), notification.sequence);
        self.queue
            .insert(sequence, Waiting { notification, attempts: 0, next_attempt_at: at, failing_since: None, last_error: None });
        for fingerprint in done {
            self.remove_member(fingerprint, &key);
        }
    }

    fn unqueue(&mut self, id: &str) {
        let Some(sequence) = self.waiting(id).map(|waiting| waiting.notification.sequence) else { return };
        let Some(waiting) = self.queue.remove(&sequence) else { return };
        let key = waiting.notification.group;
        if let Some(group) = self.groups.get_mut(&key) {
            group.waiting.retain(|other| *other != sequence);
        }
        self.close(&key);
    }
}

/// Labels by a list of pairs.
pub(crate) fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().collect()
}
