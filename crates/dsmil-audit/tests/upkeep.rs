//! Rotation, retention, torn lines, and who may own the files.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use common::{Hands, clean, fill, found, quick};
use dsmil_audit::{AuditError, Entry, Kind, Log, Options, Outcome, tail, verify};
use tempfile::TempDir;

#[test]
fn midnight_and_size_rotate_and_the_chain_runs_on() {
    let dir = TempDir::new().unwrap();
    let hands = Hands::at("2026-03-01T23:59:59.999Z");
    let log = Log::open(dir.path(), Options { max_bytes: 4000, ..hands.options() }).unwrap();
    fill(&log, 3);
    hands.set("2026-03-02T00:00:00Z");
    fill(&log, 30);
    let report = clean(dir.path());
    assert_eq!((report.records, report.first_seq, report.last_seq), (33, 1, 33));
    assert_eq!(report.files[..2], ["audit-000000000001.jsonl", "audit-000000000004.jsonl"]);
    assert_eq!(report.files.last().unwrap(), "audit.jsonl");
    assert!(report.files.len() >= 4, "{:?}", report.files);
    for file in &report.files {
        assert!(fs::metadata(dir.path().join(file)).unwrap().len() < 4600);
    }
    let last: Vec<u64> = tail(dir.path(), 25).unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(last, (9..=33).collect::<Vec<_>>());
    assert_eq!(tail(dir.path(), 100).unwrap().len(), 33);
    assert_eq!(tail(dir.path(), 1).unwrap()[0].time.to_string(), "2026-03-02T00:00:00Z");

    let middle = &report.files[1];
    fs::remove_file(dir.path().join(middle)).unwrap();
    let report = verify(dir.path(), None).unwrap();
    assert_eq!(found(&report), [(Kind::Removed, 1, Some(4))]);
    assert_eq!(report.findings[0].file, report.files[1], "named where the hole shows");
}

#[test]
fn retention_removes_whole_old_files_and_says_so() {
    let dir = TempDir::new().unwrap();
    let hands = Hands::at("2026-03-01T12:00:00Z");
    let log = Log::open(dir.path(), hands.options()).unwrap();
    fill(&log, 3);
    hands.set("2026-03-02T12:00:00Z");
    fill(&log, 3);
    hands.set("2026-03-31T12:00:00Z");
    fill(&log, 1);
    assert_eq!(clean(dir.path()).first_seq, 1, "30 days old is not older than 30 days");
    hands.set("2026-04-01T11:00:00Z");
    fill(&log, 1);
    let report = clean(dir.path());
    assert_eq!((report.first_seq, report.last_seq), (4, 9));
    let told = tail(dir.path(), 2).unwrap().remove(0);
    assert_eq!((told.action.as_str(), told.target.as_deref()), ("retention", Some("audit-000000000001.jsonl")));
    assert_eq!(told.new.unwrap()["through"], 3);

    // The head is lost: the retention record still tells why the log begins at 4.
    fs::remove_file(dir.path().join("audit.head")).unwrap();
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Truncated, 0, None)]);
    fill(&Log::open(dir.path(), hands.options()).unwrap(), 1);
    clean(dir.path());

    // Somebody removes the next file by hand.
    fs::remove_file(dir.path().join("audit-000000000004.jsonl")).unwrap();
    let report = verify(dir.path(), None).unwrap();
    assert_eq!(found(&report), [(Kind::Removed, 1, Some(4))]);
    assert_eq!(report.findings[0].last, Some(6));
}

#[test]
fn a_removed_beginning_is_found_with_and_without_the_head() {
    let dir = TempDir::new().unwrap();
    let hands = Hands::at("2026-03-01T12:00:00Z");
    let log = Log::open(dir.path(), hands.options()).unwrap();
    fill(&log, 3);
    hands.set("2026-03-02T12:00:00Z");
    fill(&log, 2);
    fs::remove_file(dir.path().join("audit-000000000001.jsonl")).unwrap();
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Removed, 1, Some(1))]);
    fs::remove_file(dir.path().join("audit.head")).unwrap();
    fill(&log, 1);
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Removed, 1, Some(1))], "a new head doesn't hide it");
}

#[test]
fn a_torn_line_is_told_apart_and_kept_in_a_record() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    fill(&log, 3);
    let live = dir.path().join("audit.jsonl");
    let long = vec![b'x'; 40_000];
    for torn in [&b"{\"seq\":4,\"time\":\"2026"[..], &[0, 0, 0xff, b'{'], &long] {
        fs::OpenOptions::new().append(true).open(&live).unwrap().write_all(torn).unwrap();
        let report = verify(dir.path(), None).unwrap();
        assert_eq!(found(&report).iter().map(|f| f.0).collect::<Vec<_>>(), [Kind::Torn]);
        fill(&log, 1);
        clean(dir.path());
        let old = tail(dir.path(), 2).unwrap().remove(0).old.unwrap();
        assert_eq!(old["bytes"], torn.len());
        match old.get("kept_in").and_then(|name| name.as_str()) {
            Some(name) => assert_eq!(fs::read(dir.path().join(name)).unwrap(), torn),
            None if old.get("text").is_some() => assert_eq!(old["text"], std::str::from_utf8(torn).unwrap()),
            None => assert_eq!(old["hex"], "0000ff7b"),
        }
        assert!(!dir.path().join("audit.torn").exists());
    }
    assert_eq!(clean(dir.path()).repairs.len(), 3);
}

#[test]
fn an_interrupted_repair_and_an_interrupted_rotation_are_ended() {
    let dir = TempDir::new().unwrap();
    let log = Log::open(dir.path(), quick()).unwrap();
    fill(&log, 3);
    fs::write(dir.path().join("audit.torn"), "{\"seq\":4").unwrap();
    assert_eq!(found(&verify(dir.path(), None).unwrap()), [(Kind::Torn, 0, None)]);
    fill(&log, 1);
    assert_eq!(clean(dir.path()).repairs.len(), 1);

    fs::rename(dir.path().join("audit.jsonl"), dir.path().join("audit-000000000001.jsonl")).unwrap();
    assert_eq!(clean(dir.path()).last_seq, 5);
    fill(&log, 1);
    let report = clean(dir.path());
    assert_eq!((report.last_seq, report.repairs.len()), (6, 1), "nothing was wrong, nothing is told");
}

fn refusal(dir: &std::path::Path) -> String {
    match Log::open(dir, quick()) {
        Err(error @ AuditError::Unsafe { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_others_could_have_written_is_refused() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("log");
    let log = Log::open(&dir, quick()).unwrap();
    fill(&log, 1);
    let live = dir.join("audit.jsonl");
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7027, 0);
    assert_eq!(fs::metadata(&live).unwrap().mode() & 0o137, 0);

    for name in ["", "audit.jsonl", "audit.head", "audit.lock", "audit.open"] {
        let path = if name.is_empty() { dir.clone() } else { dir.join(name) };
        let mode = fs::metadata(&path).unwrap().mode();
        fs::set_permissions(&path, Permissions::from_mode(mode | 0o002)).unwrap();
        let text = refusal(&dir);
        assert!(text.contains("chmod o-w") && text.contains(path.to_str().unwrap()), "{text}");
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    let linked = parent.path().join("link");
    symlink(&dir, &linked).unwrap();
    assert!(refusal(&linked).contains("symbolic link"));
    for name in ["audit.jsonl", "audit.head", "audit.lock"] {
        fs::rename(dir.join(name), parent.path().join("elsewhere")).unwrap();
        symlink(parent.path().join("elsewhere"), dir.join(name)).unwrap();
        assert!(refusal(&dir).contains("symbolic link"));
        assert!(log.record(Entry::new("read"), Outcome::Ok).is_err(), "an open log looks each time");
        fs::rename(parent.path().join("elsewhere"), dir.join(name)).unwrap();
    }
    clean(&dir);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&live, Some(4242), None).unwrap();
        assert!(refusal(&dir).contains("owned by uid 4242"));
    }
}

#[test]
fn a_record_that_is_too_long_and_a_place_without_a_log_are_errors() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(verify(dir.path(), None), Err(AuditError::NotALog { .. })));
    let log = Log::open(dir.path(), quick()).unwrap();
    let long = Entry::new("read").reason("x".repeat(300_000));
    assert!(matches!(log.record(long.clone(), Outcome::Ok), Err(AuditError::TooLarge { .. })));
    assert!(matches!(log.begin(long), Err(AuditError::TooLarge { .. })));
    fill(&log, 1);
    assert_eq!(clean(dir.path()).records, 1, "a begin that failed leaves no trace");
}
