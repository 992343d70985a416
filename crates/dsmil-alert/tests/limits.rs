//! Floods, failures that don't end, damaged files: bounded, and nothing is lost without a word.

#![allow(clippy::unwrap_used)]

mod common;

use common::{HOUR, MINUTE, SECOND, World, config, firing, json, kinds, receivers};
use dsmil_alert::{
    AlertEvent, Alerts, Change, Input, MAX_ALERTS, MAX_ALERTS_PER_NOTIFICATION, MAX_WAITING, MAX_WAITING_PER_GROUP, MIN_ATTEMPTS,
    NOTIFICATION_FAILED, Snapshot, Status, TOO_MANY_ALERTS,
};

const AT_ONCE: &str = "receivers = [\"pager\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"";

fn many(count: usize) -> Vec<dsmil_alert::ActiveAlert> {
    (0..count).map(|index| firing(&format!("alertname=cpu,device={index}"))).collect()
}

/// Lets the oldest that is due fail. The names of what followed.
fn fail(world: &mut World, receiver: &str, permanent: bool) -> Vec<&'static str> {
    let due = world.alerts.due(world.now);
    let Some(due) = due.iter().find(|due| due.notification.receiver == receiver) else { return Vec::new() };
    let (notification, attempt) = (due.notification.id.clone(), due.attempt);
    let why = "connection refused".to_owned();
    kinds(&world.step(&Input::Failed { notification, attempt, permanent, why }).unwrap())
}

#[test]
fn a_large_group_is_told_in_parts_and_nothing_of_it_is_left_out() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&many(250));
    let waiting: Vec<_> = world.alerts.waiting().cloned().collect();
    let sizes: Vec<usize> = waiting.iter().map(|notification| notification.alerts.len()).collect();
    assert_eq!(sizes, [100, 100, 100], "50 that are new, and 50 of those that fire");
    assert_eq!(waiting.last().unwrap().truncated, 150);
    let mut told: Vec<_> = waiting.iter().flat_map(|one| one.alerts.iter().map(|alert| alert.fingerprint)).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 250);
    assert!(sizes.iter().all(|size| *size <= MAX_ALERTS_PER_NOTIFICATION));
    // More than may wait: the rest follows when there is room.
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&many(2000));
    assert_eq!(world.alerts.waiting().count(), MAX_WAITING_PER_GROUP);
    world.until(SECOND);
    assert_eq!(world.alerts.receivers()["pager"].delivered, 20);
}

#[test]
fn a_receiver_that_is_away_gets_a_bounded_queue_and_then_the_newest_state() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    for second in 0..600 {
        world.now = second * SECOND;
        // One after the other fires for 10 s: far more changes than may wait.
        world.observe(&[firing(&format!("alertname=cpu,device={}", second / 10))]);
        fail(&mut world, "pager", false);
        assert!(world.alerts.waiting().count() <= MAX_WAITING_PER_GROUP);
    }
    assert_eq!(world.alerts.waiting().count(), MAX_WAITING_PER_GROUP);
    world.observe(&[]);
    let mut heard: Vec<(u64, String)> = Vec::new();
    for _ in 0..600 {
        world.now += SECOND;
        world.tick();
        while let Some(due) = world.alerts.due(world.now).first() {
            let (notification, attempt) = (due.notification.clone(), due.attempt);
            for alert in &notification.alerts {
                let sign = if alert.status == Status::Firing { '+' } else { '-' };
                heard.push((notification.sequence, format!("{sign}{}", alert.labels.get("device"))));
            }
            world.step(&Input::Delivered { notification: notification.id, attempt }).unwrap();
        }
    }
    for device in 0..60 {
        let find = |sign: char| heard.iter().find(|(_, text)| *text == format!("{sign}{device}")).map(|(sequence, _)| *sequence);
        assert!(find('+').unwrap() < find('-').unwrap(), "of each it hears that it fired, and then that it ended: {device}");
    }
    assert_eq!(world.alerts.waiting().count(), 0);
}

#[test]
fn one_receiver_with_many_groups_does_not_take_the_room_of_another() {
    let mut world = World::of(
        "receivers = [\"pager\", \"mail\"]\ngroup_by = [\"...\"]\ngroup_wait = \"0s\"\ngroup_interval = \"0s\"",
        &["pager", "mail"],
    );
    world.observe(&many(300));
    let of = |world: &World, name: &str| world.alerts.receivers()[name].waiting;
    assert_eq!((of(&world, "mail"), of(&world, "pager")), (MAX_WAITING, MAX_WAITING));
    // The mail is delivered, the pager is away: all of the mail goes through.
    for _ in 0..4 {
        let ids: Vec<_> = world.alerts.due(world.now).iter().map(|due| due.notification.clone()).collect();
        for notification in ids.into_iter().filter(|notification| notification.receiver == "mail") {
            world.step(&Input::Delivered { notification: notification.id, attempt: 1 }).unwrap();
        }
        world.tick();
    }
    assert_eq!((world.alerts.receivers()["mail"].delivered, of(&world, "mail"), of(&world, "pager")), (300, 0, MAX_WAITING));
}

#[test]
fn what_fails_is_tried_with_longer_pauses_and_given_up_after_a_day() {
    let mut world = World::of("receivers = [\"pager\", \"mail\"]\ngroup_wait = \"0s\"", &["pager", "mail"]);
    world.observe(&[firing("alertname=cpu")]);
    world.deliver_to("mail");
    let mut attempts = Vec::new();
    while world.now < 30 * HOUR {
        let events = fail(&mut world, "pager", false);
        if !events.is_empty() {
            attempts.push(world.now);
        }
        if events.contains(&"gave-up") {
            assert_eq!(events, ["failed", "gave-up", "fired", "queued", "queued"], "others hear of it; the group is told again");
            break;
        }
        world.now += 1000;
        world.deliver_to("mail");
    }
    let pauses: Vec<i64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses[..5].iter().zip([1, 2, 4, 8, 16]).all(|(pause, plain)| (pause / 1000 - plain).abs() <= plain / 4 + 1),
        "{pauses:?}"
    );
    assert!(pauses.iter().all(|pause| *pause <= 376 * SECOND), "at most 5 minutes and a quarter");
    assert!((24 * HOUR..24 * HOUR + 10 * MINUTE).contains(&world.now), "given up after {} ms", world.now);
    let view = world.alerts.alerts(world.now).into_iter().find(|view| view.name == NOTIFICATION_FAILED).unwrap();
    assert_eq!(view.receivers, ["mail"], "not to the one that can't be told");
    assert!(view.summary.contains("pager was given up after") && view.summary.contains("connection refused"), "{}", view.summary);
    assert_eq!(world.alerts.receivers()["pager"].given_up, 1);
    // The pager is back: it hears of what still fires, and the alert about it ends.
    world.crash(true);
    world.deliver();
    let name = |world: &World| world.alerts.alerts(world.now).into_iter().find(|view| view.name == NOTIFICATION_FAILED);
    assert!(name(&world).unwrap().ends_at.is_some());
    assert_eq!(world.alerts.receivers()["pager"].delivered, 1);
}

impl World {
    fn deliver_to(&mut self, receiver: &str) {
        let due = self.alerts.due(self.now);
        let of = due.iter().filter(|due| due.notification.receiver == receiver);
        let all: Vec<(String, u32)> = of.map(|due| (due.notification.id.clone(), due.attempt)).collect();
        for (notification, attempt) in all {
            self.step(&Input::Delivered { notification, attempt }).unwrap();
        }
    }
}

#[test]
fn what_is_refused_for_good_is_given_up_at_once_and_what_is_behind_it_goes_on() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    world.observe(&[]);
    assert_eq!(fail(&mut world, "pager", true), ["failed", "gave-up", "fired"], "nobody is left to tell; it is listed");
    world.deliver();
    assert_eq!(world.alerts.waiting().count(), 0);
    let sums = world.alerts.receivers()["pager"].clone();
    assert_eq!((sums.delivered, sums.failed, sums.given_up), (1, 1, 1));
}

#[test]
fn a_day_without_power_is_no_day_of_trying() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    fail(&mut world, "pager", false);
    world.now += 48 * HOUR;
    world.crash(false);
    for attempt in 2..MIN_ATTEMPTS {
        assert_eq!(fail(&mut world, "pager", false), ["failed"], "attempt {attempt}");
        world.now += 10 * MINUTE;
    }
    assert!(fail(&mut world, "pager", false).contains(&"gave-up"));
}

#[test]
fn an_answer_that_comes_twice_or_for_nothing_changes_nothing() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    let id = world.alerts.due(0)[0].notification.id.clone();
    assert_eq!(fail(&mut world, "pager", false), ["failed"]);
    let failed = |id: &str| Input::Failed { notification: id.into(), attempt: 1, permanent: true, why: "x".repeat(5000) };
    assert!(world.step(&failed(&id)).unwrap().is_empty(), "that attempt is known already");
    for unknown in ["", "-", "x-1", "x-99", "0000000000000000-1", &format!("{id}0")] {
        assert!(world.step(&failed(unknown)).unwrap().is_empty());
        assert!(world.step(&Input::Delivered { notification: unknown.into(), attempt: 1 }).unwrap().is_empty());
    }
    let delivered = Input::Delivered { notification: id, attempt: 1 };
    assert_eq!(kinds(&world.step(&delivered).unwrap()), ["delivered"], "a late word of an earlier attempt is as good");
    assert!(world.step(&delivered).unwrap().is_empty());
}

#[test]
fn more_alerts_than_are_followed_are_an_alert() {
    let mut world = World::of("receivers = [\"pager\"]\ngroup_wait = \"1h\"", &["pager"]);
    let mut all = many(MAX_ALERTS + 5);
    for alert in &mut all[..10] {
        alert.firing = false;
    }
    world.observe(&all);
    let views = world.alerts.alerts(0);
    let own = views.iter().find(|view| view.name == TOO_MANY_ALERTS).unwrap();
    assert_eq!(own.summary, "5 alerts more than 20000 are not followed");
    assert_eq!(views.iter().filter(|view| view.state == dsmil_alert::AlertState::Pending).count(), 5, "what fires comes first");
    world.observe(&many(1));
    assert!(world.alerts.alerts(0).iter().find(|view| view.name == TOO_MANY_ALERTS).unwrap().ends_at.is_some());
}

#[test]
fn a_clock_that_goes_back_holds_nothing_up_and_one_that_leaps_loses_nothing() {
    let mut world = World::of("receivers = [\"pager\"]", &["pager"]);
    world.now = 1_000_000 * HOUR;
    world.observe(&[firing("alertname=cpu")]);
    world.now = HOUR;
    assert_eq!(kinds(&world.step(&Input::Tick).unwrap()), ["clock-went-back"]);
    assert_eq!(world.until(HOUR + MINUTE), ["3630s pager: +cpu"]);
    world.now = 2_000_000 * HOUR;
    world.observe(&[]);
    assert_eq!(fail(&mut world, "pager", false), ["failed"]);
    assert!(world.alerts.due(world.now).is_empty(), "a pause runs");
    world.now = 2 * HOUR;
    world.tick();
    assert_eq!(world.alerts.due(world.now + 375 * SECOND).len(), 1, "and is not for ever");
    world.crash(false);
    for now in [i64::MIN, i64::MAX, 0, i64::MAX - 1, i64::MIN + 1] {
        world.now = now;
        world.observe(&[firing("alertname=cpu"), firing("alertname=disk")]);
        world.tick();
        fail(&mut world, "pager", false);
        world.observe(&[]);
        world.alerts.next_at(now);
        world.alerts.alerts(now);
        world.crash(true);
    }
}

#[test]
fn damaged_events_and_states_are_refused_or_change_nothing() {
    let mut world = World::of(AT_ONCE, &["pager"]);
    world.observe(&[firing("alertname=cpu"), firing("alertname=disk")]);
    world.crash(true);
    let good = world.snapshot.clone();
    let restore = |text: &str| {
        let snapshot: Snapshot = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let restored = Alerts::restore(config(AT_ONCE), receivers(&["pager"]), snapshot);
        restored.map(|_| ()).map_err(|error| format!("{}: {error}", error.kind()))
    };
    assert_eq!(restore(&good), Ok(()));
    let disk = common::fingerprint("alertname=disk").to_string();
    for (from, to, part) in [
        ("\"version\":1", "\"version\":2", "snapshot: alerts: restore the saved state: version 2 is not known"),
        ("\"alertname\":\"disk\"", "\"alertname\":\"dusk\"", "other labels than its fingerprint"),
        ("\"groups\":[\"pager/", "\"groups\":[\"pages/", "a group that doesn't know it"),
        ("\"sequence\":2,\"alerts\"", "\"sequence\":1,\"alerts\"", "belong to no group"),
        ("\"waiting\":[1]", "\"waiting\":[]", "belong to no group"),
        ("\"waiting\":[1]", "\"waiting\":[9]", "not in order"),
        (disk.as_str(), "zz", "no fingerprint"),
        ("\"latest\":0", "\"latest\":\"x\"", "invalid type"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = restore(&good.replace(from, to)).unwrap_err();
        assert!(error.contains(part), "{from}: {error}");
    }
    // Of the journal: another version is refused, and what doesn't fit changes nothing but the time.
    let event = serde_json::to_string(&world.history[0]).unwrap();
    let error = serde_json::from_str::<AlertEvent>(&event.replace("\"version\":1", "\"version\":7")).unwrap_err();
    assert!(error.to_string().contains("version 7 of an alert event is not known"));
    let unknown = common::fingerprint("alertname=nobody");
    let groups = vec![];
    for what in [
        Change::Subsided { fingerprint: unknown },
        Change::Resolved { fingerprint: unknown, muted: false },
        Change::Joined { fingerprint: unknown, groups },
        Change::Left { fingerprint: unknown, group: "x".into() },
        Change::GroupClosed { group: "x".into() },
        Change::Acknowledged { fingerprint: unknown, by: "x".into(), comment: String::new() },
        Change::SilenceEnded { id: "x".into(), by: None },
        Change::Forgotten { alerts: vec![unknown], silences: vec!["x".into()] },
    ] {
        world.alerts.apply(&AlertEvent { version: 1, at: 0, what });
        assert_eq!(json(&world.alerts), good);
    }
}
