//! The machine: decides what follows from what comes in, and changes by nothing but events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{AlertConfig, Receivers};
use crate::decide::Draft;
use crate::event::{AlertEvent, Input};
use crate::notification::Notification;
use crate::state::State;
use crate::view::{self, AlertView, ReceiverView, SilenceView};
use crate::{AlertError, group};

/// A notification that is to be delivered now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Due<'a> {
    /// It.
    pub notification: &'a Notification,
    /// Which attempt this is, from 1. Goes back with [`Input::Delivered`] or [`Input::Failed`].
    pub attempt: u32,
}

/// Everything that must survive a restart: with it, the events before it are no longer needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(State);

/// Alerts, silences, groups, and the notifications that are not delivered. It reads no clock: the time is an argument, in
/// milliseconds since the Unix epoch.
///
/// Whoever holds it asks [`decide`](Self::decide), writes the events down, and only then [`apply`](Self::apply)s them.
#[derive(Clone, Debug)]
pub struct Alerts {
    config: AlertConfig,
    receivers: Receivers,
    fingerprint: String,
    state: State,
}

impl Alerts {
    /// Nothing has happened yet.
    ///
    /// # Errors
    /// [`AlertError::Config`] with the key at fault.
    pub fn new(config: AlertConfig, receivers: Receivers) -> Result<Self, AlertError> {
        config.check(&receivers)?;
        let fingerprint = config.fingerprint(&receivers);
        Ok(Self { config, receivers, fingerprint, state: State::new() })
    }

    /// Goes on from a saved state; the events after it are then applied in order.
    ///
    /// # Errors
    /// [`AlertError::Config`], or [`AlertError::Snapshot`] for a state of another version or one that contradicts itself.
    pub fn restore(config: AlertConfig, receivers: Receivers, snapshot: Snapshot) -> Result<Self, AlertError> {
        let mut alerts = Self::new(config, receivers)?;
        snapshot.0.check()?;
        alerts.state = snapshot.0;
        Ok(alerts)
    }

    /// Puts another configuration in force. What it changes follows from the next decision, as events.
    ///
    /// # Errors
    /// [`AlertError::Config`]; then the old one stays.
    pub fn reconfigure(&mut self, config: AlertConfig, receivers: Receivers) -> Result<(), AlertError> {
        config.check(&receivers)?;
        self.fingerprint = config.fingerprint(&receivers);
        (self.config, self.receivers) = (config, receivers);
        Ok(())
    }

    /// What follows from an input at `now`. Nothing changes: the events are to be written down, then
    /// [`apply`](Self::apply)d, all of them and in order. An input from which nothing follows gives no event.
    ///
    /// # Errors
    /// Only for what people ask for: an acknowledgement, a silence or its end that can't be.
    pub fn decide(&self, input: &Input, now: i64) -> Result<Vec<AlertEvent>, AlertError> {
        let mut draft = Draft {
            state: Cow::Borrowed(&self.state),
            config: &self.config,
            receivers: &self.receivers,
            values: BTreeMap::new(),
            now,
            events: Vec::new(),
        };
        draft.decide(input, &self.fingerprint)?;
        Ok(draft.events)
    }

    /// Changes the state by one event: of a decision just made, or of the journal after a restart.
    pub fn apply(&mut self, event: &AlertEvent) {
        self.state.apply(event);
    }

    /// What is to be delivered at `now`, in order: of each group the oldest notification, unless a pause after a failed
    /// attempt runs. The same is due again until [`Input::Delivered`] or [`Input::Failed`] says what became of it.
    pub fn due(&self, now: i64) -> Vec<Due<'_>> {
        let heads = self.state.groups.values().filter_map(|group| self.state.queue.get(group.waiting.first()?));
        let mut due: Vec<Due<'_>> = heads
            .filter(|waiting| waiting.next_attempt_at <= now)
            .map(|waiting| Due { notification: &waiting.notification, attempt: waiting.attempts.saturating_add(1) })
            .collect();
        due.sort_unstable_by_key(|due| due.notification.sequence);
        due
    }

    /// When something may follow from the mere passing of time, after `now`; `None` if nothing can.
    pub fn next_at(&self, now: i64) -> Option<i64> {
        group::next_at(&self.state, now)
    }

    /// Everything that must survive a restart.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.state.clone())
    }

    /// The alerts as they stand, the worst first.
    pub fn alerts(&self, now: i64) -> Vec<AlertView> {
        view::alerts(&self.state, &self.config, now)
    }

    /// The silences as they stand, by id.
    pub fn silences(&self, now: i64) -> Vec<SilenceView> {
        view::silences(&self.state, now)
    }

    /// The notifications that are not delivered, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Notification> {
        self.state.queue.values().map(|waiting| &waiting.notification)
    }

    /// What has become of the notifications, by receiver.
    pub fn receivers(&self) -> BTreeMap<String, ReceiverView> {
        view::receivers(&self.state, &self.receivers)
    }

    /// The configuration in force.
    pub fn config(&self) -> &AlertConfig {
        &self.config
    }
}

impl State {
    /// Whether it is of this version and all of its parts fit together.
    fn check(&self) -> Result<(), AlertError> {
        let wrong = |what: String| Err(AlertError::Snapshot { what });
        if self.version != crate::event::VERSION {
            return wrong(format!("version {} is not known, only {}", self.version, crate::event::VERSION));
        }
        for (fingerprint, alert) in &self.alerts {
            if alert.seen.fingerprint() != *fingerprint {
                return wrong(format!("the alert {fingerprint} has other labels than its fingerprint says"));
            }
            let is_member = |key: &String| self.groups.get(key).is_some_and(|group| group.members.contains_key(fingerprint));
            if !alert.groups.iter().all(is_member) {
                return wrong(format!("the alert {fingerprint} is of a group that doesn't know it"));
            }
        }
        for (key, group) in &self.groups {
            let knows = |fingerprint| self.alerts.get(fingerprint).is_some_and(|alert| alert.groups.contains(key));
            if group.way.key() != *key || !group.members.keys().all(knows) {
                return wrong(format!("the group {key} has members that don't know it"));
            }
            let waits = |sequence| self.queue.get(sequence).is_some_and(|waiting| waiting.notification.group == *key);
            if !group.waiting.iter().all(waits) || !group.waiting.is_sorted_by(|a, b| a < b) {
                return wrong(format!("the notifications of the group {key} are not in order"));
            }
        }
        let in_group = self.groups.values().map(|group| group.waiting.len()).sum::<usize>();
        let named = |(sequence, waiting): (&u64, &crate::state::Waiting)| {
            waiting.notification.sequence == *sequence && Notification::sequence_of(&waiting.notification.id) == Some(*sequence)
        };
        if in_group != self.queue.len() || !self.queue.iter().all(named) || self.queue.keys().any(|last| *last > self.sequence) {
            return wrong("the queue has notifications that belong to no group".to_owned());
        }
        Ok(())
    }
}
