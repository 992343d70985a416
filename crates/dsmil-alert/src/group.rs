//! Groups: what is owed to whom, and the notifications that pay it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Fingerprint;
use crate::alert::AlertState;
use crate::decide::Draft;
use crate::event::Change;
use crate::mute::Mutes;
use crate::notification::{Cause, Notification, NotifiedAlert, Status};
use crate::state::{Group, Member, State};

/// At most so many notifications wait for one receiver. What doesn't fit waits in its group and is told, with its newest
/// state, when there is room.
pub const MAX_WAITING: usize = 200;
/// At most so many notifications of one group wait.
pub const MAX_WAITING_PER_GROUP: usize = 8;
/// At most so many alerts are in one notification; further news follow in a further one.
pub const MAX_ALERTS_PER_NOTIFICATION: usize = 100;

impl Member {
    /// What the receiver has to be told of it now.
    fn owed(&self, muted: bool, refresh: Option<i64>, now: i64) -> Option<Status> {
        match self.told {
            // Who heard that it fires hears that it has ended, silenced or not.
            Some(_) if self.ends_at.is_some() => Some(Status::Resolved),
            _ if self.leaving => None,
            Some(told) if told.starts_at == self.starts_at => {
                let due = refresh.is_some_and(|every| now.saturating_sub(told.at) >= every);
                (due && !muted).then_some(Status::Firing)
            }
            // That it fired is told even when it is over: one after the other, in order.
            _ => (!muted || self.ends_at.is_some()).then_some(Status::Firing),
        }
    }

    /// Whether it fires and the receiver knows.
    fn is_known(&self) -> bool {
        self.ends_at.is_none() && !self.leaving && self.told.is_some_and(|told| told.starts_at == self.starts_at)
    }
}

impl Group {
    /// When it may be told of next.
    pub(crate) fn due_at(&self) -> i64 {
        let waits = |from: i64, time: i64| from.saturating_add(time);
        self.told_at.map_or_else(|| waits(self.opened_at, self.way.wait), |told| waits(told, self.way.interval))
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING_PER_GROUP
    }

    /// Whether it may be told of again although nothing is new. Never while something waits: that would be told first.
    fn may_repeat(&self, now: i64) -> bool {
        let long_ago = |every: i64| self.told_at.is_some_and(|told| now.saturating_sub(told) >= every);
        self.waiting.is_empty() && self.way.repeat.is_some_and(long_ago)
    }
}

/// Makes the notifications that are due, the longest due first.
pub(crate) fn tell(draft: &mut Draft<'_>) {
    let now = draft.now;
    let mut due: Vec<(i64, String)> = (draft.state.groups.iter())
        .filter(|(_, group)| group.due_at() <= now && group.has_room())
        .map(|(key, group)| (group.due_at(), key.clone()))
        .collect();
    if due.is_empty() {
        return;
    }
    due.sort_unstable();
    let mutes = Mutes::new(&draft.state, draft.config, now);
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    for queued in draft.state.queue.values() {
        *waiting.entry(queued.notification.receiver.clone()).or_default() += 1;
    }
    for (_, key) in due {
        while let Some(notification) = compose(draft, &mutes, &key, &waiting) {
            *waiting.entry(notification.receiver.clone()).or_default() += 1;
            draft.emit(Change::Queued { notification });
        }
    }
}

/// The next notification of a group, if one is owed and there is room for it.
fn compose(draft: &Draft<'_>, mutes: &Mutes, key: &str, waiting: &BTreeMap<String, usize>) -> Option<Notification> {
    let (state, now) = (&*draft.state, draft.now);
    let group = state.groups.get(key)?;
    if !group.has_room() || waiting.get(&group.way.receiver).is_some_and(|count| *count >= MAX_WAITING) {
        return None;
    }
    let muted = |fingerprint: &Fingerprint| {
        state.alerts.get(fingerprint).is_none_or(|alert| mutes.mutes(*fingerprint, &alert.seen.labels))
    };
    // While something waits, to tell of the same again would not help.
    let refresh = group.way.refresh.filter(|_| group.waiting.is_empty());
    let of =
        |(fingerprint, member): (&Fingerprint, &Member)| Some((*fingerprint, member.owed(muted(fingerprint), refresh, now)?));
    let mut told: Vec<(Fingerprint, Status)> = group.members.iter().filter_map(of).collect();
    let known = || group.members.iter().filter(|(fingerprint, member)| member.is_known() && !muted(fingerprint));
    let cause = if told.is_empty() {
        let unattended = |(fingerprint, _): (&Fingerprint, &Member)| {
            state.alerts.get(fingerprint).is_some_and(|alert| alert.ack.is_none() && alert.state == AlertState::Firing)
        };
        if !group.may_repeat(now) || !known().any(unattended) {
            return None;
        }
        Cause::Repeat
    } else if told.iter().all(|(fingerprint, _)| group.members.get(fingerprint).is_some_and(Member::is_known)) {
        Cause::Refresh
    } else {
        Cause::Change
    };
    told.truncate(MAX_ALERTS_PER_NOTIFICATION);
    let news: BTreeSet<Fingerprint> = told.iter().map(|(fingerprint, _)| *fingerprint).collect();
    let mut others = known().filter(|(fingerprint, _)| !news.contains(fingerprint));
    let room = MAX_ALERTS_PER_NOTIFICATION - told.len();
    told.extend(others.by_ref().take(room).map(|(fingerprint, _)| (*fingerprint, Status::Firing)));
    let truncated = others.count();
    let mut alerts: Vec<NotifiedAlert> =
        told.into_iter().filter_map(|(fingerprint, status)| notified(draft, group, fingerprint, status)).collect();
    alerts.sort_by_key(|alert| (alert.starts_at, alert.fingerprint));
    let sequence = state.sequence + 1;
    Some(Notification {
        id: Notification::id(key, sequence, now),
        sequence,
        receiver: group.way.receiver.clone(),
        group: key.to_owned(),
        group_labels: group.way.labels.clone(),
        cause,
        alerts,
        truncated,
        created_at: now,
    })
}

fn notified(draft: &Draft<'_>, group: &Group, fingerprint: Fingerprint, status: Status) -> Option<NotifiedAlert> {
    let alert = draft.state.alerts.get(&fingerprint)?;
    let member = group.members.get(&fingerprint)?;
    Some(NotifiedAlert {
        fingerprint,
        status,
        labels: alert.seen.labels.clone(),
        severity: alert.seen.severity,
        starts_at: member.starts_at,
        ends_at: member.ends_at.filter(|_| status == Status::Resolved),
        value: draft.values.get(&fingerprint).copied().unwrap_or(alert.seen.value),
        summary: alert.seen.summary.clone(),
        description: alert.seen.description.clone(),
        acked_by: alert.ack.as_ref().map(|ack| ack.by.clone()),
    })
}

/// When something may be owed next, after `now`.
pub(crate) fn next_at(state: &State, now: i64) -> Option<i64> {
    let groups = state.groups.values().flat_map(|group| {
        let repeat = group.told_at.zip(group.way.repeat).map(|(told, every)| told.saturating_add(every));
        let refresh = group.way.refresh.and_then(|every| {
            group.members.values().filter_map(|member| member.told).map(|told| told.at.saturating_add(every)).min()
        });
        [Some(group.due_at()), repeat, refresh].into_iter().flatten()
    });
    let heads =
        state.groups.values().filter_map(|group| state.queue.get(group.waiting.first()?)).map(|head| head.next_attempt_at);
    let silences = state.silences.values().filter(|record| record.ended_at.is_none());
    let silences = silences.flat_map(|record| [record.silence.starts_at, record.silence.ends_at]);
    groups.chain(heads).chain(silences).filter(|at| *at > now).min()
}
