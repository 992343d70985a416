//! From what comes in to what follows from it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use dsmil_gate::Severity;

use crate::alert::{ActiveAlert, AlertState, Fingerprint};
use crate::config::{AlertConfig, Receivers};
use crate::event::{AlertEvent, Change, GroupRef, Input};
use crate::mute::Mutes;
use crate::notification::pause;
use crate::silence::{MAX_COMMENT, MAX_NAME, Silence};
use crate::state::{State, Waiting, labels};
use crate::{AlertError, group};

/// At most so many alerts are known at a time. Further ones are counted by the alert `too-many-alerts`.
pub const MAX_ALERTS: usize = 20_000;
/// At most so many silences are kept at a time.
pub const MAX_SILENCES: usize = 1000;
/// A notification is not given up before it was tried so often, however much time went by.
pub const MIN_ATTEMPTS: u32 = 10;
/// The alert that notifications to a receiver were given up.
pub const NOTIFICATION_FAILED: &str = "notification-failed";
/// The alert that there are more than [`MAX_ALERTS`].
pub const TOO_MANY_ALERTS: &str = "too-many-alerts";
/// The longest reason of a failure that is kept, in bytes.
const MAX_REASON: usize = 1024;

/// A decision in the making: the state as the events so far leave it.
pub(crate) struct Draft<'a> {
    pub(crate) state: Cow<'a, State>,
    pub(crate) config: &'a AlertConfig,
    pub(crate) receivers: &'a Receivers,
    /// The values that were observed just now.
    pub(crate) values: BTreeMap<Fingerprint, Option<f64>>,
    pub(crate) now: i64,
    pub(crate) events: Vec<AlertEvent>,
}

impl Draft<'_> {
    pub(crate) fn emit(&mut self, what: Change) {
        let event = AlertEvent::new(self.now, what);
        self.state.to_mut().apply(&event);
        self.events.push(event);
    }

    pub(crate) fn decide(&mut self, input: &Input, config: &str) -> Result<(), AlertError> {
        self.check(input)?;
        if self.state.latest.is_some_and(|latest| self.now < latest) {
            self.emit(Change::ClockWentBack {});
        }
        if self.state.config != config {
            self.reroute(config);
        }
        match input {
            Input::Observed(alerts) => self.observed(alerts),
            Input::Acknowledge { fingerprint, by, comment } => {
                self.emit(Change::Acknowledged { fingerprint: *fingerprint, by: by.clone(), comment: comment.clone() });
            }
            Input::Silence(silence) => self.emit(Change::Silenced { silence: silence.clone() }),
            Input::Expire { id, by } => self.emit(Change::SilenceEnded { id: id.clone(), by: Some(by.clone()) }),
            Input::Delivered { notification, attempt } => self.delivered(notification, *attempt),
            Input::Failed { notification, attempt, permanent, why } => self.failed(notification, *attempt, *permanent, why),
            Input::Tick => {}
        }
        self.end_silences();
        group::tell(self);
        self.forget();
        Ok(())
    }

    /// What people ask for is refused before anything changes.
    fn check(&self, input: &Input) -> Result<(), AlertError> {
        match input {
            Input::Acknowledge { fingerprint, by, comment } => {
                let unknown = || AlertError::UnknownAlert { fingerprint: *fingerprint };
                let alert = self.state.alerts.get(fingerprint).ok_or_else(unknown)?;
                if alert.state != AlertState::Firing {
                    let name = format!("{}{}", alert.seen.labels.get("alertname"), alert.seen.labels);
                    return Err(AlertError::NotFiring { alert: name, state: alert.state });
                }
                check_words(by, comment)
            }
            Input::Silence(silence) => self.check_silence(silence),
            Input::Expire { id, by } => {
                let runs = self.state.silences.get(id).is_some_and(|record| record.ended_at.is_none());
                if runs { check_words(by, "") } else { Err(AlertError::UnknownSilence { id: id.clone() }) }
            }
            _ => Ok(()),
        }
    }

    fn check_silence(&self, silence: &Silence) -> Result<(), AlertError> {
        silence.check(self.now)?;
        let wrong = |what: &str, remedy| AlertError::Silence { id: silence.id.clone(), what: what.to_owned(), remedy };
        if self.state.silences.contains_key(&silence.id) {
            return Err(wrong("there is one with this id already", "choose another id, or end that one first"));
        }
        if self.state.silences.len() >= MAX_SILENCES {
            return Err(wrong("there are 1000 already", "end some of them; ended ones are forgotten after a day"));
        }
        Ok(())
    }

    fn ways(&self, labels: &dsmil_gate::Labels, internal: bool) -> Vec<GroupRef> {
        let ways = self.config.ways(labels, self.receivers).into_iter();
        // That a receiver can't be told is not told to that receiver.
        let fit = ways.filter(|way| !internal || labels.get("receiver") != way.receiver);
        fit.map(|way| GroupRef {
            receiver: way.receiver,
            labels: way.labels,
            wait: way.timing.wait,
            interval: way.timing.interval,
            repeat: way.timing.repeat,
            refresh: way.timing.refresh,
        })
        .collect()
    }

    /// Another configuration is in force: what fires is told of where it now belongs.
    fn reroute(&mut self, config: &str) {
        self.emit(Change::Configured { config: config.to_owned() });
        let gone: Vec<String> = (self.state.groups.iter())
            .filter(|(_, group)| !self.receivers.contains_key(&group.way.receiver))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            for sequence in self.state.groups.get(&key).map(|group| group.waiting.clone()).unwrap_or_default() {
                if let Some(waiting) = self.state.queue.get(&sequence).cloned() {
                    self.give_up(&waiting, waiting.attempts, "the configuration has no such receiver any more");
                }
            }
            self.emit(Change::GroupClosed { group: key });
        }
        let known: Vec<String> =
            self.state.receivers.keys().filter(|name| !self.receivers.contains_key(*name)).cloned().collect();
        for receiver in known {
            self.own_alert(NOTIFICATION_FAILED, &receiver, None);
        }
        let firing = self.state.alerts.iter().filter(|(_, alert)| alert.state == AlertState::Firing);
        let firing: Vec<Fingerprint> = firing.map(|(fingerprint, _)| *fingerprint).collect();
        for fingerprint in firing {
            self.reroute_one(fingerprint);
        }
    }

    fn reroute_one(&mut self, fingerprint: Fingerprint) {
        let Some(alert) = self.state.alerts.get(&fingerprint) else { return };
        let ways = self.ways(&alert.seen.labels, alert.internal);
        let wanted: BTreeSet<String> = ways.iter().map(GroupRef::key).collect();
        let left: Vec<String> = alert.groups.difference(&wanted).cloned().collect();
        let fits = |way: &GroupRef| {
            let group = self.state.groups.get(&way.key());
            let member = group.and_then(|group| group.members.get(&fingerprint));
            group.is_some_and(|group| group.way == *way) && member.is_some_and(|member| !member.leaving)
        };
        let joined: Vec<GroupRef> = ways.into_iter().filter(|way| !fits(way)).collect();
        for group in left {
            self.emit(Change::Left { fingerprint, group });
        }
        if !joined.is_empty() {
            self.emit(Change::Joined { fingerprint, groups: joined });
        }
    }

    fn observed(&mut self, alerts: &[ActiveAlert]) {
        let mut active: BTreeMap<Fingerprint, &ActiveAlert> = BTreeMap::new();
        for alert in alerts {
            let known = active.entry(alert.fingerprint()).or_insert(alert);
            // Of two with the same labels the worse counts.
            if alert.firing && !known.firing {
                *known = alert;
            }
        }
        self.end(&active);
        self.describe(&active);
        // What fires comes first: there may not be room for all.
        let mut begun: Vec<(&Fingerprint, &&ActiveAlert)> =
            active.iter().filter(|(known, alert)| self.begins(**known, alert)).collect();
        begun.sort_by_key(|(_, alert)| !alert.firing);
        let mut refused = 0;
        for (fingerprint, alert) in begun {
            if self.state.alerts.len() >= MAX_ALERTS && !self.state.alerts.contains_key(fingerprint) {
                refused += 1;
            } else if alert.firing {
                let starts_at = alert.fired_at.unwrap_or(self.now).min(self.now);
                let groups = self.ways(&alert.labels, false);
                self.emit(Change::Fired { alert: (*alert).clone(), starts_at, groups, internal: false });
            } else {
                self.emit(Change::Pending { alert: (*alert).clone() });
            }
        }
        self.own_alert(
            TOO_MANY_ALERTS,
            "",
            (refused > 0).then(|| format!("{refused} alerts more than {MAX_ALERTS} are not followed")),
        );
        self.values = active.into_iter().map(|(fingerprint, alert)| (fingerprint, alert.value)).collect();
    }

    fn begins(&self, fingerprint: Fingerprint, alert: &ActiveAlert) -> bool {
        let wanted = if alert.firing { AlertState::Firing } else { AlertState::Pending };
        self.state.alerts.get(&fingerprint).is_none_or(|known| known.state != wanted)
    }

    /// A rule that was edited says something else of what goes on. What can't be read may say something else each time.
    fn describe(&mut self, active: &BTreeMap<Fingerprint, &ActiveAlert>) {
        let differs = |fingerprint: &Fingerprint, now: &ActiveAlert| {
            let known = self.state.alerts.get(fingerprint).map(|alert| &alert.seen);
            known.is_some_and(|known| {
                let edited = known.description != now.description || known.severity != now.severity;
                known.firing == now.firing && (edited || (known.summary != now.summary && !now.no_data))
            })
        };
        let edited: Vec<ActiveAlert> =
            active.iter().filter(|(fingerprint, now)| differs(fingerprint, now)).map(|(_, now)| (*now).clone()).collect();
        for alert in edited {
            self.emit(Change::Described { alert });
        }
    }

    /// Ends what is no longer there, or has begun anew.
    fn end(&mut self, active: &BTreeMap<Fingerprint, &ActiveAlert>) {
        let mut ended = Vec::new();
        for (fingerprint, alert) in self.state.alerts.iter().filter(|(_, alert)| !alert.internal) {
            let now = active.get(fingerprint);
            match alert.state {
                AlertState::Firing if now.is_none_or(|now| !now.firing) => ended.push((*fingerprint, true)),
                AlertState::Pending if now.is_none() => ended.push((*fingerprint, false)),
                _ => {}
            }
        }
        if ended.is_empty() {
            return;
        }
        let mutes = Mutes::new(&self.state, self.config, self.now);
        for (fingerprint, fired) in ended {
            if fired {
                self.resolve(fingerprint, &mutes);
            } else {
                self.emit(Change::Subsided { fingerprint });
            }
        }
    }

    fn resolve(&mut self, fingerprint: Fingerprint, mutes: &Mutes) {
        let Some(alert) = self.state.alerts.get(&fingerprint) else { return };
        let muted = mutes.mutes(fingerprint, &alert.seen.labels);
        self.emit(Change::Resolved { fingerprint, muted });
    }

    /// An alert about the notifications themselves: fires for a reason, resolves without.
    fn own_alert(&mut self, name: &str, receiver: &str, why: Option<String>) {
        let mut pairs = labels([("alertname", name), ("severity", "critical")]);
        if !receiver.is_empty() {
            pairs = labels([("alertname", name), ("receiver", receiver), ("severity", "critical")]);
        }
        let fingerprint = Fingerprint::of(&pairs);
        let fires = self.state.alerts.get(&fingerprint).is_some_and(|alert| alert.state == AlertState::Firing);
        match why {
            Some(summary) if !fires => {
                let groups = self.ways(&pairs, true);
                let alert = ActiveAlert {
                    labels: pairs,
                    firing: true,
                    severity: Severity::Critical,
                    no_data: false,
                    since: self.now,
                    fired_at: Some(self.now),
                    value: None,
                    summary,
                    description: None,
                };
                self.emit(Change::Fired { alert, starts_at: self.now, groups, internal: true });
            }
            None if fires => {
                let mutes = Mutes::new(&self.state, self.config, self.now);
                self.resolve(fingerprint, &mutes);
            }
            _ => {}
        }
    }

    /// One that isn't known was delivered or given up already.
    fn delivered(&mut self, id: &str, attempt: u32) {
        let Some(waiting) = self.state.waiting(id) else { return };
        let receiver = waiting.notification.receiver.clone();
        self.emit(Change::Delivered { notification: id.to_owned(), receiver: receiver.clone(), attempt });
        self.own_alert(NOTIFICATION_FAILED, &receiver, None);
    }

    fn failed(&mut self, id: &str, attempt: u32, permanent: bool, why: &str) {
        let Some(waiting) = self.state.waiting(id).filter(|waiting| attempt > waiting.attempts).cloned() else { return };
        let why = shortened(why);
        let receiver = waiting.notification.receiver.clone();
        let next_attempt_at = self.now.saturating_add(pause(id, attempt));
        let notification = id.to_owned();
        self.emit(Change::Failed { notification, receiver: receiver.clone(), attempt, why: why.clone(), next_attempt_at });
        let since = waiting.failing_since.unwrap_or(self.now);
        let too_long = self.now.saturating_sub(since) >= self.config.give_up_after.as_millis() && attempt >= MIN_ATTEMPTS;
        if permanent || too_long {
            self.give_up(&waiting, attempt, &why);
            let told = format!("a notification to {receiver} was given up after {attempt} attempts: {why}");
            self.own_alert(NOTIFICATION_FAILED, &receiver, Some(told));
        }
    }

    fn give_up(&mut self, waiting: &Waiting, attempts: u32, why: &str) {
        let (notification, receiver) = (waiting.notification.id.clone(), waiting.notification.receiver.clone());
        self.emit(Change::GaveUp { notification, receiver, attempts, why: why.to_owned() });
    }

    fn end_silences(&mut self) {
        let over = self.state.silences.values().filter(|record| record.ended_at.is_none() && record.silence.ends_at <= self.now);
        let over: Vec<String> = over.map(|record| record.silence.id.clone()).collect();
        for id in over {
            self.emit(Change::SilenceEnded { id, by: None });
        }
    }

    /// What ended long ago, and of which everybody has heard, is no longer listed.
    fn forget(&mut self) {
        let old = |ended: Option<i64>, kept: i64| ended.is_some_and(|at| self.now.saturating_sub(at) >= kept);
        let kept = self.config.keep_resolved.as_millis();
        let alerts: Vec<Fingerprint> = (self.state.alerts.iter())
            .filter(|(_, alert)| alert.state == AlertState::Resolved && alert.groups.is_empty() && old(alert.ends_at, kept))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        let silences = self.state.silences.iter().filter(|(_, record)| old(record.ended_at, 86_400_000));
        let silences: Vec<String> = silences.map(|(id, _)| id.clone()).collect();
        if !alerts.is_empty() || !silences.is_empty() {
            self.emit(Change::Forgotten { alerts, silences });
        }
    }
}

fn check_words(by: &str, comment: &str) -> Result<(), AlertError> {
    if by.trim().is_empty() || by.len() > MAX_NAME {
        return Err(AlertError::Words { what: "nobody stands for it", remedy: "say who: 1 to 256 bytes" });
    }
    if comment.len() > MAX_COMMENT {
        return Err(AlertError::Words { what: "the comment is too long", remedy: "write at most 4096 bytes" });
    }
    Ok(())
}

fn shortened(why: &str) -> String {
    let mut end = why.len().min(MAX_REASON);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].to_owned()
}
