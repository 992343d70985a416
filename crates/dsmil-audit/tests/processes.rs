//! Several processes, and processes that die.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{clean, fill, found, quick};
use dsmil_audit::{AuditError, Done, Durability, Entry, Kind, Log, Options, Outcome, tail, verify};
use tempfile::TempDir;

const ROLE: &str = "DSMIL_AUDIT_TEST_ROLE";
const DIR: &str = "DSMIL_AUDIT_TEST_DIR";

/// This very program again, as a child that plays a role.
fn child(role: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["plays_a_role", "--exact", "--nocapture"]).env(ROLE, role).env(DIR, dir).stdout(Stdio::piped());
    command
}

/// Waits until the child says that it is ready.
fn ready(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("READY")));
}

#[test]
fn plays_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let dir = std::env::var(DIR).unwrap();
    match role.as_str() {
        "append" => {
            let log = Log::open(dir, Options { durability: Durability::Disk, ..quick() }).unwrap();
            fill(&log, 200);
        }
        "begin" => {
            let log = Log::open(dir, quick()).unwrap();
            let _pending = log.begin(Entry::new("isolate").target("0x8009")).unwrap();
            println!("READY");
            std::thread::sleep(Duration::from_mins(1));
        }
        "storm" => {
            let log = Log::open(dir, Options { max_bytes: 20_000, ..quick() }).unwrap();
            println!("READY");
            loop {
                log.begin(Entry::new("read")).unwrap().done(Outcome::Ok).unwrap();
            }
        }
        "full" => {
            let log = Log::open(dir, quick()).unwrap();
            let error = (0..1000).find_map(|_| log.record(Entry::new("read"), Outcome::Ok).err()).unwrap();
            assert!(matches!(error, AuditError::Full { .. }), "{error:?}");
            assert!(error.to_string().contains("audit.jsonl"), "{error}");
            assert!(log.begin(Entry::new("read")).is_err());
        }
        other => panic!("{other}"),
    }
}

#[test]
fn eight_processes_write_1600_whole_records() {
    let dir = TempDir::new().unwrap();
    let children: Vec<_> = (0..8).map(|_| child("append", dir.path()).spawn().unwrap()).collect();
    // A verification in between sees a whole log, however far it has come.
    let mut seen = Vec::new();
    let start = Instant::now();
    while seen.last() < Some(&1600) {
        assert!(start.elapsed() < Duration::from_mins(2), "a child doesn't get on");
        match verify(dir.path(), None) {
            Ok(report) => {
                assert!(report.is_clean(), "{:#?}", report.findings);
                assert!(seen.last() <= Some(&report.records));
                seen.push(report.records);
            }
            Err(AuditError::NotALog { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let report = clean(dir.path());
    assert_eq!((report.records, report.last_seq, report.repairs.len()), (1600, 1600, 0));
    let pids: std::collections::HashSet<u32> = tail(dir.path(), 1600).unwrap().iter().map(|r| r.who.pid).collect();
    assert_eq!(pids.len(), 8);
}

#[test]
fn eight_threads_share_a_log() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| fill(&log, 50)))));
    assert_eq!(clean(dir.path()).records, 400);
}

#[test]
fn a_process_that_is_killed_leaves_a_failed_record() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    let mut running = child("begin", dir.path()).spawn().unwrap();
    ready(&mut running);
    fill(&log, 1);
    assert_eq!(clean(dir.path()).unfinished, [1], "it still runs: nobody ends its action");
    running.kill().unwrap();
    running.wait().unwrap();
    fill(&log, 1);
    let report = clean(dir.path());
    assert_eq!((report.records, report.unfinished), (4, vec![]));
    let last = tail(dir.path(), 2).unwrap().remove(0);
    assert_eq!((last.action.as_str(), last.target.as_deref(), last.of), ("isolate", Some("0x8009"), Some(1)));
    assert_eq!(last.result, Outcome::Failed);
    assert!(last.reason.unwrap().starts_with(&format!("begun and not finished: process {} (test)", running.id())));
    fill(&log, 1);
    assert_eq!(clean(dir.path()).records, 5, "told once");
}

/// Killed at random moments, with rotations in between: the log is whole each time, at most torn at its end or behind in its
/// head, and one append later clean, with every action ended exactly once.
#[test]
fn kill_9_at_any_moment_leaves_a_log_that_goes_on() {
    let dir = TempDir::new().unwrap();
    for round in 0..40u64 {
        let mut running = child("storm", dir.path()).spawn().unwrap();
        ready(&mut running);
        std::thread::sleep(Duration::from_micros(round * 137 % 5000));
        running.kill().unwrap();
        running.wait().unwrap();
        let report = verify(dir.path(), None).unwrap();
        assert!(found(&report).iter().all(|f| matches!(f.0, Kind::Torn | Kind::Unsealed)), "{:#?}", report.findings);
        fill(&Log::open(dir.path(), quick()).unwrap(), 1);
        assert_eq!(clean(dir.path()).unfinished, [] as [u64; 0]);
    }
    let records = tail(dir.path(), usize::MAX).unwrap();
    let begun: Vec<u64> = records.iter().filter(|r| r.result == Outcome::Begun).map(|r| r.seq).collect();
    let mut ended: Vec<u64> = records.iter().filter_map(|r| r.of).collect();
    ended.sort_unstable();
    assert_eq!(begun, ended);
    assert!(begun.len() > 40);
}

#[test]
fn a_panic_leaves_a_failed_record_at_once() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _pending = log.begin(Entry::new("read").target("0x8003")).unwrap();
        panic!("in the middle");
    }));
    assert!(caught.is_err());
    let last = tail(dir.path(), 1).unwrap().remove(0);
    assert_eq!((last.seq, last.of, last.result), (2, Some(1), Outcome::Failed));
    assert_eq!(last.reason.as_deref(), Some("begun and not finished: the program panicked"));
    assert!(std::fs::read_dir(dir.path().join("audit.open")).unwrap().next().is_none());

    let done = Done::new(Outcome::Ok).new_value("on").reason("asked for");
    assert_eq!(log.begin(Entry::new("isolate").old_value("off")).unwrap().done(done).unwrap(), 4);
    let last = tail(dir.path(), 1).unwrap().remove(0);
    assert_eq!((last.of, last.new, last.reason.as_deref()), (Some(3), Some("on".into()), Some("asked for")));
    assert!(clean(dir.path()).unfinished.is_empty());
}

/// The limit on a file's size stands in for a full disk: the write comes out short in the same way, and no root is needed.
#[test]
fn a_full_disk_takes_the_record_back() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    fill(&log, 2);
    let exe = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 9; exec \"$0\" plays_a_role --exact --nocapture";
    let status =
        Command::new("sh").arg("-c").arg(script).arg(exe).env(ROLE, "full").env(DIR, dir.path()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    let report = clean(dir.path());
    assert!(report.records > 5 && report.repairs.is_empty() && report.unfinished.is_empty());
    fill(&log, 1);
    assert_eq!(clean(dir.path()).records, report.records + 1);
}

#[test]
fn a_lock_that_is_held_makes_an_error_and_not_a_hang() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), Options { lock_wait: Duration::from_millis(50), ..quick() }).unwrap();
    let held = std::fs::File::open(dir.path().join("audit.lock")).unwrap();
    held.lock_shared().unwrap();
    assert!(matches!(log.record(Entry::new("read"), Outcome::Ok), Err(AuditError::Busy { .. })));
    held.unlock().unwrap();
    fill(&log, 1);
}
