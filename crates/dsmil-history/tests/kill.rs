//! A kill -9 at any write loses nothing that was accepted, tears nothing, and doubles nothing.
//!
//! A child goes through a script of commits, maintenance, log records, rotation and compression, and says after each what was
//! accepted. It is killed at a change of its directory; then the directory is opened, held against what it said, and the script
//! is carried on. In the end all is as in a run without the kill. Swept are all changes of names and lengths, and 180 of the writes
//! and syncs, spread over all, in turn before and in the middle of them; with `DSMIL_KILL_ALL=1` every change in both ways.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;
mod killer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use common::{DAY, HOUR, MINUTE, START, ask, bits, sample, settle};
use dsmil_gate::Period;
use dsmil_history::{
    Batch, HealthLog, HealthRecord, LogOptions, NewEvent, Resolution, Retention, StateDir, Store, StoreOptions, Sync,
};
use killer::{At, Killer, this_program};

const STEPS: i64 = 24;
const METRICS: [&str; 3] = ["cpu_percent", "device_latency_ms", "device_up"];

fn options() -> (StoreOptions, LogOptions) {
    let hours = |hours| Period::from_millis(hours * HOUR);
    let retention = Retention { raw: hours(5), minute: hours(10), hour: hours(1000) };
    let store = StoreOptions { retention, ballast_bytes: 16 << 10, ..StoreOptions::default() };
    (store, LogOptions { max_bytes: 900, keep: Period::from_millis(30 * DAY), sync: Sync::Record })
}

/// The virtual time of a step: it passes hours, and a day.
fn time(step: i64) -> i64 {
    START + 15 * HOUR + step * 31 * MINUTE
}

/// The samples of a step: of three metrics and several devices, one an hour late, one that was there before, one NaN.
fn samples(step: i64) -> Vec<dsmil_gate::Measurement> {
    let at = time(step);
    let mut samples = Vec::new();
    for device in 0..4 {
        let name = format!("0x80{device:02X}");
        for (index, metric) in METRICS.iter().enumerate() {
            let value = (step * 7 + device * 3) as f64 / (index as f64 + 1.0);
            samples.push(sample(metric, &name, at - device * 11_000, value));
            samples.push(sample(metric, &name, at - device * 11_000, value + 1.0));
        }
    }
    samples.push(sample("cpu_percent", "", at - HOUR, step as f64));
    samples.push(sample("cpu_percent", "", at, f64::NAN));
    samples
}

/// Goes on with the script where the directory shows that it stopped.
fn script(path: &Path, say: &dyn Fn(String)) {
    let (store_options, log_options) = options();
    let dir = StateDir::hold(path).unwrap();
    let mut store = Store::open(&dir, &store_options).unwrap();
    let mut log = HealthLog::open(path, &log_options).unwrap();
    let mut logged = records(path).len() as i64;
    let first = store.state("step").unwrap().map_or(0, |step| step.parse::<i64>().unwrap() + 1);
    let mut append_until = |log: &mut HealthLog, step: i64| {
        while logged <= step {
            log.append(&record(logged)).unwrap();
            say(format!("logged {logged}"));
            logged += 1;
        }
    };
    for step in first..STEPS {
        append_until(&mut log, step - 1);
        settle(&mut store, time(step));
        if step % 3 == 2 {
            store.prune_events("other", time(step - 3)).unwrap();
            while log.maintain(time(step)).unwrap().more {}
        }
        let samples = samples(step);
        let (number, body) = (step.to_string(), format!("{{\"step\":{step}}}"));
        let events =
            [NewEvent { at: time(step), kind: "step", body: &body }, NewEvent { at: time(step), kind: "other", body: "1" }];
        let batch = Batch { samples: &samples, events: &events, states: &[("step", &number), ("double", &number.repeat(300))] };
        let committed = store.commit(&batch).unwrap();
        say(format!("committed {step} {:?}", committed.events));
    }
    append_until(&mut log, STEPS - 1);
    settle(&mut store, time(STEPS));
    while log.maintain(time(STEPS)).unwrap().more {}
}

fn record(number: i64) -> HealthRecord {
    let mut record = HealthRecord { at: time(number), deployment_id: Some("x".repeat(60)), ..HealthRecord::default() };
    record.metrics.insert("number".into(), Some(number as f64));
    record
}

/// The numbers of the log's records.
fn records(path: &Path) -> Vec<i64> {
    match HealthLog::read(path) {
        Ok(reader) => reader.map(|record| record.unwrap().metrics["number"].unwrap() as i64).collect(),
        Err(error) => {
            assert_eq!(error.kind(), "missing");
            Vec::new()
        }
    }
}

#[test]
#[ignore = "the part of the child"]
fn child() {
    let path = PathBuf::from(env::var_os("DSMIL_KILL_DIR").unwrap());
    script(&path, &|said| println!("\n{said}"));
}

/// All that queries tell.
fn content(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for metric in METRICS {
        for resolution in [Resolution::Raw, Resolution::Minute, Resolution::Hour] {
            all.push(format!("{metric} {resolution:?} {:?}", bits(&ask(store, metric, 0, i64::MAX, resolution))));
        }
    }
    all.push(format!("{:?}", store.series(None).unwrap()));
    for event in store.events(None, 0, usize::MAX).unwrap() {
        all.push(format!("{} {} {} {}", event.seq, event.kind, event.at, event.body));
    }
    all.push(format!("{:?} {:?}", store.state("step").unwrap(), store.state("double").unwrap()));
    all
}

/// What the child said about one thing.
fn said<'a>(text: &'a str, what: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(what)?.strip_prefix(' ')).collect()
}

/// Holds a directory, right after the kill, against what the child had said until then.
fn nothing_lost(path: &Path, text: &str) {
    let dir = StateDir::hold(path).unwrap();
    let store = Store::open(&dir, &options().0).unwrap();
    store.check().unwrap();
    let committed = said(text, "committed");
    let accepted = committed.len() as i64;
    // What was under way may have been accepted, too, but only all of it.
    let step = store.state("step").unwrap().map_or(0, |step| step.parse::<i64>().unwrap() + 1);
    assert!(step == accepted || step == accepted + 1, "{accepted} accepted, {step} there");
    let events = store.events(Some("step"), 0, usize::MAX).unwrap();
    assert_eq!(events.len() as i64, step);
    for (line, event) in committed.iter().zip(&events) {
        assert_eq!(*line, format!("{} [{}, {}]", event.at.abs_diff(time(0)) / (31 * 60_000), event.seq, event.seq + 1));
    }
    if step > 0 {
        assert_eq!(store.state("double").unwrap().unwrap(), (step - 1).to_string().repeat(300));
        let newest = ask(&store, "device_up", time(step - 1) - 40_000, i64::MAX, Resolution::Raw);
        assert_eq!(newest.len(), 4, "all samples of step {}", step - 1);
    }
    for earlier in 0..step {
        // Raw samples may be past their retention; the minutes of what is still there may not be missing.
        if time(earlier) > time(step) - 4 * HOUR {
            assert_eq!(ask(&store, "device_up", time(earlier) - 40_000, time(earlier), Resolution::Raw).len(), 4);
            assert_eq!(ask(&store, "device_up", time(earlier) - 40_000, time(earlier), Resolution::Minute).len(), 4);
        }
    }
    let logged = said(text, "logged").len() as i64;
    drop(HealthLog::open(path, &options().1).unwrap());
    let found = records(path);
    assert!(found.len() as i64 == logged || found.len() as i64 == logged + 1);
    assert!(found.iter().enumerate().all(|(index, number)| index as i64 == *number), "{found:?}");
}

fn sweep(killer: &Killer, points: &[At], expected: &(Vec<String>, Vec<i64>)) {
    for at in points {
        let parent = common::quick_dir();
        let path = parent.path().join("state");
        let ended = killer.kill(&mut this_program("child"), &path, *at);
        assert!(ended.killed, "{at:?} was not reached");
        let checked = std::panic::catch_unwind(|| {
            nothing_lost(&path, &ended.said);
            script(&path, &|_| {});
            let dir = StateDir::hold(&path).unwrap();
            let store = Store::open(&dir, &options().0).unwrap();
            assert_eq!(content(&store), expected.0);
            assert_eq!(records(&path), expected.1);
            nothing_left_over(&path);
        });
        if let Err(panic) = checked {
            let kept = parent.keep();
            eprintln!("after a kill at {at:?}; the directory is {}", kept.display());
            std::panic::resume_unwind(panic);
        }
    }
}

/// No half-made file, and a torn line only with a record that speaks of it.
fn nothing_left_over(path: &Path) {
    for entry in fs::read_dir(path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert_ne!(Path::new(&name).extension().unwrap(), "new", "{name}");
        if name.starts_with("health_log.torn-") {
            let notes: Vec<String> = HealthLog::read(path).unwrap().filter_map(|record| record.unwrap().note).collect();
            assert!(notes.iter().any(|note| note.contains(&name)), "{name}: {notes:?}");
        }
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
    let stride = (many.len() / 180) | 1;
    let few = few.into_iter().map(|(change, _)| At { change, half: false });
    few.chain(many.into_iter().step_by(stride)).collect()
}

#[test]
fn a_kill_at_any_write_loses_nothing() {
    let killer = Killer::new();
    let parent = common::quick_dir();
    let path = parent.path().join("state");
    let changes = killer.changes(&mut this_program("child"), &path);
    let dir = StateDir::hold(&path).unwrap();
    let expected = (content(&Store::open(&dir, &options().0).unwrap()), records(&path));
    drop(dir);
    assert!(expected.1.len() as i64 == STEPS && changes.len() > 500, "{changes}");
    assert!("wscodru".chars().all(|letter| changes.contains(letter)), "{changes}");
    let points = points(&changes, env::var_os("DSMIL_KILL_ALL").is_some());
    eprintln!("{} changes, {} kills", changes.len(), points.len());
    assert!(points.len() >= 200);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sweep(&killer, std::slice::from_ref(point), &expected);
                }
            });
        }
    });
}
