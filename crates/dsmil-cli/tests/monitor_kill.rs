//! kill -9 of a monitor that runs, at random moments: no alert is lost, and states go on.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dsmil_history::{HealthLog, Query, Reader, Resolution};
use nix::sys::signal::Signal;
use watch::{Hook, Place};

const KILLS: u64 = 20;

const GATES: &str = r#"
version = 1

[[rule]]
name = "long"
metric = "queue_length"
fail_when = "> 100"
unit = "jobs"
on_fail = "no-go"
on_no_data = "hold"

[[gate]]
name = "queue"
kind = "all"
rules = ["long"]
"#;

/// Up to a round all odd jobs are done; the one that is called `always` never is.
fn metrics(round: u64) -> String {
    let mut text = r#"{"queue_length": [{"labels": {"job": "always"}, "value": 500}"#.to_owned();
    for job in 0..=round {
        let value = if job % 2 == 1 && job < round { 1 } else { 200 };
        write!(text, r#", {{"labels": {{"job": "{job}"}}, "value": {value}}}"#).unwrap();
    }
    text + "]}"
}

/// SplitMix64.
fn random(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_kill_at_any_moment_loses_no_alert() {
    let (place, hook) = (Place::new(), Hook::new());
    let alerts = "[alerts]\nreceivers = [\"hook\"]\ngroup_by = [\"...\"]\ngroup_wait = \"0s\"\ngroup_interval = \"100ms\"\n";
    place.configure(GATES, &format!("{alerts}\n{}", hook.receiver()));
    let seed = u64::from(std::process::id());
    let mut since = None;
    for round in 0..KILLS {
        place.write("metrics.json", &metrics(round));
        let mut running = place.start(&[]);
        sleep(Duration::from_millis(random(seed + round) % 900));
        if since.is_none() {
            let always = eventually_always(&place);
            since = Some((always["since"].clone(), always["starts_at"].clone()));
        }
        assert!(running.is_running(), "{}", place.log());
        assert_eq!(running.end(Signal::SIGKILL), None, "round {round} of seed {seed}");
        Reader::open(place.state()).unwrap().check().unwrap();
    }
    // Whoever is started last tells what the others have left, and ends by itself.
    place.write("metrics.json", &metrics(KILLS));
    let running = place.start(&[]);
    let jobs = |status: &str| -> BTreeSet<String> {
        let told = hook.told();
        let alerts = told.iter().flat_map(watch::Told::alerts);
        alerts
            .filter(|(_, _, is)| is == status)
            .map(|(_, labels, _)| labels["job"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    // What was accepted as too long must be told, and what has become short again since. A slow machine may be killed before it
    // has looked at all: then there is nothing to tell.
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let long = long_ones(&place);
        let done: BTreeSet<String> = long.iter().filter(|job| job.parse().is_ok_and(|job: u64| job % 2 == 1)).cloned().collect();
        if long.contains(&KILLS.to_string()) && long.is_subset(&jobs("firing")) && done.is_subset(&jobs("resolved")) {
            break;
        }
        assert!(Instant::now() < until, "seed {seed}: {long:?} {:?} {:?}", jobs("firing"), jobs("resolved"));
        sleep(Duration::from_millis(50));
    }
    let always = eventually_always(&place);
    assert_eq!(since, Some((always["since"].clone(), always["starts_at"].clone())), "it has fired all the time");
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
    assert!(!jobs("resolved").contains("always"));
    in_order(&hook);
    whole(&place);
}

/// The jobs that the store has a sample of which is too long.
fn long_ones(place: &Place) -> BTreeSet<String> {
    let store = Reader::open(place.state()).unwrap();
    let query = Query { resolution: Resolution::Raw, ..Query::new("queue_length", 0, i64::MAX) };
    let series = store.query(&query).unwrap();
    let long = series.iter().filter(|series| series.points.iter().any(|point| point.value > 100.0));
    long.map(|series| series.labels.get("job").to_owned()).collect()
}

fn eventually_always(place: &Place) -> serde_json::Value {
    let find = || place.alerts().into_iter().find(|alert| alert["labels"]["job"] == "always" && alert["state"] == "firing");
    watch::eventually("the alert that always fires", find)
}

/// The same notification may come twice, but never an older one after a newer one of its group; and not for ever.
fn in_order(hook: &Hook) {
    let told = hook.told();
    let mut numbers = std::collections::BTreeMap::new();
    for one in &told {
        let number: u64 = one.id.rsplit_once('-').unwrap().1.parse().unwrap();
        let before = numbers.insert(one.body["groupKey"].to_string(), number).unwrap_or(0);
        assert!(before <= number, "{} after {before}", one.id);
    }
    let ids: BTreeSet<&str> = told.iter().map(|one| one.id.as_str()).collect();
    assert!(told.len() <= ids.len() + KILLS as usize, "{} notifications, {} told", ids.len(), told.len());
}

/// Store, health log and audit log after all that.
fn whole(place: &Place) {
    let store = Reader::open(place.state()).unwrap();
    store.check().unwrap();
    let query = Query { resolution: Resolution::Raw, ..Query::new("queue_length", 0, i64::MAX) };
    assert_eq!(store.query(&query).unwrap().len() as u64, KILLS + 2, "samples of every round");
    for record in HealthLog::read(place.state()).unwrap() {
        record.unwrap();
    }
    let (status, report) = place.json(&["audit", "verify"]);
    assert_eq!(status, 0, "{report}");
}
