//! The health log: its lines, its files, and what a crash or an accident leaves of them.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use common::{DAY, HOUR, START, quick_dir, sample};
use dsmil_gate::{Measurement, Period, Verdict};
use dsmil_history::{HealthLog, HealthRecord, LogOptions, Sync};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

fn record(at: i64) -> HealthRecord {
    HealthRecord { at, kernel_module: true, ..HealthRecord::default() }
}

fn times(dir: &Path) -> Vec<i64> {
    HealthLog::read(dir).unwrap().map(|record| record.unwrap().at).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "health_log.lock");
    names.sort();
    names
}

fn open(dir: &Path) -> HealthLog {
    HealthLog::open(dir, &LogOptions::default()).unwrap()
}

/// What a torn write leaves.
fn add(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_line_has_the_keys_that_scripts_read() {
    let parent = quick_dir();
    let mut log = open(parent.path());
    let mut record = HealthRecord {
        at: START + 120,
        kernel_module: true,
        device_node: true,
        chunked_ioctl: false,
        deployment_id: Some("2026-11-21 \"alpha\"\n".into()),
        health_score: Some(97.5),
        security_score: None,
        ..HealthRecord::default()
    };
    record.verdicts.insert("deploy".into(), Verdict::NoGo);
    record.measure(&sample("device_latency_ms", "0x8003", START, 1.25));
    record.measure(&Measurement::new("cpu_percent", START, f64::NAN));
    log.append(&record).unwrap();
    let text = fs::read_to_string(parent.path().join("health_log.jsonl")).unwrap();
    let line: Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(
        line,
        json!({
            "timestamp": "2026-11-21T00:00:00.120Z", "kernel_module": true, "device_node": true, "chunked_ioctl": false,
            "deployment_id": "2026-11-21 \"alpha\"\n", "health_score": 97.5, "security_score": null,
            "verdicts": {"deploy": "no-go"},
            "metrics": {"cpu_percent": null, "device_latency_ms{device=\"0x8003\"}": 1.25},
        })
    );
    assert_eq!(HealthLog::read(parent.path()).unwrap().next().unwrap().unwrap(), record);
}

#[test]
fn a_torn_line_is_moved_and_the_next_record_says_so() {
    let parent = quick_dir();
    let path = parent.path().join("health_log.jsonl");
    open(parent.path()).append(&record(START)).unwrap();
    let whole = fs::read(&path).unwrap();
    add(&path, b"{\"timestamp\":\"2026-11-");
    // A reader leaves out what may just be being written.
    assert_eq!(times(parent.path()), [START]);
    drop(open(parent.path()));
    assert_eq!(fs::read(&path).unwrap(), whole);
    // It is said even if nothing was appended before the next start, and only once.
    let mut log = open(parent.path());
    log.append(&HealthRecord { note: Some("mine".into()), ..record(START + 1) }).unwrap();
    log.append(&record(START + 2)).unwrap();
    let notes: Vec<Option<String>> = HealthLog::read(parent.path()).unwrap().map(|record| record.unwrap().note).collect();
    let torn = names(parent.path()).into_iter().find(|name| name.starts_with("health_log.torn-")).unwrap();
    let expected = format!("a torn line of 22 bytes was moved to {torn}; mine");
    assert_eq!(notes, [None, Some(expected), None]);
    assert_eq!(fs::read(parent.path().join(torn)).unwrap(), b"{\"timestamp\":\"2026-11-");
    drop(log);
    drop(open(parent.path()));
    assert_eq!(names(parent.path()).len(), 2);
}

#[test]
fn a_file_that_is_one_torn_line_is_repaired_too() {
    let parent = quick_dir();
    let path = parent.path().join("health_log.jsonl");
    fs::write(&path, vec![b'x'; 20_000]).unwrap();
    let mut log = open(parent.path());
    log.append(&record(START)).unwrap();
    assert!(HealthLog::read(parent.path()).unwrap().next().unwrap().unwrap().note.unwrap().contains("20000 bytes"));
    assert_eq!(times(parent.path()), [START]);
}

#[test]
fn lines_that_are_no_records_are_named_and_the_others_come() {
    let parent = quick_dir();
    let path = parent.path().join("health_log.jsonl");
    open(parent.path()).append(&record(START)).unwrap();
    let line = fs::read(&path).unwrap();
    let long = vec![b'y'; (16 << 20) + 5];
    for part in [b"\n{\"timestamp\":7}\n\xff\xfe\0\n".as_slice(), &line, &long, b"\n", &line] {
        add(&path, part);
    }
    let read: Vec<_> = HealthLog::read(parent.path()).unwrap().collect();
    let told: Vec<String> =
        read.iter().map(|record| record.as_ref().map_or_else(ToString::to_string, |record| record.at.to_string())).collect();
    assert_eq!(told.len(), 7, "{told:?}");
    assert!([0, 4, 6].into_iter().all(|index| told[index] == START.to_string()), "{told:?}");
    assert!(told[2].contains("health_log.jsonl, line 3") && told[5].contains("line 6: it is longer than"), "{told:?}");
    assert_eq!(read[1].as_ref().unwrap_err().kind(), "bad-record");
}

#[test]
fn it_is_rotated_by_day_and_size_compressed_and_removed_in_time() {
    let parent = quick_dir();
    let options = LogOptions { max_bytes: 1000, keep: Period::from_millis(2 * DAY), sync: Sync::Rotation };
    let mut log = HealthLog::open(parent.path(), &options).unwrap();
    let mut expected = Vec::new();
    for n in 0..9 {
        // The clock goes back once: that is no new day.
        let at = START + 20 * HOUR + n * HOUR - if n == 6 { 8 * HOUR } else { 0 };
        log.append(&record(at)).unwrap();
        expected.push(at);
    }
    let plain = ["health_log-2026-11-21-000001.jsonl", "health_log.jsonl"];
    assert_eq!(names(parent.path()), plain);
    for n in 0..6 {
        log.append(&HealthRecord { deployment_id: Some("x".repeat(400)), ..record(START + 30 * HOUR + n) }).unwrap();
        expected.push(START + 30 * HOUR + n);
    }
    assert_eq!(times(parent.path()), expected);
    let first = fs::read(parent.path().join(plain[0])).unwrap();
    let now = START + 2 * DAY;
    let mut done = log.maintain(now).unwrap();
    assert_eq!((done.compressed, done.removed, done.more), (1, 0, true));
    while done.more {
        done = log.maintain(now).unwrap();
    }
    let packed = names(parent.path());
    assert!(packed.len() > 2 && packed[..packed.len() - 1].iter().all(|name| name.ends_with(".jsonl.gz")), "{packed:?}");
    let mut unpacked = Vec::new();
    GzDecoder::new(File::open(parent.path().join("health_log-2026-11-21-000001.jsonl.gz")).unwrap())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, first);
    assert_eq!(times(parent.path()), expected);
    // It is kept for two days from the end of its day, to the millisecond.
    assert_eq!(log.maintain(START + 3 * DAY - 1).unwrap().removed, 0);
    assert_eq!(log.maintain(START + 3 * DAY).unwrap().removed, 1);
    assert_eq!(times(parent.path()), expected[4..]);
    // An empty file is of the day of its first record, not of the day on which it was made.
    drop(log);
    fs::write(parent.path().join("health_log.jsonl"), "").unwrap();
    let mut log = HealthLog::open(parent.path(), &options).unwrap();
    log.append(&record(START + 4 * DAY)).unwrap();
    // Numbers go on; a restart knows the day of the file.
    drop(log);
    let mut log = HealthLog::open(parent.path(), &options).unwrap();
    log.append(&record(START + 5 * DAY)).unwrap();
    log.append(&record(START + 6 * DAY)).unwrap();
    let days: Vec<String> = names(parent.path()).into_iter().filter(|name| name.contains("2026-11-2")).collect();
    let last: Vec<&str> = days[days.len() - 2..].iter().filter_map(|name| name.get(11..21)).collect();
    assert_eq!(last, ["2026-11-25", "2026-11-26"]);
    assert_eq!(log.maintain(START + 90 * DAY).unwrap().removed, days.len() as u64);
    assert_eq!(times(parent.path()), [START + 6 * DAY]);
}

#[test]
fn a_compression_that_was_cut_short_is_carried_on() {
    let parent = quick_dir();
    let dir = parent.path();
    let mut log = open(dir);
    log.append(&record(START)).unwrap();
    log.append(&record(START + DAY)).unwrap();
    drop(log);
    let plain = dir.join("health_log-2026-11-21-000001.jsonl");
    let packed = dir.join("health_log-2026-11-21-000001.jsonl.gz");
    let content = fs::read(&plain).unwrap();
    // Killed while it was written.
    fs::write(dir.join("health_log-2026-11-21-000001.jsonl.gz.new"), b"rubbish").unwrap();
    let mut log = open(dir);
    assert_eq!(names(dir), ["health_log-2026-11-21-000001.jsonl", "health_log.jsonl"]);
    let _ = log.maintain(START + DAY).unwrap();
    // Killed before the plain one was removed.
    fs::write(&plain, &content).unwrap();
    assert_eq!(times(dir), [START, START + DAY], "not twice");
    drop(log);
    drop(open(dir));
    assert_eq!(names(dir), ["health_log-2026-11-21-000001.jsonl.gz", "health_log.jsonl"]);
    // If the compressed one doesn't hold the same, the plain one is what counts.
    fs::write(&plain, &content).unwrap();
    fs::write(&packed, b"rubbish").unwrap();
    drop(open(dir));
    assert_eq!(names(dir), ["health_log-2026-11-21-000001.jsonl", "health_log.jsonl"]);
    assert_eq!(times(dir), [START, START + DAY]);
}

#[test]
fn a_compressed_file_that_is_damaged_is_named_and_the_rest_is_read() {
    let parent = quick_dir();
    let dir = parent.path();
    let mut log = open(dir);
    log.append(&record(START)).unwrap();
    log.append(&record(START + DAY)).unwrap();
    let _ = log.maintain(START + DAY).unwrap();
    fs::write(dir.join("health_log-2026-11-21-000001.jsonl.gz"), b"rubbish").unwrap();
    let read: Vec<_> = HealthLog::read(dir).unwrap().collect();
    assert!(read[0].as_ref().unwrap_err().to_string().contains("health_log-2026-11-21-000001.jsonl.gz"));
    assert_eq!((read.len(), read[1].as_ref().unwrap().at), (2, START + DAY));
}

#[test]
fn a_reader_sees_each_record_once_while_files_are_rotated_and_compressed() {
    let parent = quick_dir();
    let dir = parent.path().to_path_buf();
    let options = LogOptions { max_bytes: 600, sync: Sync::Rotation, ..LogOptions::default() };
    let mut log = HealthLog::open(&dir, &options).unwrap();
    log.append(&record(START)).unwrap();
    let writer = std::thread::spawn(move || {
        for n in 1..600 {
            log.append(&record(START + n)).unwrap();
            if n % 7 == 0 {
                let _ = log.maintain(START).unwrap();
            }
        }
    });
    let mut passes = 0;
    while !writer.is_finished() || passes == 0 {
        let found = times(&dir);
        assert!(found.iter().enumerate().all(|(n, at)| *at == START + n as i64), "{found:?}");
        passes += 1;
    }
    writer.join().unwrap();
    assert_eq!(times(&dir).len(), 600);
}

#[test]
fn a_log_that_is_not_there_and_a_time_that_is_none_are_errors() {
    let parent = quick_dir();
    assert_eq!(HealthLog::read(parent.path()).unwrap_err().kind(), "missing");
    assert_eq!(HealthLog::read(parent.path().join("nowhere")).unwrap_err().kind(), "missing");
    let mut log = open(parent.path());
    assert_eq!(log.append(&record(i64::MAX)).unwrap_err().kind(), "encode");
    log.append(&record(START)).unwrap();
    assert_eq!(times(parent.path()), [START]);
    assert_eq!(HealthLog::open(parent.path(), &LogOptions::default()).unwrap_err().kind(), "held");
}
