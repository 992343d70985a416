//! A disk that is really full: nothing is half written, nothing earlier is lost, alerts still land, and it goes on when there is room.
//!
//! The child runs in a mount namespace of its own, with a small tmpfs at `DIR`. That needs root or user namespaces; a machine that has
//! neither fails these tests, for what they show would not be known there. The file-size limit needs nothing.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;
mod killer;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use common::{HOUR, MINUTE, START, ask, open, options, quick_dir, sample, settle};
use dsmil_history::{Batch, HealthLog, HealthRecord, LogOptions, NewEvent, Resolution, Store, StoreOptions, Sync};
use killer::this_program;

/// Runs one of the ignored tests below on a file system of so many bytes.
fn on_a_small_disk(test: &str, bytes: u64) {
    let parent = quick_dir();
    let child = this_program(test);
    // Root needs no user namespace, and may not get one.
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let mount = format!("mount -t tmpfs -o size={bytes},mode=700 tmpfs \"$DIR\" || exit 99; exec \"$0\" \"$@\"");
    for way in ways {
        let mut command = Command::new("unshare");
        command.args(way).args(["sh", "-c", &mount]).arg(child.get_program()).args(child.get_args()).env("DIR", parent.path());
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // The shell's, or that of unshare when the system refuses.
        let refused = output.status.code() == Some(99) || text.contains("unshare failed");
        if !refused {
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
    }
    panic!("a tmpfs can be mounted neither as root nor in a user namespace: run this as root, or allow user namespaces");
}

fn dir() -> PathBuf {
    PathBuf::from(env::var_os("DIR").unwrap())
}

/// Takes all the room but a few bytes, in one file.
fn fill(dir: &Path) -> PathBuf {
    let path = dir.join("other");
    let mut file = File::options().create(true).append(true).open(&path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    assert_eq!(file.write(&[1; 4096]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    path
}

fn commit_some(store: &mut Store, number: i64) -> Result<(), dsmil_history::Error> {
    let samples: Vec<_> = (0..200)
        .map(|n| sample("a", "", START + number * MINUTE + n, n as f64))
        .chain([sample("b", "", START + number, 1.0)])
        .collect();
    store.commit(&Batch { samples: &samples, states: &[("number", &number.to_string())], ..Batch::default() }).map(drop)
}

/// What is there is what was accepted.
fn whole(store: &Store, accepted: i64) {
    store.check().unwrap();
    assert_eq!(store.state("number").unwrap().unwrap(), (accepted - 1).to_string());
    let points = ask(store, "a", 0, i64::MAX, Resolution::Raw)[0].points.len() as i64;
    assert_eq!(points, accepted * 200);
}

#[test]
#[ignore = "the part of the child"]
fn store_child() {
    let path = dir().join("state");
    let options = StoreOptions { ballast_bytes: 1 << 20, ..options() };
    let mut held = open(&path, &options);
    let ballast = path.join("history.ballast");
    assert_eq!(fs::metadata(&ballast).unwrap().len(), 1 << 20);
    for number in 0..5 {
        commit_some(&mut held.store, number).unwrap();
    }
    assert!(!held.store.is_full());
    let other = fill(&dir());
    let mut accepted = 5;
    let error = loop {
        // The log that is there already has some room.
        match commit_some(&mut held.store, accepted) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1000);
    };
    assert_eq!(error.kind(), "full", "{error}");
    assert!(error.to_string().contains("history.sqlite") && error.to_string().contains("free some space"), "{error}");
    assert!(held.store.is_full() && ballast.exists());
    whole(&held.store, accepted);
    // Alerts land all the same, each with its state; nothing else takes their room.
    let mut landed = 0;
    for n in 0..200 {
        let body = format!("{{\"alert\":{n}}}");
        let events = [NewEvent { at: n, kind: "alert", body: &body }];
        let text = n.to_string();
        let committed =
            held.store.commit_essential(&Batch { events: &events, states: &[("alerts", &text)], samples: &[] }).unwrap();
        assert_eq!(committed.events, [n + 1]);
        assert_eq!(commit_some(&mut held.store, accepted).unwrap_err().kind(), "full");
        assert_eq!(held.store.maintain(START + 9 * HOUR).unwrap_err().kind(), "full");
        landed += 1;
    }
    assert!(held.store.is_full() && !ballast.exists());
    // Also after a restart on the full disk, and until the room is used up; then it is an error, and still nothing is torn.
    drop(held);
    let mut held = open(&path, &options);
    assert!(held.store.is_full());
    let error = loop {
        let body = "x".repeat(20_000);
        let events = [NewEvent { at: landed, kind: "alert", body: &body }];
        match held.store.commit_essential(&Batch { events: &events, ..Batch::default() }) {
            Ok(_) => landed += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), "full");
    drop(held);
    let mut held = open(&path, &options);
    assert_eq!(held.store.events(Some("alert"), 0, usize::MAX).unwrap().len() as i64, landed);
    whole(&held.store, accepted);
    // There is room again: the ballast comes back, and all goes on.
    fs::remove_file(other).unwrap();
    commit_some(&mut held.store, accepted).unwrap();
    assert!(!held.store.is_full() && fs::metadata(&ballast).unwrap().len() == 1 << 20);
    settle(&mut held.store, START + 9 * HOUR);
    whole(&held.store, accepted + 1);
    // Opened on a disk that is full to the last byte: with the room of the ballast.
    drop(held);
    fill(&dir());
    let mut held = open(&path, &options);
    assert!(held.store.is_full() && !ballast.exists());
    let events = [NewEvent { at: 0, kind: "alert", body: "1" }];
    let _ = held.store.commit_essential(&Batch { events: &events, ..Batch::default() }).unwrap();
    whole(&held.store, accepted + 1);
}

#[test]
#[ignore = "the part of the child"]
fn log_child() {
    let path = dir().join("log");
    let record = |at| HealthRecord { at, deployment_id: Some("x".repeat(300)), ..HealthRecord::default() };
    let options = LogOptions { max_bytes: 40_000, sync: Sync::Record, ..LogOptions::default() };
    let mut log = HealthLog::open(&path, &options).unwrap();
    log.append(&record(START)).unwrap();
    let other = fill(&dir());
    let mut accepted = 1;
    let refuse = |log: &mut HealthLog, accepted: &mut i64| {
        for _ in 0..3 {
            match log.append(&record(START + *accepted)) {
                Ok(()) => *accepted += 1,
                Err(error) => assert_eq!(error.kind(), "full", "{error}"),
            }
        }
        while log.append(&record(START + *accepted)).is_ok() {
            *accepted += 1;
        }
        assert!(log.is_full());
        let text = fs::read_to_string(path.join("health_log.jsonl")).unwrap();
        assert!(text.ends_with("}\n"), "no torn line is left");
        assert_eq!(HealthLog::read(&path).unwrap().map(Result::unwrap).count() as i64, *accepted);
    };
    refuse(&mut log, &mut accepted);
    drop(log);
    let mut log = HealthLog::open(&path, &options).unwrap();
    refuse(&mut log, &mut accepted);
    // The room for one page, then all of it.
    let length = fs::metadata(&other).unwrap().len();
    File::options().write(true).open(&other).unwrap().set_len(length - 4096).unwrap();
    refuse(&mut log, &mut accepted);
    // A compression for which there is no room leaves the file as it was.
    File::options().write(true).open(&other).unwrap().set_len(length - 60_000).unwrap();
    while fs::metadata(path.join("health_log.jsonl")).unwrap().len() > 1000 {
        log.append(&record(START + accepted)).unwrap();
        accepted += 1;
    }
    fill(&dir());
    assert_eq!(log.maintain(START).unwrap_err().kind(), "full");
    fs::remove_file(other).unwrap();
    log.append(&record(START + accepted)).unwrap();
    assert!(!log.is_full());
    assert_eq!(log.maintain(START).unwrap().compressed, 1);
    let times: Vec<i64> = HealthLog::read(&path).unwrap().map(|record| record.unwrap().at - START).collect();
    assert_eq!(times, (0..=accepted).collect::<Vec<_>>());
}

#[test]
fn the_store_survives_a_full_disk() {
    on_a_small_disk("store_child", 12 << 20);
}

#[test]
fn the_log_survives_a_full_disk() {
    on_a_small_disk("log_child", 1 << 20);
}

/// A limit on the size of a file, in blocks of 512 bytes: a way to be out of room that needs no disk.
fn with_a_limit(test: &str, blocks: u32) {
    let parent = quick_dir();
    let child = this_program(test);
    let script = format!("trap '' XFSZ; ulimit -f {blocks} || exit 99; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(child.get_program()).args(child.get_args()).env("DIR", parent.path());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "the part of the child"]
fn limited_child() {
    let path = dir().join("state");
    let mut held = open(&path, &options());
    let mut accepted = 0;
    let error = loop {
        match commit_some(&mut held.store, accepted) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), "full", "{error}");
    drop(held);
    whole(&open(&path, &options()).store, accepted);
    let mut log = HealthLog::open(&path, &LogOptions::default()).unwrap();
    let mut logged = 0;
    let error = loop {
        match log.append(&HealthRecord { at: START + logged, ..HealthRecord::default() }) {
            Ok(()) => logged += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), "full", "{error}");
    assert!(fs::read(path.join("health_log.jsonl")).unwrap().ends_with(b"}\n"));
    assert_eq!(HealthLog::read(&path).unwrap().map(Result::unwrap).count() as i64, logged);
}

#[test]
fn a_file_size_limit_is_a_full_disk_too() {
    with_a_limit("limited_child", 400);
}
