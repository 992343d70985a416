//! A disk that is full under a monitor that runs, and samplers that hang: it tells of it, survives it, and goes on.
//!
//! The full disk is a small tmpfs in a mount namespace of its own. That needs root or user namespaces; a machine that has neither
//! fails the test, for what it shows would not be known there.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dsmil_history::{Query, Reader, Resolution};
use nix::sys::signal::Signal;
use watch::{Hook, Place, eventually};

const GATES: &str = "version = 1\n[[rule]]\nname = \"long\"\nmetric = \"queue_length\"\nfail_when = \"> 100\"\nunit = \"jobs\"\n\
    on_fail = \"no-go\"\non_no_data = \"hold\"\n";
const AT_ONCE: &str = "[alerts]\nreceivers = [\"hook\"]\ngroup_wait = \"0s\"\ngroup_interval = \"100ms\"\n";

/// Runs one of the ignored tests below on a file system of so many bytes.
fn on_a_small_disk(test: &str, bytes: u64) {
    let parent = tempfile::tempdir().unwrap();
    // Root needs no user namespace, and may not get one.
    let ways: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let mount = format!("mount -t tmpfs -o size={bytes},mode=700 tmpfs \"$DIR\" || exit 99; exec \"$0\" \"$@\"");
    for way in ways {
        let mut command = Command::new("unshare");
        command.args(way).args(["sh", "-c", &mount]).arg(std::env::current_exe().unwrap()).arg(test);
        let output = command.args(["--exact", "--ignored", "--nocapture"]).env("DIR", parent.path()).output().unwrap();
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

/// Takes all the room, in one file.
fn fill(dir: &Path) -> PathBuf {
    let path = dir.join("other");
    let mut file = File::options().create(true).append(true).open(&path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    path
}

#[test]
fn a_full_disk_is_told_of_and_survived() {
    on_a_small_disk("full_child", 24 << 20);
}

#[test]
#[ignore = "the part of the child"]
fn full_child() {
    let disk = PathBuf::from(std::env::var_os("DIR").unwrap());
    let (place, hook) = (Place::new(), Hook::new());
    place.write("metrics.json", "{\"queue_length\": 1}");
    place.configure(GATES, &format!("{AT_ONCE}{}\n[history]\nballast_bytes = 1048576\n", hook.receiver()));
    let mut command = place.command(&["monitor", "--json"]);
    let mut running = watch::Running::start(&place, command.env("DSMIL_STATE_DIR", disk.join("state")));
    let reader = eventually("the store", || Reader::open(disk.join("state")).ok());
    let value = |at_least: f64| {
        let query = Query { resolution: Resolution::Raw, ..Query::new("queue_length", 0, i64::MAX) };
        reader
            .query(&query)
            .unwrap()
            .iter()
            .flat_map(|series| series.points.clone())
            .filter(|point| point.value >= at_least)
            .count()
    };
    eventually("a sample", || (value(0.0) > 0).then_some(()));
    let other = fill(&disk);
    hook.await_heard("store-failing", "firing");
    hook.await_heard("log-failing", "firing");
    // What fires now is told, though there is no room for its samples.
    place.write("metrics.json", "{\"queue_length\": 500}");
    hook.await_heard("long", "firing");
    let list = |firing: &str| {
        let ran =
            common::Ran::of(&place.command(&["alerts", "list"]).env("DSMIL_STATE_DIR", disk.join("state")).output().unwrap());
        ran.expect(0).out.contains(firing)
    };
    assert!(list("long"), "it is in the store as well");
    place.write("metrics.json", "{\"queue_length\": 600}");
    sleep(Duration::from_millis(2500));
    assert!(running.is_running(), "{}", place.log());
    assert_eq!(value(500.0), 0, "there is no room");
    // Room again: everything that waited is written down, and all is well.
    fs::remove_file(other).unwrap();
    hook.await_heard("store-failing", "resolved");
    hook.await_heard("log-failing", "resolved");
    eventually("what had waited is in the store", || (value(500.0) >= 2).then_some(()));
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
    Reader::open(disk.join("state")).unwrap().check().unwrap();
    for record in dsmil_history::HealthLog::read(disk.join("state")).unwrap() {
        record.unwrap();
    }
}

#[test]
fn a_sampler_that_hangs_is_told_of_and_holds_up_nobody() {
    let (place, hook) = (Place::new(), Hook::new());
    place.write("metrics.json", "{\"queue_length\": 1}");
    let hangs =
        "[[samplers.command]]\nname = \"stuck\"\ncommand = [\"/bin/sleep\", \"600\"]\ninterval = \"1s\"\ntimeout = \"300ms\"\n";
    place.configure(GATES, &format!("{hangs}\n{AT_ONCE}{}", hook.receiver()));
    let running = place.start(&[]);
    hook.await_heard("sampler-down", "firing");
    let alert = place.await_alert("sampler-down", "firing");
    assert_eq!(alert["labels"]["sampler"], "command stuck");
    place.write("metrics.json", "{\"queue_length\": 500}");
    hook.await_heard("long", "firing");
    // It comes back with a configuration that has it right.
    let config = fs::read_to_string(place.path("monitor.toml")).unwrap();
    place.write("monitor.toml", &config.replace("[\"/bin/sleep\", \"600\"]", "[\"/bin/echo\", '{\"stuck_length\": 1}']"));
    running.send(Signal::SIGHUP);
    hook.await_heard("sampler-down", "resolved");
    assert_eq!(running.end(Signal::SIGTERM), Some(0), "{}", place.log());
}
