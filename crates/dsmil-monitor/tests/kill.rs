//! A kill -9 at any write of the monitor loses nothing that was accepted, tells of everything, and changes nothing of what is
//! decided afterwards.
//!
//! A child goes through the script of `script/mod.rs` and says what was accepted. It is killed at a change of its directory: store,
//! health log, audit log, and the file that stands for the receivers. Then the directory is held against what the child had said,
//! and the script goes on. In the end all is as in a run without the kill. Swept are all changes of names and lengths, and 70 of
//! the writes and syncs, in turn before and in the middle of them; with `DSMIL_KILL_ALL=1` every change in both ways.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

#[path = "../../dsmil-history/tests/killer/mod.rs"]
mod killer;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use dsmil_alert::{AlertEvent, Change, Notification};
use dsmil_history::{HealthLog, Query, Reader, Resolution};
use dsmil_monitor::{ALERT_EVENT, VERDICT_EVENT, VERDICTS_STATE};
use killer::{At, Killer, this_program};
use serde_json::Value;

#[test]
#[ignore = "the part of the child"]
fn child() {
    let root = PathBuf::from(env::var_os("DSMIL_KILL_DIR").unwrap());
    script::run(&root, &|said| println!("\n{said}"));
}

/// A directory in memory, if there is one.
fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn store(root: &Path) -> Reader {
    Reader::open(script::state_dir(root)).unwrap()
}

/// All that a monitor has kept, to the byte: samples, events, states, and the alerts that follow from them.
fn content(root: &Path) -> Vec<String> {
    let now = script::time(script::STEPS);
    let mut all = Vec::new();
    {
        let core = script::open(root, now);
        all.push(serde_json::to_string(&core.alerts(now)).unwrap());
        all.push(serde_json::to_string(&core.silences(now)).unwrap());
        all.push(format!("{:?}", core.due(now)));
    }
    let store = store(root);
    store.check().unwrap();
    for info in store.series(None).unwrap() {
        let query = Query { resolution: Resolution::Raw, ..Query::new(info.metric.clone(), 0, i64::MAX) };
        for series in store.query(&query).unwrap().into_iter().filter(|series| series.labels == info.labels) {
            let points: Vec<(i64, u64)> = series.points.iter().map(|point| (point.at, point.value.to_bits())).collect();
            all.push(format!("{}{} {points:?}", info.metric, info.labels));
        }
    }
    for event in store.events(None, 0, usize::MAX).unwrap() {
        all.push(format!("{} {} {} {}", event.seq, event.kind, event.at, event.body));
    }
    for key in [VERDICTS_STATE, "baselines", "scores", "gates:gates.toml", "gates:monitor (built in)"] {
        all.push(format!("{key} {}", store.state(key).unwrap().unwrap()));
    }
    all
}

/// What the child said about one thing.
fn said<'a>(text: &'a str, what: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' ')).collect()
}

/// What the receivers were told. Only the last line may be torn, and only by the kill.
fn told(root: &Path) -> Vec<Notification> {
    let text = fs::read_to_string(script::told(root)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Holds a directory, right after the kill, against what the child had said until then.
fn nothing_lost(root: &Path, text: &str) {
    let stepped = said(text, "stepped").len() as i64;
    if stepped == 0 {
        return;
    }
    let store = store(root);
    let steps = store.query(&Query { resolution: Resolution::Raw, ..Query::new("script_step", 0, i64::MAX) }).unwrap();
    let there = steps[0].points.len() as i64;
    assert!(there == stepped || there == stepped + 1, "{stepped} accepted, {there} there");
    for step in 0..stepped {
        let at = script::time(step) - 50;
        let query = Query { resolution: Resolution::Raw, ..Query::new("temperature_celsius", at, at) };
        let expected = if step < 20 { 3 } else { 2 };
        assert_eq!(store.query(&query).unwrap().len(), expected, "samples of step {step}");
    }
    let asked: BTreeSet<&str> = said(text, "asked").into_iter().collect();
    let events = alert_events(&store);
    let is_there = |number: &str, is: &dyn Fn(&Change) -> bool| {
        assert!(!asked.contains(number) || events.iter().any(|event| is(&event.what)), "what was asked in {number} is lost");
    };
    is_there("6", &|what| matches!(what, Change::Silenced { silence } if silence.id == "first"));
    is_there("9", &|what| matches!(what, Change::Silenced { silence } if silence.id == "second"));
    is_there("12", &|what| matches!(what, Change::Acknowledged { by, .. } if by == "ann"));
    is_there("16", &|what| matches!(what, Change::SilenceEnded { id, by } if id == "second" && by.is_some()));
    let told: BTreeSet<String> = told(root).into_iter().map(|notification| notification.id).collect();
    for id in said(text, "recorded") {
        assert!(told.contains(id), "{id} is said to be delivered");
    }
    let recorded = verdicts(root);
    for seen in said(text, "seen") {
        assert!(recorded.contains(seen), "the verdict {seen} was seen, and is not in the audit log");
    }
}

fn alert_events(store: &Reader) -> Vec<AlertEvent> {
    let events = store.events(Some(ALERT_EVENT), 0, usize::MAX).unwrap();
    events.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect()
}

/// Gate, verdict and time of the audit log's records, and of those before, until they change: `seen` says the verdict of each step.
fn verdicts(root: &Path) -> BTreeSet<String> {
    let mut latest: BTreeMap<String, (i64, String)> = BTreeMap::new();
    let mut all = BTreeSet::new();
    let mut changes: Vec<(i64, String, String)> = Vec::new();
    for record in dsmil_audit::tail(root.join("run/audit"), usize::MAX).unwrap() {
        if record.action != "verdict" {
            // A torn last line that the kill had left was repaired.
            continue;
        }
        let new = record.new.unwrap();
        let evidence = &new["evidence"];
        assert_eq!(new["evidence_sha256"], sha256(&serde_json::to_vec(evidence).unwrap()), "of {}", new["at"]);
        changes.push((new["at"].as_i64().unwrap(), record.target.unwrap(), new["verdict"].as_str().unwrap().to_owned()));
    }
    for step in 0..script::STEPS {
        let now = script::time(step);
        for (at, gate, verdict) in changes.iter().filter(|(at, ..)| *at == now) {
            latest.insert(gate.clone(), (*at, verdict.clone()));
        }
        all.extend(latest.iter().map(|(gate, (_, verdict))| format!("{gate} {verdict} {now}")));
    }
    all
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Who was told of what, in the end: everything that was due, in order, and not again what was known to be delivered.
fn told_well(root: &Path, text: &str, kills: usize) {
    let told = told(root);
    let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
    for notification in &told {
        let key = (notification.receiver.clone(), notification.group.clone());
        let before = last.insert(key, notification.sequence).unwrap_or(0);
        assert!(before <= notification.sequence, "{} came after number {before} of its group", notification.id);
    }
    let ids: BTreeSet<&str> = told.iter().map(|notification| notification.id.as_str()).collect();
    assert!(told.len() - ids.len() <= kills, "{} told twice", told.len() - ids.len());
    for id in said(text, "recorded") {
        assert_eq!(told.iter().filter(|notification| notification.id == id).count(), 1, "{id} was recorded, and told again");
    }
    let events = alert_events(&store(root));
    let mut gave_up: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &events {
        if let Change::GaveUp { notification, attempts, .. } = &event.what {
            assert_eq!(gave_up.insert(notification, *attempts), None, "given up once");
        }
    }
    assert!(gave_up.values().all(|attempts| *attempts >= 10) && !gave_up.is_empty());
    let waiting: BTreeSet<String> = {
        let core = script::open(root, script::time(script::STEPS));
        core.due(script::time(script::STEPS + 1000)).iter().map(|due| due.notification.id.clone()).collect()
    };
    for event in &events {
        if let Change::Queued { notification } = &event.what {
            let id = notification.id.as_str();
            let done = ids.contains(id) || gave_up.contains_key(id);
            assert!(
                done || notification.receiver == "dead" || notification.receiver == "pager" && !waiting.is_empty(),
                "{id} was due, and nobody was told"
            );
        }
    }
}

/// Every change of a verdict that is in the store is in the audit log; the step that the kill came into may be there with the next.
fn audited(root: &Path, kills: usize) {
    let dir = root.join("run/audit");
    // The kill may have left the last record without a seal: whoever writes next seals it.
    let log = dsmil_audit::Log::open(&dir, dsmil_audit::Options::default()).unwrap();
    log.record(dsmil_audit::Entry::new("looked"), dsmil_audit::Outcome::Ok).unwrap();
    let report = dsmil_audit::verify(&dir, None).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let recorded = verdicts(root);
    let mut missing = 0;
    for event in store(root).events(Some(VERDICT_EVENT), 0, usize::MAX).unwrap() {
        let body: Value = serde_json::from_str(&event.body).unwrap();
        let changes = body["changes"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = changes
            .iter()
            .all(|change| recorded.contains(&format!("{} {} {}", text(&change["gate"]), text(&change["to"]), event.at)));
        missing += usize::from(!all);
    }
    assert!(missing <= kills, "{missing} changes of verdicts are not in the audit log");
}

/// Whole lines, in the order of time, and none twice.
fn logged(root: &Path, kills: usize) {
    let records: Vec<_> = HealthLog::read(script::state_dir(root)).unwrap().map(Result::unwrap).collect();
    assert!(records.is_sorted_by(|one, next| one.at < next.at));
    let scored = (0..script::STEPS).filter(|step| step % 2 == 0).count();
    assert!(records.len() + kills >= scored && records.len() <= scored, "{} of {scored}", records.len());
    assert!(records.iter().all(|record| record.verdicts.contains_key("all") && record.metrics.contains_key("script_step")));
}

/// Where two texts part.
fn difference(found: &str, expected: &str) -> String {
    let at = found.bytes().zip(expected.bytes()).position(|(one, other)| one != other).unwrap_or(0);
    let around = |text: &str| text.chars().skip(at.saturating_sub(200)).take(500).collect::<String>();
    format!("{}\nfound    …{}…\nexpected …{}…", expected.chars().take(80).collect::<String>(), around(found), around(expected))
}

fn kill_and_go_on(killer: &Killer, at: At, expected: &[String]) {
    let parent = quick_dir();
    let root = parent.path().join("root");
    let ended = killer.kill(&mut this_program("child"), &root, at);
    assert!(ended.killed, "{at:?} was not reached");
    let checked = std::panic::catch_unwind(|| {
        nothing_lost(&root, &ended.said);
        script::run(&root, &|_| {});
        let found = content(&root);
        for (found, expected) in found.iter().zip(expected) {
            assert!(found == expected, "{}", difference(found, expected));
        }
        assert_eq!(found.len(), expected.len());
        told_well(&root, &ended.said, 1);
        audited(&root, 1);
        logged(&root, 1);
    });
    if let Err(panic) = checked {
        eprintln!("after a kill at {at:?}; the directory is {}", parent.keep().display());
        std::panic::resume_unwind(panic);
    }
}

/// Where to kill: at a rename or removal there is only before, at a write or a sync there may be thousands.
fn points(changes: &str, all: bool) -> Vec<At> {
    let both = |change| [false, true].map(|half| At { change, half });
    let numbered = || (1u64..).zip(changes.chars());
    if all {
        return numbered().flat_map(|(change, _)| both(change)).collect();
    }
    let (many, few): (Vec<_>, Vec<_>) = numbered().partition(|(_, letter)| "ws".contains(*letter));
    let many: Vec<At> = many.into_iter().flat_map(|(change, _)| both(change)).collect();
    // A stride that is odd comes by both ways.
    let stride = (many.len() / 70) | 1;
    let few = few.into_iter().map(|(change, _)| At { change, half: false });
    few.chain(many.into_iter().step_by(stride)).collect()
}

#[test]
fn a_kill_at_any_write_changes_nothing() {
    let killer = Killer::new();
    let parent = quick_dir();
    let root = parent.path().join("root");
    let changes = killer.changes(&mut this_program("child"), &root);
    let expected = content(&root);
    told_well(&root, "", 0);
    audited(&root, 0);
    logged(&root, 0);
    let events = alert_events(&store(&root));
    for kind in [
        "pending",
        "fired",
        "subsided",
        "resolved",
        "acknowledged",
        "silenced",
        "silence-ended",
        "queued",
        "delivered",
        "failed",
        "gave-up",
        "forgotten",
    ] {
        assert!(events.iter().any(|event| event.kind() == kind), "the script brings no {kind}");
    }
    let points = points(&changes, env::var_os("DSMIL_KILL_ALL").is_some());
    eprintln!("{} changes, {} kills", changes.len(), points.len());
    assert!(points.len() >= 200, "{changes}");
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    kill_and_go_on(&killer, *point, &expected);
                }
            });
        }
    });
}
