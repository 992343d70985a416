//! Several processes: one writes, a second is told who, any may read.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;
mod killer;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use common::{HOUR, START, ask, options, put, quick_dir, sample};
use dsmil_history::{Batch, NewEvent, Reader, Resolution, StateDir, Store};
use killer::this_program;

/// A child that has said that it is ready; it is killed when this is dropped.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(test: &str, path: &std::path::Path) -> Other {
    let mut child = this_program(test).env("DIR", path).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"));
    Other(child)
}

fn dir() -> PathBuf {
    PathBuf::from(env::var_os("DIR").unwrap())
}

#[test]
#[ignore = "the part of the child"]
fn holder() {
    let _dir = StateDir::hold(dir()).unwrap();
    println!("\nready");
    std::thread::sleep(std::time::Duration::from_mins(1));
}

#[test]
#[ignore = "the part of the child"]
fn writer() {
    let dir = StateDir::hold(dir()).unwrap();
    let mut store = Store::open(&dir, &options()).unwrap();
    put(&mut store, &[sample("a", "", START, 0.0)]);
    println!("\nready");
    for n in 1..100_000 {
        let events = [NewEvent { at: n, kind: "n", body: &n.to_string() }];
        // Two samples at once, so that a reader could see a half; hours pass, so that they are packed meanwhile.
        let samples = [sample("a", "", START + n * HOUR / 16, n as f64), sample("b", "", START + n * HOUR / 16, n as f64)];
        let _ = store.commit(&Batch { samples: &samples, events: &events, states: &[] }).unwrap();
        let _ = store.maintain(START + n * HOUR / 16).unwrap();
    }
}

#[test]
fn a_second_one_is_told_who_holds_the_directory_and_a_kill_frees_it() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let mut other = start("holder", &path);
    let error = StateDir::hold(&path).unwrap_err();
    assert_eq!(error.kind(), "held");
    let text = error.to_string();
    assert!(text.contains(&format!("process {} ", other.0.id())) && text.contains("holder --exact"), "{text}");
    assert!(text.contains("since 2") && text.contains("monitor.lock"), "{text}");
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    let held = StateDir::hold(&path).unwrap();
    let error = StateDir::hold(&path).unwrap_err();
    assert!(error.to_string().contains(&format!("process {} ", std::process::id())), "{error}");
    drop(held);
    drop(StateDir::hold(&path).unwrap());
}

#[test]
fn a_reader_sees_whole_batches_while_another_process_writes_and_after_it_was_killed() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    let other = start("writer", &path);
    let reader = Reader::open(&path).unwrap();
    let mut before = 0;
    for round in 0.. {
        let a = ask(&reader, "a", 0, i64::MAX, Resolution::Raw)[0].points.len();
        let b = ask(&reader, "b", 0, i64::MAX, Resolution::Raw).first().map_or(0, |series| series.points.len());
        let events = reader.events(None, 0, usize::MAX).unwrap().len();
        assert!(a >= before && b + 1 >= a && events >= b, "{before} {a} {b} {events}");
        before = a;
        if a > 200 && round > 5 {
            break;
        }
    }
    drop(other);
    let reader = Reader::open(&path).unwrap();
    let (a, b) = (ask(&reader, "a", 0, i64::MAX, Resolution::Raw), ask(&reader, "b", 0, i64::MAX, Resolution::Raw));
    assert_eq!(a[0].points.len(), b[0].points.len() + 1);
    reader.check().unwrap();
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let parent = quick_dir();
    let path = parent.path().join("s");
    drop(StateDir::hold(&path).unwrap());
    for mode in [0o720, 0o702, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = StateDir::hold(&path).unwrap_err();
        assert_eq!(error.kind(), "unsafe");
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    drop(StateDir::hold(&path).unwrap());
    // Another one's: only root can make such a thing, or finds one that is root's.
    let foreign = if nix::unistd::geteuid().is_root() {
        nix::unistd::chown(&path, Some(nix::unistd::Uid::from_raw(65534)), None).unwrap();
        path
    } else {
        PathBuf::from("/etc")
    };
    let error = StateDir::hold(&foreign).unwrap_err();
    assert_eq!(error.kind(), "unsafe");
    assert!(error.to_string().contains("belongs to user"), "{error}");
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(StateDir::hold(&file).unwrap_err().to_string().contains("no directory"));
    assert_eq!(StateDir::hold(parent.path().join("a/b")).unwrap_err().kind(), "io");
}
