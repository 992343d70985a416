//! The emergency stop, and the run directory without which there is no access.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::{Duration, Instant};

use common::{Served, options, result_of, role, run_dir, spawn_child};
use dsmil_device::{Device, Error, Limits, clear_stop, emergency_stop, stop_state};

#[test]
fn child() {
    match role().as_deref() {
        Some("scan-until-stopped") => scan_until_stopped(),
        Some("pull") => {
            emergency_stop(std::env::var_os("DSMIL_RUN_DIR").unwrap().as_ref(), "pulled by a child").map(drop).unwrap();
            // No destructor runs: what was pulled must not depend on one.
            std::process::abort();
        }
        Some(other) => panic!("no such role: {other}"),
        None => {}
    }
}

fn scan_until_stopped() {
    // A busy or emulated machine may hold a call up; what is timed is the stop.
    let patient = Duration::from_secs(30);
    let limits = Limits { call_deadline: patient, transfer_deadline: patient, turn_timeout: patient, ..Limits::default() };
    let device = Device::options().limits(limits).open_default().unwrap();
    device.scan().unwrap();
    fs::write(device.run_dir().path().join(format!("scanning-{}", std::process::id())), "").unwrap();
    let mut scans = 1u64;
    let error = loop {
        match device.scan() {
            Ok(_) => scans += 1,
            Err(error) => break error,
        }
    };
    let Error::Stopped(record) = &error else { panic!("{error}") };
    assert_eq!(record.reason, "smoke");
    println!("\nRESULT {scans}");
}

fn is_scanning(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with("scanning-")
}

/// The clock by which the served device notes its last request.
fn monotonic() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap().into()
}

/// The sources ask for 85 ms end to end. What is measured here: from just before the call that pulls
/// the stop until the last request that the served device itself counted.
#[test]
fn eight_processes_ask_nothing_more_once_the_stop_is_pulled() {
    let (run, served) = (run_dir(), Served::start());
    let children: Vec<_> = (0..8).map(|_| spawn_child("scan-until-stopped", run.path(), &served.spec())).collect();
    let scanning = || fs::read_dir(run.path()).unwrap().flatten().filter(is_scanning).count();
    while scanning() < children.len() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    let (pulled, pulled_at) = (Instant::now(), monotonic());
    emergency_stop(run.path(), "smoke").unwrap();
    std::thread::sleep(Duration::from_millis(85).saturating_sub(pulled.elapsed()));
    let after_85_ms = served.counters();
    for child in children {
        assert!(result_of(child)[0] > 0);
    }
    std::thread::sleep(Duration::from_millis(300));
    let at_the_end = served.counters();
    assert_eq!(after_85_ms.sequence(), at_the_end.sequence(), "something was asked after 85 ms");
    let last = at_the_end.last_request().saturating_sub(pulled_at);
    println!("the last request came {last:?} after the stop was pulled");
    assert!(last < Duration::from_millis(85), "{last:?}");
}

#[test]
fn a_stop_outlives_the_process_that_pulled_it_and_only_clearing_ends_it() {
    let (run, served) = (run_dir(), Served::start());
    let device = options(&run).open(&served.spec()).unwrap();
    device.scan().unwrap();
    assert_eq!(stop_state(run.path()).unwrap(), None);
    let mut child = spawn_child("pull", run.path(), &served.spec());
    assert!(!child.wait().unwrap().success(), "the child aborts");
    let before = served.counters().sequence();
    for result in [device.scan().map(drop), device.version().map(drop), device.read(0x8003.into()).map(drop)] {
        assert!(matches!(result, Err(Error::Stopped(_))), "{result:?}");
    }
    assert!(matches!(options(&run).open(&served.spec()), Err(Error::Stopped(_))));
    assert_eq!(served.counters().sequence(), before);
    assert_eq!(stop_state(run.path()).unwrap().unwrap().reason, "pulled by a child");
    // Pulled again, it is still the first one.
    assert_eq!(emergency_stop(run.path(), "again").unwrap().record.reason, "pulled by a child");
    assert!(clear_stop(run.path(), "all is well").unwrap());
    assert!(!clear_stop(run.path(), "twice").unwrap());
    device.scan().unwrap();
    let log = fs::read_to_string(run.path().join("audit/audit.jsonl")).unwrap();
    assert!(log.contains("\"action\":\"stop\"") && log.contains("pulled by a child"));
    assert!(log.contains("\"action\":\"stop-clear\"") && log.contains("all is well"));
    assert!(dsmil_audit::verify(run.path().join("audit"), None).unwrap().is_clean());
}

#[test]
fn a_stop_that_cannot_be_audited_holds_and_one_that_cannot_be_audited_is_not_cleared() {
    let run = run_dir();
    let device = options(&run).open("sim:").unwrap();
    // A file where the log's folder should be.
    fs::write(run.path().join("audit"), "").unwrap();
    let pulled = emergency_stop(run.path(), "no log").unwrap();
    assert!(pulled.unrecorded.is_some());
    assert!(matches!(device.scan(), Err(Error::Stopped(_))));
    assert!(matches!(clear_stop(run.path(), "over"), Err(Error::Audit(_))));
    assert!(matches!(device.scan(), Err(Error::Stopped(_))));
}

#[test]
fn a_long_reason_is_cut_and_a_page_without_one_still_stops() {
    let run = run_dir();
    let device = options(&run).open("sim:").unwrap();
    let long = "\u{1}ä".repeat(3000);
    let record = emergency_stop(run.path(), &long).unwrap().record;
    assert!(long.starts_with(&record.reason) && !record.reason.is_empty());
    assert_eq!(stop_state(run.path()).unwrap(), Some(record));
    clear_stop(run.path(), "").unwrap();
    // Somebody scribbled on the page: any word but 0 is a stop.
    let page = fs::OpenOptions::new().write(true).open(run.path().join("control")).unwrap();
    page.write_all_at(&[0, 0, 0, 7], 8).unwrap();
    let error = device.version().unwrap_err();
    assert!(error.to_string().contains("not why"), "{error}");
}

#[test]
fn without_a_trustworthy_run_directory_there_is_no_access() {
    let outer = run_dir();
    let refused = |path: &std::path::Path, says: &str| {
        let error = Device::options().run_dir(path).open("sim:").unwrap_err();
        assert!(matches!(error, Error::RunDirectory { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(&outer.path().join("none"), "install -d");
    let file = outer.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&file, "not a directory");
    let open_to_all = outer.path().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&open_to_all, "everybody may write");
    let broken = outer.path().join("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("control"), "not a page").unwrap();
    refused(&broken, "not a control page");
    let linked = outer.path().join("linked");
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(outer.path().join("elsewhere"), linked.join("control")).unwrap();
    refused(&linked, "control");
}

#[test]
fn a_page_that_was_removed_in_use_is_no_access() {
    let run = run_dir();
    let device = options(&run).open("sim:").unwrap();
    device.scan().unwrap();
    fs::remove_file(run.path().join("control")).unwrap();
    // A stop pulled now would go to a new page that this process doesn't see.
    emergency_stop(run.path(), "unseen").unwrap();
    // It is looked at every 50 ms: within the 85 ms that a stop may take.
    std::thread::sleep(Duration::from_millis(60));
    assert!(matches!(device.scan(), Err(Error::RunDirectory { .. })));
}
