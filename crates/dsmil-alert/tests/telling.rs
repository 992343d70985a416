//! Who is told of what, and when: the words of `docs/alerts.md`, one by one.

#![allow(clippy::unwrap_used)]

mod common;

use common::{HOUR, MINUTE, SECOND, World, config, fingerprint, firing, kinds, pending, receivers};
use dsmil_alert::{AlertState, Cause, Change, Input, ReceiverKind, Silence, SilenceState};

const PAGER: &str = "receivers = [\"pager\"]";

fn silence(id: &str, matcher: &str, starts_at: i64, ends_at: i64) -> Silence {
    let matchers = vec![matcher.parse().unwrap()];
    Silence { id: id.into(), matchers, starts_at, ends_at, by: "ann".into(), comment: "work on the rack".into() }
}

#[test]
fn a_group_waits_then_tells_of_changes_at_intervals_and_repeats() {
    let mut world = World::of(PAGER, &["pager"]);
    assert!(world.observe(&[firing("alertname=cpu,device=a")]).is_empty());
    world.now = 10 * SECOND;
    assert!(world.observe(&[firing("alertname=cpu,device=a"), firing("alertname=cpu,device=b")]).is_empty());
    assert_eq!(world.until(MINUTE), ["30s pager: +cpu.a +cpu.b"], "both in one, after 30 s");
    // One resolves: told 5 minutes after the last time, with what still fires.
    world.observe(&[firing("alertname=cpu,device=b")]);
    assert_eq!(world.until(10 * MINUTE), ["330s pager: +cpu.b -cpu.a"]);
    // Nothing new: told again 4 h after the last time, as long as it fires.
    assert_eq!(world.until(9 * HOUR), ["14730s pager: +cpu.b", "29130s pager: +cpu.b"]);
    assert_eq!(world.observe(&[]), ["pager: -cpu.b"]);
    assert!(world.until(20 * HOUR).is_empty(), "resolved is told once");
    assert!(world.state("alertname=cpu,device=b").is_none(), "and forgotten in the end");
}

#[test]
fn other_groups_are_told_of_by_themselves() {
    let mut world = World::of("receivers = [\"pager\"]\ngroup_by = [\"alertname\", \"device\"]\ngroup_wait = \"0s\"", &["pager"]);
    let told = world.observe(&[firing("alertname=cpu,device=a,severity=critical"), firing("alertname=cpu,device=b")]);
    assert_eq!(told.len(), 2);
    let mut world = World::of("receivers = [\"pager\"]\ngroup_by = []\ngroup_wait = \"0s\"", &["pager"]);
    assert_eq!(world.observe(&[firing("alertname=cpu,device=a"), firing("alertname=disk")]), ["pager: +cpu.a +disk"]);
    let mut world = World::of("receivers = [\"pager\"]\ngroup_by = [\"...\"]\ngroup_wait = \"0s\"", &["pager"]);
    assert_eq!(world.observe(&[firing("alertname=cpu,device=a"), firing("alertname=cpu,device=b")]).len(), 2);
}

#[test]
fn routes_go_by_the_first_match_unless_they_continue() {
    let text = r#"
        receivers = ["mail"]
        group_wait = "0s"
        [[route]]
        matchers = ['severity = "critical"']
        receivers = ["pager"]
        continue = true
        [[route]]
        matchers = ['device =~ "0x80.*"']
        receivers = ["devices"]
        group_wait = "10s"
        [[route]]
        matchers = ['alertname = "noise"']
        receivers = []
    "#;
    let mut world = World::of(text, &["mail", "pager", "devices"]);
    let told = world.observe(&[
        firing("alertname=a,severity=critical,device=0x8003"),
        firing("alertname=b,device=0x8004"),
        firing("alertname=c,severity=critical"),
        firing("alertname=d"),
        firing("alertname=noise"),
    ]);
    // c matched a route, though none of the following: it is not for the mail.
    assert_eq!(told, ["mail: +d", "pager: +a.0x8003", "pager: +c"]);
    assert_eq!(world.until(20 * SECOND), ["10s devices: +a.0x8003", "10s devices: +b.0x8004"]);
    assert_eq!(world.state("alertname=noise").unwrap().receivers, [] as [&str; 0], "nobody is told, but it is listed");
    assert_eq!(world.state("alertname=a,severity=critical,device=0x8003").unwrap().receivers, ["devices", "pager"]);
}

#[test]
fn pending_is_listed_and_not_told() {
    let mut world = World::of("receivers = [\"pager\"]\ngroup_wait = \"0s\"", &["pager"]);
    assert!(world.observe(&[pending("alertname=cpu")]).is_empty());
    assert_eq!(world.state("alertname=cpu").unwrap().state, AlertState::Pending);
    let events = world.step(&Input::Observed(vec![])).unwrap();
    assert_eq!(kinds(&events), ["subsided"]);
    // Of two that are called the same the worse counts.
    for both in [[firing("alertname=x"), pending("alertname=x")], [pending("alertname=x"), firing("alertname=x")]] {
        world.observe(&both);
        assert_eq!(world.state("alertname=x").unwrap().state, AlertState::Firing);
    }
    world.deliver();
    world.observe(&[]);
    world.until(10 * MINUTE);
    world = World::of("receivers = [\"pager\"]\ngroup_wait = \"0s\"", &["pager"]);
    assert!(world.state("alertname=cpu").is_none());
    // Fires, resolves, is pending again and subsides: it is still listed as resolved.
    world.observe(&[firing("alertname=cpu")]);
    world.deliver();
    world.now = MINUTE;
    world.observe(&[pending("alertname=cpu")]);
    assert_eq!(world.state("alertname=cpu").unwrap().state, AlertState::Pending);
    world.observe(&[]);
    let view = world.state("alertname=cpu").unwrap();
    assert_eq!((view.state, view.ends_at), (AlertState::Resolved, Some(MINUTE)));
    assert_eq!(world.until(10 * MINUTE), ["300s pager: -cpu"]);
}

#[test]
fn what_was_over_before_it_was_told_is_told_all_the_same_in_order() {
    let mut world = World::of(PAGER, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    world.now = 10 * SECOND;
    world.observe(&[]);
    assert_eq!(world.until(HOUR), ["30s pager: +cpu", "30s pager: -cpu"]);
    // A silence that comes when it is over is too late.
    world.observe(&[firing("alertname=cpu")]);
    world.now += 10 * SECOND;
    world.observe(&[]);
    world.step(&Input::Silence(silence("s1", "alertname=cpu", world.now, 9 * HOUR))).unwrap();
    assert_eq!(world.until(2 * HOUR), ["3630s pager: +cpu", "3630s pager: -cpu"]);
}

#[test]
fn one_that_fires_anew_is_told_of_anew() {
    let mut world = World::of("receivers = [\"pager\"]\ngroup_wait = \"0s\"", &["pager"]);
    assert_eq!(world.observe(&[firing("alertname=cpu")]), ["pager: +cpu"]);
    world.deliver();
    world.now = 10 * SECOND;
    world.observe(&[]);
    world.now = 20 * SECOND;
    world.observe(&[firing("alertname=cpu")]);
    // Between two intervals it resolved and fired: the newest state is told.
    assert_eq!(world.until(10 * MINUTE), ["300s pager: +cpu"]);
    let last = world.history.iter().rev().find_map(|event| match &event.what {
        Change::Queued { notification } => Some(notification.clone()),
        _ => None,
    });
    assert_eq!(last.unwrap().alerts[0].starts_at, 20 * SECOND);
}

#[test]
fn an_acknowledged_alert_is_not_repeated_until_it_fires_anew() {
    let mut world = World::of(PAGER, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    world.until(MINUTE);
    let ack = |by: &str| Input::Acknowledge { fingerprint: fingerprint("alertname=cpu"), by: by.into(), comment: String::new() };
    world.step(&ack("ann")).unwrap();
    assert_eq!(world.state("alertname=cpu").unwrap().acked.unwrap().by, "ann");
    assert!(world.until(12 * HOUR).is_empty());
    // Another alert in the group is told, with the acknowledged one and by whom; and it is repeated.
    world.observe(&[firing("alertname=cpu"), firing("alertname=cpu,device=b")]);
    world.deliver();
    assert_eq!(world.until(17 * HOUR), ["57600s pager: +cpu +cpu.b"]);
    world.observe(&[]);
    world.until(18 * HOUR);
    world.observe(&[firing("alertname=cpu")]);
    assert_eq!(world.state("alertname=cpu").unwrap().acked, None);
    assert_eq!(world.until(23 * HOUR).len(), 2, "told, and repeated after 4 h");
}

#[test]
fn a_silence_keeps_quiet_and_ends_by_itself() {
    let mut world = World::of(PAGER, &["pager"]);
    world.step(&Input::Silence(silence("s1", "alertname=cpu", 0, HOUR))).unwrap();
    world.observe(&[firing("alertname=cpu"), firing("alertname=disk")]);
    assert_eq!(world.until(HOUR - SECOND), ["30s pager: +disk"]);
    assert_eq!(world.state("alertname=cpu").unwrap().silenced_by, ["s1"]);
    assert_eq!(world.alerts.silences(world.now)[0].state, SilenceState::Active);
    assert_eq!(world.until(HOUR + MINUTE), ["3600s pager: +cpu"], "still firing: told as soon as it ends");
    let ended = world.history.iter().find(|event| event.kind() == "silence-ended").unwrap();
    assert_eq!(ended.at, HOUR, "to the millisecond");
    assert_eq!(world.alerts.silences(world.now)[0].state, SilenceState::Expired);
    assert!(world.state("alertname=cpu").unwrap().silenced_by.is_empty());
    world.until(26 * HOUR);
    assert!(world.alerts.silences(world.now).is_empty(), "forgotten a day later");
}

#[test]
fn a_silence_that_lies_ahead_and_one_that_is_ended_early() {
    let mut world = World::of("receivers = [\"pager\"]\nrepeat_interval = \"10m\"", &["pager"]);
    world.step(&Input::Silence(silence("s1", "alertname=cpu", 20 * MINUTE, 10 * HOUR))).unwrap();
    world.observe(&[firing("alertname=cpu")]);
    assert_eq!(world.until(30 * MINUTE), ["30s pager: +cpu", "630s pager: +cpu"], "no repeat from 20 minutes on");
    let expire = Input::Expire { id: "s1".into(), by: "ann".into() };
    world.step(&expire).unwrap();
    assert_eq!(world.alerts.silences(world.now)[0].ended_by.as_deref(), Some("ann"));
    assert_eq!(world.step(&expire).unwrap_err().kind(), "unknown-silence");
    assert_eq!(world.until(30 * MINUTE + SECOND).len() + 1, 1, "it was repeated in the very step that ended the silence");
    assert_eq!(common::queued(&world.history).len(), 3);
}

#[test]
fn who_heard_that_it_fires_hears_that_it_ended_silenced_or_not() {
    let mut world = World::of(PAGER, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    world.until(MINUTE);
    world.step(&Input::Silence(silence("s1", "alertname=cpu", MINUTE, HOUR))).unwrap();
    world.observe(&[]);
    assert_eq!(world.until(10 * MINUTE), ["330s pager: -cpu"]);
    // What fired and ended in silence is told to nobody.
    world.observe(&[firing("alertname=cpu")]);
    world.until(20 * MINUTE);
    world.observe(&[]);
    assert!(world.until(2 * HOUR).is_empty());
}

#[test]
fn a_graver_alert_inhibits() {
    let text = r#"
        receivers = ["pager"]
        group_wait = "10s"
        [[inhibit]]
        source = ['severity = "critical"']
        target = ['severity = "warning"']
        equal = ["device"]
    "#;
    let mut world = World::of(text, &["pager"]);
    let (critical, warning) = ("alertname=down,device=a,severity=critical", "alertname=slow,device=a,severity=warning");
    let other = "alertname=slow,device=b,severity=warning";
    world.observe(&[firing(critical), firing(warning), firing(other)]);
    assert_eq!(world.until(MINUTE), ["10s pager: +down.a", "10s pager: +slow.b"]);
    assert_eq!(world.state(warning).unwrap().inhibited_by, [fingerprint(critical)]);
    // The source ends: the target, which still fires, is told at the next interval of its group.
    world.observe(&[firing(warning), firing(other)]);
    assert!(world.state(warning).unwrap().inhibited_by.is_empty());
    assert_eq!(world.until(10 * MINUTE), ["310s pager: -down.a", "310s pager: +slow.a +slow.b"]);
    // Both end in one evaluation: the target was inhibited up to then and nobody is told.
    let mut world = World::of(text, &["pager"]);
    world.observe(&[firing(critical), firing(warning)]);
    world.observe(&[]);
    assert_eq!(world.until(HOUR), ["10s pager: +down.a", "10s pager: -down.a"]);
}

#[test]
fn nothing_inhibits_itself_or_its_like() {
    let text = r#"
        receivers = ["pager"]
        group_wait = "0s"
        [[inhibit]]
        source = ['alertname =~ "a|b"']
        target = ['alertname =~ "b|c"']
    "#;
    let mut world = World::of(text, &["pager"]);
    world.observe(&[firing("alertname=b"), firing("alertname=b,device=x"), firing("alertname=c")]);
    let inhibited = |world: &World, text: &str| world.state(text).unwrap().inhibited_by.len();
    assert_eq!(inhibited(&world, "alertname=b"), 0, "both are like source and target, as in Alertmanager");
    assert_eq!(inhibited(&world, "alertname=c"), 2);
    world.observe(&[firing("alertname=a"), firing("alertname=b"), firing("alertname=c")]);
    assert_eq!(inhibited(&world, "alertname=b"), 1, "by a, which is no target");
}

#[test]
fn a_receiver_that_forgets_is_told_again_and_again() {
    let mut kinds = receivers(&["pager"]);
    kinds.insert("am".into(), ReceiverKind::Refreshed { every: MINUTE });
    let mut world = World::new(config("receivers = [\"am\"]"), kinds);
    assert_eq!(world.observe(&[firing("alertname=cpu"), firing("alertname=disk")]), ["am: +cpu +disk"], "at once, in one");
    world.deliver();
    assert_eq!(world.until(2 * MINUTE), ["60s am: +cpu +disk", "120s am: +cpu +disk"]);
    let ack = Input::Acknowledge { fingerprint: fingerprint("alertname=cpu"), by: "ann".into(), comment: String::new() };
    world.step(&ack).unwrap();
    assert_eq!(world.until(3 * MINUTE), ["180s am: +cpu +disk"], "an acknowledgement doesn't make it forget");
    assert_eq!(world.observe(&[firing("alertname=disk")]), ["am: +disk -cpu"], "resolved at once");
    world.deliver();
    world.step(&Input::Silence(silence("s1", "alertname=disk", world.now, HOUR))).unwrap();
    assert!(world.until(30 * MINUTE).is_empty(), "what we silence, it forgets");
    assert_eq!(world.until(HOUR), ["3600s am: +disk"]);
    // While it can't be reached, one notification waits and not one for each minute.
    for _ in 0..600 {
        world.now += SECOND;
        world.tick();
    }
    assert_eq!(world.alerts.waiting().count(), 1);
    let cause = world.alerts.waiting().next().unwrap().cause;
    assert_eq!(cause, Cause::Refresh);
}

#[test]
fn a_new_configuration_moves_what_fires() {
    let mut world = World::of("receivers = [\"mail\"]\ngroup_wait = \"0s\"", &["mail", "pager"]);
    world.observe(&[firing("alertname=cpu")]);
    world.deliver();
    world.config = config("receivers = [\"pager\"]\ngroup_wait = \"0s\"");
    world.alerts.reconfigure(world.config.clone(), world.receivers.clone()).unwrap();
    assert_eq!(world.tick(), ["pager: +cpu"]);
    world.deliver();
    world.crash(false);
    assert_eq!(world.until(5 * HOUR), ["14400s pager: +cpu"], "only the new one is reminded");
    let mut told = world.observe(&[]);
    told.sort();
    assert_eq!(told, ["mail: -cpu", "pager: -cpu"], "who heard that it fires hears that it ended");
    world.deliver();
    // The receiver is gone altogether: what waits for it is given up, and the rest goes on.
    world.observe(&[firing("alertname=disk")]);
    world.config = config("receivers = [\"mail\"]\ngroup_wait = \"0s\"");
    world.receivers = receivers(&["mail"]);
    world.alerts.reconfigure(world.config.clone(), world.receivers.clone()).unwrap();
    let events = world.step(&Input::Tick).unwrap();
    assert_eq!(kinds(&events), ["configured", "gave-up", "group-closed", "joined", "queued"]);
    world.crash(true);
    assert_eq!(world.alerts.receivers()["pager"].given_up, 1);
    let wrong = world.alerts.reconfigure(config("receivers = [\"nobody\"]"), receivers(&["mail"])).unwrap_err();
    assert_eq!(wrong.kind(), "config");
    assert_eq!(world.alerts.config().receivers, ["mail"], "the old one stays");
}

#[test]
fn what_a_rule_says_follows_its_file() {
    let mut world = World::of(PAGER, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    let mut edited = firing("alertname=cpu");
    edited.description = Some("look at the fans".into());
    let events = world.step(&Input::Observed(vec![edited.clone()])).unwrap();
    assert_eq!(kinds(&events), ["described"]);
    assert!(world.step(&Input::Observed(vec![edited])).unwrap().is_empty());
    assert_eq!(world.state("alertname=cpu").unwrap().description.as_deref(), Some("look at the fans"));
    assert_eq!(world.state("alertname=cpu").unwrap().state, AlertState::Firing);
}

#[test]
fn the_newest_value_is_told_and_no_event_follows_from_a_value() {
    let mut world = World::of(PAGER, &["pager"]);
    world.observe(&[firing("alertname=cpu")]);
    for second in 1..=30 {
        world.now = second * SECOND;
        let mut alert = firing("alertname=cpu");
        alert.value = Some(if second == 30 { f64::NAN } else { 90.0 + second as f64 });
        let events = world.step(&Input::Observed(vec![alert])).unwrap();
        assert_eq!(events.len(), usize::from(second == 30));
    }
    assert!(world.alerts.due(world.now)[0].notification.alerts[0].value.unwrap().is_nan());
    world.crash(false);
    assert!(world.state("alertname=cpu").unwrap().value.unwrap().is_nan(), "a NaN survives the journal");
}

#[test]
fn when_to_look_again_is_known() {
    let mut world = World::of(PAGER, &["pager"]);
    assert_eq!(world.alerts.next_at(0), None);
    world.observe(&[firing("alertname=cpu")]);
    assert_eq!(world.alerts.next_at(0), Some(30 * SECOND));
    world.until(MINUTE);
    assert_eq!(world.alerts.next_at(6 * MINUTE), Some(4 * HOUR + 30 * SECOND));
    world.step(&Input::Silence(silence("s1", "alertname=cpu", 10 * MINUTE, HOUR))).unwrap();
    assert_eq!(world.alerts.next_at(6 * MINUTE), Some(10 * MINUTE));
    assert_eq!(world.alerts.next_at(20 * MINUTE), Some(HOUR));
}

#[test]
fn what_people_ask_for_is_checked() {
    let mut world = World::of(PAGER, &["pager"]);
    let ack =
        |text: &str, by: &str, comment: String| Input::Acknowledge { fingerprint: fingerprint(text), by: by.into(), comment };
    world.observe(&[firing("alertname=cpu"), pending("alertname=disk")]);
    let mut refused = |input: &Input| {
        let before = common::json(&world.alerts);
        let error = world.step(input).unwrap_err();
        assert_eq!(common::json(&world.alerts), before);
        format!("{}: {error}", error.kind())
    };
    let all = [
        refused(&ack("alertname=x", "ann", String::new())),
        refused(&ack("alertname=disk", "ann", String::new())),
        refused(&ack("alertname=cpu", " ", String::new())),
        refused(&ack("alertname=cpu", "ann", "x".repeat(5000))),
        refused(&Input::Silence(silence("s 1", "a=b", 0, 10))),
        refused(&Input::Silence(silence("s1", "a!=b", 0, 10))),
        refused(&Input::Silence(silence("s1", "a=~\".*\"", 0, 10))),
        refused(&Input::Silence(silence("s1", "a=b", 10, 10))),
        refused(&Input::Silence(silence("s1", "a=b", -10, 0))),
        refused(&Input::Silence(silence("s1", "a=b", 0, 400 * 24 * HOUR))),
        refused(&Input::Silence(silence("s1", "a=b", i64::MIN, i64::MAX))),
        refused(&Input::Silence(Silence { by: String::new(), ..silence("s1", "a=b", 0, 10) })),
        refused(&Input::Silence(Silence { comment: " ".into(), ..silence("s1", "a=b", 0, 10) })),
        refused(&Input::Silence(Silence { matchers: vec![], ..silence("s1", "a=b", 0, 10) })),
        refused(&Input::Expire { id: "s1".into(), by: "ann".into() }),
    ];
    let parts = [
        "unknown-alert: alerts: no alert has the fingerprint",
        "not-firing: alerts: disk{alertname=\"disk\"} does not fire, it is pending",
        "words: alerts: nobody stands for it; say who",
        "words: alerts: the comment is too long",
        "silence: alerts: silence s 1: its id is not usable",
        "it would silence everything",
        "it would silence everything",
        "it ends before it starts",
        "it has ended already",
        "more than a year",
        "more than a year",
        "nobody stands for it",
        "it has no reason",
        "it would silence everything",
        "unknown-silence: alerts: there is no silence s1",
    ];
    for (found, part) in all.iter().zip(parts) {
        assert!(found.contains(part), "{found} should say {part}");
    }
    world.step(&Input::Silence(silence("s1", "a=b", 0, 10))).unwrap();
    assert!(world.step(&Input::Silence(silence("s1", "a=b", 0, 10))).is_err(), "the id is taken");
}
