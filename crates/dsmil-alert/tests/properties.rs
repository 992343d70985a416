//! Random weeks of alerts, silences, failing receivers, clocks that go back, new configurations and kills. What must hold at
//! each moment, and in the end, is checked from outside: by the events, and by what receivers heard.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{HOUR, MINUTE, SECOND, World, config, firing, json, pending};
use dsmil_alert::{
    ActiveAlert, AlertState, Cause, Change, Fingerprint, Input, Notification, ReceiverKind, Receivers, Silence, SilenceState,
    Status,
};
use proptest::prelude::*;

const ALERTS: [&str; 6] = [
    "alertname=cpu,device=a,severity=warning",
    "alertname=cpu,device=b,severity=warning",
    "alertname=down,device=a,severity=critical",
    "alertname=disk,severity=warning",
    "alertname=slow,device=b,severity=warning",
    "alertname=noise,severity=info",
];
const RECEIVERS: [&str; 3] = ["mail", "pager", "am"];
const MATCHERS: [&str; 3] = ["alertname=cpu", "device=b", "severity=~\"warning|critical\""];
const FIRST: &str = r#"
    receivers = ["mail"]
    group_wait = "20s"
    group_interval = "2m"
    repeat_interval = "30m"
    keep_resolved = "10m"
    give_up_after = "20m"
    [[route]]
    matchers = ['alertname =~ ".+"']
    receivers = ["am"]
    continue = true
    [[route]]
    matchers = ['severity = "critical"']
    receivers = ["pager", "mail"]
    group_wait = "0s"
    [[route]]
    matchers = ['alertname != "noise"']
    receivers = ["mail"]
    group_by = ["device"]
    [[inhibit]]
    source = ['severity = "critical"']
    target = ['severity = "warning"']
    equal = ["device"]
"#;
const SECOND_ONE: &str = r#"
    receivers = ["pager", "mail"]
    group_by = ["..."]
    group_wait = "0s"
    group_interval = "0s"
    repeat_interval = "1h"
    keep_resolved = "10m"
    give_up_after = "20m"
"#;

fn everybody() -> Receivers {
    let kind = |name: &str| if name == "am" { ReceiverKind::Refreshed { every: MINUTE } } else { ReceiverKind::Notified };
    RECEIVERS.iter().map(|name| ((*name).to_owned(), kind(name))).collect()
}

/// How a receiver takes what it is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Takes,
    Fails,
    /// It takes it, but nobody knows.
    TakesAndFails,
    Refuses,
}

#[derive(Clone, Debug)]
enum Op {
    Pass(i64),
    Set(usize, u8),
    Mood(usize, Mood),
    Silence(usize, i64, i64),
    Expire,
    Ack(usize),
    Kill {
        prune: bool,
    },
    /// Killed while the events of the next decision are written down: so many are.
    KillWithin(usize),
    ClockBack(i64),
    Configure(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let mood =
        prop_oneof![3 => Just(Mood::Takes), 2 => Just(Mood::Fails), 1 => Just(Mood::TakesAndFails), 1 => Just(Mood::Refuses)];
    prop_oneof![
        8 => (1..90i64).prop_map(|seconds| Op::Pass(seconds * SECOND)),
        2 => (1..90i64).prop_map(|minutes| Op::Pass(minutes * MINUTE)),
        8 => (0..ALERTS.len(), 0..3u8).prop_map(|(alert, phase)| Op::Set(alert, phase)),
        3 => (0..RECEIVERS.len(), mood).prop_map(|(receiver, mood)| Op::Mood(receiver, mood)),
        2 => (0..MATCHERS.len(), 0..10i64, 1..40i64).prop_map(|(m, from, time)| Op::Silence(m, from * MINUTE, time * MINUTE)),
        1 => Just(Op::Expire),
        1 => (0..ALERTS.len()).prop_map(Op::Ack),
        2 => any::<bool>().prop_map(|prune| Op::Kill { prune }),
        2 => (0..6usize).prop_map(Op::KillWithin),
        1 => (1..4000i64).prop_map(|seconds| Op::ClockBack(seconds * SECOND)),
        1 => any::<bool>().prop_map(Op::Configure),
    ]
}

/// What the outside knows.
struct Watch {
    world: World,
    phases: [u8; ALERTS.len()],
    moods: [Mood; RECEIVERS.len()],
    silences: usize,
    /// By receiver, what it heard, again and again included.
    heard: BTreeMap<String, Vec<Notification>>,
    /// By group and alert, since when it fires and isn't muted, in this configuration and with this clock.
    loud_since: BTreeMap<Fingerprint, i64>,
    audited: usize,
    told: BTreeMap<(String, Fingerprint), (Status, i64, i64)>,
    told_at: BTreeMap<String, i64>,
    waiting: BTreeMap<String, BTreeSet<String>>,
    gave_up: BTreeSet<String>,
    kill_within: Option<usize>,
}

impl Watch {
    fn new() -> Self {
        Self {
            world: World::new(config(FIRST), everybody()),
            phases: [0; ALERTS.len()],
            moods: [Mood::Takes; RECEIVERS.len()],
            silences: 0,
            heard: BTreeMap::new(),
            loud_since: BTreeMap::new(),
            audited: 0,
            told: BTreeMap::new(),
            told_at: BTreeMap::new(),
            waiting: BTreeMap::new(),
            gave_up: BTreeSet::new(),
            kill_within: None,
        }
    }

    fn active(&self) -> Vec<ActiveAlert> {
        let pairs = ALERTS.iter().zip(self.phases);
        pairs.filter(|(_, phase)| *phase > 0).map(|(text, phase)| if phase == 2 { firing(text) } else { pending(text) }).collect()
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Pass(time) => self.world.now += time,
            Op::Set(alert, phase) => self.phases[alert] = phase,
            Op::Mood(receiver, mood) => self.moods[receiver] = mood,
            Op::Silence(matcher, from, time) => {
                self.silences += 1;
                let starts_at = self.world.now + from;
                let silence = Silence {
                    id: format!("s{}", self.silences),
                    matchers: vec![MATCHERS[matcher].parse().unwrap()],
                    starts_at,
                    ends_at: starts_at + time,
                    by: "ann".into(),
                    comment: "work".into(),
                };
                self.world.step(&Input::Silence(silence)).unwrap();
            }
            Op::Expire => _ = self.world.step(&Input::Expire { id: format!("s{}", self.silences), by: "ann".into() }),
            Op::Ack(alert) => {
                let input = Input::Acknowledge {
                    fingerprint: common::fingerprint(ALERTS[alert]),
                    by: "ann".into(),
                    comment: String::new(),
                };
                _ = self.world.step(&input);
            }
            Op::Kill { prune } => self.world.crash(prune),
            Op::KillWithin(events) => self.kill_within = Some(events),
            Op::ClockBack(time) => {
                self.world.now -= time;
                self.loud_since.clear();
            }
            Op::Configure(first) => {
                self.world.config = config(if first { FIRST } else { SECOND_ONE });
                self.world.alerts.reconfigure(self.world.config.clone(), everybody()).unwrap();
                self.loud_since.clear();
            }
        }
        self.step();
    }

    /// One turn of the monitor: observe, deliver, look.
    fn step(&mut self) {
        let input = Input::Observed(self.active());
        if let Some(written) = self.kill_within.take() {
            let events = self.world.alerts.decide(&input, self.world.now).unwrap();
            for event in events.iter().take(written) {
                self.world.journal.push(serde_json::to_string(event).unwrap());
                self.world.history.push(event.clone());
            }
            self.world.alerts = self.world.replayed(self.world.journal.len());
        }
        self.world.step(&input).unwrap();
        self.audit();
        self.check_promptness();
        self.deliver();
        self.audit();
    }

    fn deliver(&mut self) {
        let due: Vec<(Notification, u32)> =
            self.world.alerts.due(self.world.now).iter().map(|due| (due.notification.clone(), due.attempt)).collect();
        let groups: BTreeSet<&String> = due.iter().map(|(notification, _)| &notification.group).collect();
        assert_eq!(groups.len(), due.len(), "of each group the oldest only");
        for (notification, attempt) in due {
            let receiver = RECEIVERS.iter().position(|name| *name == notification.receiver).unwrap();
            let (id, mood) = (notification.id.clone(), self.moods[receiver]);
            if matches!(mood, Mood::Takes | Mood::TakesAndFails) {
                self.heard.entry(notification.receiver.clone()).or_default().push(notification);
            }
            let input = match mood {
                Mood::Takes => Input::Delivered { notification: id, attempt },
                mood => Input::Failed { notification: id, attempt, permanent: mood == Mood::Refuses, why: "no".into() },
            };
            self.world.step(&input).unwrap();
        }
    }

    /// Looks at the events that are new.
    fn audit(&mut self) {
        for event in &self.world.history[self.audited..] {
            match &event.what {
                Change::Queued { notification } => {
                    audit_queued(notification, &mut self.told, &self.told_at, &self.waiting, self.world.config.repeat_interval);
                    self.told_at.insert(notification.group.clone(), event.at);
                    self.waiting.entry(notification.group.clone()).or_default().insert(notification.id.clone());
                }
                // What lies ahead is then taken for now.
                Change::ClockWentBack {} => {
                    self.told.values_mut().for_each(|(_, starts_at, at)| {
                        (*starts_at, *at) = ((*starts_at).min(event.at), (*at).min(event.at));
                    });
                    self.told_at.values_mut().for_each(|at| *at = (*at).min(event.at));
                }
                Change::Delivered { notification, .. } => {
                    self.waiting.values_mut().for_each(|waiting| _ = waiting.remove(notification));
                }
                Change::GaveUp { notification, .. } => {
                    self.waiting.values_mut().for_each(|waiting| _ = waiting.remove(notification));
                    self.gave_up.insert(notification.clone());
                }
                _ => {}
            }
        }
        self.audited = self.world.history.len();
    }

    /// What fires and isn't muted is told as soon as its group may be told of, unless too much waits already.
    fn check_promptness(&mut self) {
        let now = self.world.now;
        let mut loud = BTreeSet::new();
        for view in self.world.alerts.alerts(now) {
            if view.state != AlertState::Firing || !view.silenced_by.is_empty() || !view.inhibited_by.is_empty() {
                continue;
            }
            loud.insert(view.fingerprint);
            let since = *self.loud_since.entry(view.fingerprint).or_insert(now);
            let longest = self.world.config.group_wait.as_millis().max(self.world.config.group_interval.as_millis());
            if now - since < longest {
                continue;
            }
            for receiver in &view.receivers {
                let full = self.waiting.iter().any(|(group, waiting)| group.starts_with(receiver) && waiting.len() >= 8);
                let told = self.told.iter().any(|((group, fingerprint), told)| {
                    group.split('/').next() == Some(receiver) && *fingerprint == view.fingerprint && told.0 == Status::Firing
                });
                assert!(told || full, "{receiver} was not told of {} by {now}, which fires since {since}", view.name);
            }
        }
        self.loud_since.retain(|fingerprint, _| loud.contains(fingerprint));
    }

    /// All is well from now on.
    fn calm(&mut self) {
        self.phases = [0; ALERTS.len()];
        self.moods = [Mood::Takes; RECEIVERS.len()];
        for _ in 0..60 {
            self.world.now += 2 * MINUTE;
            self.step();
        }
        // What is delivered may end the alert that a receiver can't be told, which others then hear.
        for hours in [25, 1, 1] {
            self.world.now += hours * HOUR;
            self.step();
        }
        let news = self.world.alerts.waiting().filter(|waiting| waiting.cause != Cause::Refresh).count();
        assert_eq!(news, 0, "all is delivered, but what a receiver is told again and again");
        let silences = self.world.alerts.silences(self.world.now);
        assert!(silences.iter().all(|silence| silence.state == SilenceState::Expired), "all silences have ended: {silences:?}");
        let left: Vec<String> = self.world.alerts.alerts(self.world.now).into_iter().map(|view| view.name).collect();
        assert!(left.iter().all(|name| name == "notification-failed"), "all is forgotten but {left:?}");
        self.world.crash(true);
    }

    /// What each receiver heard, by itself.
    fn check_heard(&self) {
        let mut firing: BTreeMap<(&String, Fingerprint), bool> = BTreeMap::new();
        for heard in self.heard.values() {
            let mut last: BTreeMap<&String, u64> = BTreeMap::new();
            for notification in heard {
                let before = last.insert(&notification.group, notification.sequence).unwrap_or_default();
                assert!(notification.sequence >= before, "order is kept within a group");
                for alert in &notification.alerts {
                    firing.insert((&notification.group, alert.fingerprint), alert.status == Status::Firing);
                }
            }
        }
        let gave_up = |group: &String| {
            let of_group = |event: &&dsmil_alert::AlertEvent| match &event.what {
                Change::Queued { notification } => notification.group == *group && self.gave_up.contains(&notification.id),
                _ => false,
            };
            self.world.history.iter().any(|event| of_group(&event))
        };
        for ((group, fingerprint), fires) in &firing {
            let own = self.world.alerts.alerts(self.world.now).iter().any(|view| view.fingerprint == *fingerprint);
            assert!(!fires || own || gave_up(group), "{group} heard that {fingerprint} fires, and never that it ended");
        }
    }
}

fn audit_queued(
    notification: &Notification,
    told: &mut BTreeMap<(String, Fingerprint), (Status, i64, i64)>,
    told_at: &BTreeMap<String, i64>,
    waiting: &BTreeMap<String, BTreeSet<String>>,
    repeat: dsmil_gate::Period,
) {
    let group = &notification.group;
    let (mut news, mut stale) = (false, false);
    for alert in &notification.alerts {
        let before = told.insert((group.clone(), alert.fingerprint), (alert.status, alert.starts_at, notification.created_at));
        if alert.status == Status::Resolved {
            assert!(matches!(before, Some((Status::Firing, ..))), "resolved follows firing");
            assert!(alert.ends_at.is_some());
        }
        news |= before.is_none_or(|before| before.0 != alert.status || (before.1 != alert.starts_at));
        stale |= before.is_some_and(|before| notification.created_at - before.2 >= MINUTE);
    }
    assert!(!notification.alerts.is_empty());
    match notification.cause {
        Cause::Change => assert!(news, "a change has news: {notification:?}"),
        Cause::Repeat | Cause::Refresh => {
            assert!(!news, "a repetition has none");
            assert!(waiting.get(group).is_none_or(BTreeSet::is_empty), "nothing is repeated while something waits");
            if notification.cause == Cause::Repeat {
                assert!(notification.created_at - told_at[group] >= repeat.as_millis().min(30 * MINUTE));
            } else {
                assert!(stale, "one of them at least is due to be told again");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_none_is_lost_and_order_is_kept(ops in prop::collection::vec(op(), 1..80)) {
        let mut watch = Watch::new();
        for op in &ops {
            watch.run(op);
        }
        watch.world.crash(false);
        watch.calm();
        watch.check_heard();
    }

    #[test]
    fn a_replay_of_any_part_is_the_state_of_that_time(ops in prop::collection::vec(op(), 1..40)) {
        let mut watch = Watch::new();
        let mut marks = vec![(0, json(&watch.world.alerts))];
        for op in ops.iter().filter(|op| !matches!(op, Op::Kill { .. } | Op::KillWithin(_))) {
            watch.run(op);
            marks.push((watch.world.journal.len(), json(&watch.world.alerts)));
        }
        for (lines, expected) in marks {
            prop_assert_eq!(json(&watch.world.replayed(lines)), expected);
        }
    }
}
