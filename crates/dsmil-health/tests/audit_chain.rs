//! The audit log: real ones, of several files, tampered with in every way while it is verified little by little.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::{NOW, expect, fill, one, quick};
use dsmil_audit::{Entry, Log, Options, Outcome};
use dsmil_gate::Samples;
use dsmil_health::{AuditAnchor, CheckResult, Checks, Context, ScoresConfig};
use nix::sys::stat::Mode;
use tempfile::TempDir;

const MINUTE: i64 = 60_000;

/// A log of a few files, longer than what one run reads, and the checks that watch it.
struct Watch {
    run: TempDir,
    log: Log,
    checks: Checks,
    now: i64,
}

fn checks() -> Checks {
    let only = r#"{"audit_read_bytes": 1048576, "audit_full_every": "1h"}"#;
    Checks::new(serde_json::from_str::<ScoresConfig>(only).unwrap()).unwrap()
}

/// Records of this many bytes and a bit.
fn bulky(log: &Log, count: u64, bytes: usize) {
    for n in 0..count {
        log.record(Entry::new("read").new_value(n).reason("x".repeat(bytes)), Outcome::Ok).unwrap();
    }
}

impl Watch {
    fn new() -> Self {
        let run = tempfile::tempdir().unwrap();
        let log = Log::open(run.path().join("audit"), Options { max_bytes: 1 << 20, ..quick() }).unwrap();
        bulky(&log, 40, 60_000);
        let mut new = Self { run, log, checks: checks(), now: NOW };
        let whole = new.look();
        expect(&whole, "passed", 1.0, "the chain of all 40 records is intact");
        assert!(new.file("audit-000000000001.jsonl").exists(), "several files");
        let quiet = new.look();
        expect(&quiet, "passed", 1.0, "intact up to record 40; the whole was verified 1m ago");
        new
    }

    fn file(&self, name: &str) -> PathBuf {
        self.run.path().join("audit").join(name)
    }

    /// A run, a minute later.
    fn look(&mut self) -> CheckResult {
        self.now += MINUTE;
        let samples = Samples::new();
        one(&self.checks.run(&Context::new(&samples, self.run.path()), self.now), "audit-chain")
    }

    fn looks_at_the_whole(&mut self) -> bool {
        self.look().evidence.values.get("whole").is_some_and(|whole| whole == true)
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut lines: Vec<String> = fs::read_to_string(path).unwrap().lines().map(Into::into).collect();
    change(&mut lines);
    fs::write(path, lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>()).unwrap();
}

#[test]
fn what_is_added_is_verified_over_many_files() {
    let mut watch = Watch::new();
    let mut last = 40;
    for round in 0..12 {
        bulky(&watch.log, 8, 20_000 + 1000 * round);
        last += 8;
        let result = watch.look();
        expect(&result, "passed", 1.0, &format!("intact up to record {last}"));
        assert_eq!(result.evidence.values["whole"], false, "{result}");
    }
    assert!(fs::read_dir(watch.run.path().join("audit")).unwrap().count() > 6, "it was rotated meanwhile");
    assert_eq!(watch.checks.audit_anchor().unwrap().seq, last);
}

#[test]
fn the_whole_is_verified_again_in_time() {
    let mut watch = Watch::new();
    watch.now += 57 * MINUTE;
    assert!(!watch.looks_at_the_whole());
    assert!(watch.looks_at_the_whole(), "an hour is over");
    assert!(!watch.looks_at_the_whole());
    watch.now -= 10 * MINUTE;
    assert!(watch.looks_at_the_whole(), "the clock was set back");
}

#[test]
fn more_than_one_run_reads_is_not_taken_for_verified() {
    let mut watch = Watch::new();
    bulky(&watch.log, 60, 60_000);
    let first = watch.look();
    expect(&first, "could-not-run", 0.0, "more than one run reads: the next one goes on");
    let results: Vec<_> = (0..6).map(|_| watch.look()).collect();
    assert!(!results[0].has_passed(), "{}", results[0]);
    expect(&results[5], "passed", 1.0, "intact up to record 100");
    assert!(results.iter().all(|result| result.evidence.values["whole"] == false));
}

#[test]
fn tampering_with_what_is_added_is_found_at_once() {
    type Edit = fn(&mut Vec<String>);
    let cases: [(&str, Edit); 5] = [
        ("changed", |lines| {
            let last = lines.len() - 2;
            lines[last] = lines[last].replace("\"new\":2", "\"new\":9");
        }),
        ("removed", |lines| drop(lines.remove(lines.len() - 2))),
        ("truncated", |lines| drop(lines.pop())),
        ("added", |lines| {
            let copy = lines[lines.len() - 3].clone();
            lines.insert(lines.len() - 1, copy);
        }),
        ("reordered", |lines| {
            let last = lines.len();
            lines.swap(last - 2, last - 3);
        }),
    ];
    for (kind, change) in cases {
        let mut watch = Watch::new();
        fill(&watch.log, 4);
        edit(&watch.file("audit.jsonl"), change);
        let result = watch.look();
        expect(&result, "failed", 0.0, &format!(": {kind}:"));
        expect(&watch.look(), "failed", 0.0, kind);
    }
}

#[test]
fn tampering_with_older_files_is_found_at_once() {
    let mut watch = Watch::new();
    let old = watch.file("audit-000000000001.jsonl");
    let before = fs::metadata(&old).unwrap();
    edit(&old, |lines| lines[3] = lines[3].replace("\"new\":3", "\"new\":4"));
    // Length and times as they were: the time of change tells.
    let times = fs::FileTimes::new().set_modified(before.modified().unwrap()).set_accessed(before.accessed().unwrap());
    fs::File::options().append(true).open(&old).unwrap().set_times(times).unwrap();
    assert_eq!(fs::metadata(&old).unwrap().len(), before.len());
    expect(&watch.look(), "failed", 0.0, "audit-000000000001.jsonl:4: changed");

    let mut watch = Watch::new();
    fs::remove_file(watch.file("audit-000000000001.jsonl")).unwrap();
    expect(&watch.look(), "failed", 0.0, "removed");
}

#[test]
fn a_log_that_was_cut_and_mended_or_written_anew_is_found() {
    // Cut at the end, and the head made to fit: the log itself is sound.
    let mut watch = Watch::new();
    let value = |line: &str, key: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()[key].to_string();
    let mut cut = String::new();
    edit(&watch.file("audit.jsonl"), |lines| cut = lines.pop().unwrap());
    let head = fs::read_to_string(watch.file("audit.head")).unwrap();
    let head = head.replace("\"seq\":40", "\"seq\":39").replace(&value(&cut, "hash"), &value(&cut, "prev"));
    fs::write(watch.file("audit.head"), head).unwrap();
    assert!(dsmil_audit::verify(watch.run.path().join("audit"), None).unwrap().is_clean(), "the chain alone doesn't show it");
    expect(&watch.look(), "failed", 0.0, "findings");
    // Another log in its place, sound in itself.
    let mut watch = Watch::new();
    fs::remove_dir_all(watch.run.path().join("audit")).unwrap();
    expect(&watch.look(), "failed", 0.0, "holds no audit log any more: it had 40 records");
    let other = Log::open(watch.run.path().join("audit"), quick()).unwrap();
    fill(&other, 50);
    expect(&watch.look(), "failed", 0.0, "record 40 is not the one of the anchor");
}

#[test]
fn the_anchor_goes_over_a_restart() {
    let mut watch = Watch::new();
    let anchor = watch.checks.audit_anchor().unwrap();
    watch.checks = checks();
    watch.checks.set_audit_anchor(anchor.clone());
    assert!(watch.looks_at_the_whole(), "after a restart the whole is verified");
    watch.checks = checks();
    watch.checks.set_audit_anchor(AuditAnchor { hash: "0".repeat(64), ..anchor });
    expect(&watch.look(), "failed", 0.0, "record 40 is not the one of the anchor");
    assert_eq!(watch.checks.audit_anchor().unwrap().hash, "0".repeat(64), "a failure moves no anchor");
}

#[test]
fn an_anchor_that_retention_has_passed_is_said_to_be_forgotten() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let run = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicI64::new(NOW));
    let hands = Arc::clone(&time);
    let clock = Arc::new(move || jiff::Timestamp::from_millisecond(hands.load(Ordering::SeqCst)).unwrap());
    let log = Log::open(run.path().join("audit"), Options { clock, ..quick() }).unwrap();
    fill(&log, 5);
    let mut checks = checks();
    let samples = Samples::new();
    let mut look = || one(&checks.run(&Context::new(&samples, run.path()), time.load(Ordering::SeqCst)), "audit-chain");
    expect(&look(), "passed", 1.0, "5 records");
    for days in [1, 20, 40, 41] {
        time.store(NOW + days * 86_400_000, Ordering::SeqCst);
        fill(&log, 2);
    }
    let result = look();
    expect(&result, "passed", 1.0, "it has forgotten the record");
    assert!(!look().evidence.text.contains("forgotten"), "it has a new one");
}

#[test]
fn a_short_log_is_verified_as_a_whole_each_time() {
    let run = tempfile::tempdir().unwrap();
    let log = Log::open(run.path().join("audit"), quick()).unwrap();
    fill(&log, 10);
    let mut checks = checks();
    let samples = Samples::new();
    let mut look = |now| one(&checks.run(&Context::new(&samples, run.path()), now), "audit-chain");
    for now in [NOW, NOW + 1] {
        expect(&look(now), "passed", 1.0, "all 10 records");
    }
    let live = run.path().join("audit/audit.jsonl");
    edit(&live, |lines| lines[2] = lines[2].replace("0x0002", "0x0003"));
    expect(&look(NOW + 2), "failed", 0.0, "audit.jsonl:3: changed");
}

#[test]
fn oddities_in_the_place_of_the_log_hold_nobody_up() {
    let watch = Watch::new();
    let live = watch.file("audit.jsonl");
    let look = |watch: &mut Watch| {
        let result = watch.look();
        assert!(!result.has_passed(), "{result}");
        assert!(result.took_ms < 6000.0, "{result}");
        result
    };
    let mut watch = watch;
    // A line without an end, longer than any record.
    fs::File::options().append(true).open(&live).unwrap().write_all(&vec![b'x'; 600_000]).unwrap();
    look(&mut watch);
    fs::remove_file(&live).unwrap();
    nix::unistd::mkfifo(&live, Mode::from_bits_truncate(0o600)).unwrap();
    expect(&look(&mut watch), "could-not-run", 0.0, "regular file");
    fs::remove_file(&live).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &live).unwrap();
    expect(&look(&mut watch), "could-not-run", 0.0, "symbolic link");
    fs::remove_file(&live).unwrap();
    fs::File::create(&live).unwrap().set_len(64 << 20).unwrap();
    look(&mut watch);
    fs::remove_dir_all(watch.run.path().join("audit")).unwrap();
    fs::write(watch.run.path().join("audit"), "a file").unwrap();
    expect(&look(&mut watch), "could-not-run", 0.0, "can't be listed");
}

#[test]
fn a_record_on_its_way_is_no_fault() {
    let mut watch = Watch::new();
    let live = watch.file("audit.jsonl");
    let whole = fs::read(&live).unwrap();
    fs::File::options().append(true).open(&live).unwrap().write_all(b"{\"seq\":41,\"time\":").unwrap();
    expect(&watch.look(), "passed", 1.0, "intact up to record 40");
    fs::write(&live, &whole).unwrap();
    fill(&watch.log, 1);
    expect(&watch.look(), "passed", 1.0, "intact up to record 41");
}
