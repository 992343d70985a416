//! A million samples through store and log in virtual time: memory stays flat, and the files as large as `docs/history.md` says.
//!
//! `cargo run --release -p dsmil-history --example soak [SAMPLES]`. Half of the series have noise in them, a quarter counts, a
//! quarter doesn't change: as with 108 devices. Prints what it measured, and fails if memory or size is over its bound.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, unreachable_pub)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use dsmil_gate::{Labels, Measurement, Period};
use dsmil_history::{
    Batch, HealthLog, HealthRecord, LogOptions, NewEvent, Reader, Retention, StateDir, Store, StoreOptions, Sync,
};

const HOUR: i64 = 3_600_000;
const SERIES: usize = 100;
const START: i64 = 1_795_219_200_000;
const MAX_BYTES: u64 = 24 << 20;

fn main() {
    run(std::env::args().nth(1).map_or(1_000_000, |count| count.parse().unwrap()));
}

/// All of it. At a quarter of the way the retentions are reached, and what follows is steady.
pub fn run(samples: usize) {
    let rounds = samples / SERIES;
    let interval = 80 * HOUR / rounds as i64;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("state");
    let hours = |hours| Period::from_millis(hours * HOUR);
    let retention = Retention { raw: hours(6), minute: hours(18), hour: hours(18) };
    let options = StoreOptions { retention, max_bytes: MAX_BYTES, ..StoreOptions::default() };
    let dir = StateDir::hold(&path).unwrap();
    let mut store = Store::open(&dir, &options).unwrap();
    let log_options = LogOptions { max_bytes: 4 << 20, keep: hours(18), sync: Sync::Rotation };
    let mut log = HealthLog::open(&path, &log_options).unwrap();
    let begun = Instant::now();
    let (mut quarter, mut largest, mut commit_time) = (0, 0, 0.0);
    let mut batch = series();
    for round in 0..rounds {
        let at = START + round as i64 * interval;
        measure(&mut batch, round, at);
        let committing = Instant::now();
        let body = format!("{{\"round\":{round}}}");
        let events = [NewEvent { at, kind: "round", body: &body }];
        let committed = store.commit(&Batch { samples: &batch, events: &events, states: &[("round", &body)] }).unwrap();
        commit_time += committing.elapsed().as_secs_f64();
        assert_eq!(committed.refused, 0);
        let mut record = HealthRecord { at, health_score: Some(99.0), ..HealthRecord::default() };
        for measurement in &batch {
            record.measure(measurement);
        }
        log.append(&record).unwrap();
        if round % 10 == 9 {
            store.prune_events("round", at - 18 * HOUR).unwrap();
            while store.maintain(at).unwrap().more {}
            while log.maintain(at).unwrap().more {}
            largest = largest.max(size(&path, "history.sqlite") + size(&path, "history.sqlite-wal"));
        }
        if round == rounds / 4 {
            quarter = resident();
        }
    }
    let end = resident();
    let done = store.maintain(START + rounds as i64 * interval).unwrap();
    println!(
        "{} samples in {:.1} s, {:.0} samples/s through commit",
        rounds * SERIES,
        begun.elapsed().as_secs_f64(),
        (rounds * SERIES) as f64 / commit_time
    );
    println!("memory: {} KiB at a quarter, {} KiB at the end", quarter / 1024, end / 1024);
    println!(
        "store: largest {largest} bytes with its log, {} in use at the end; health log {} bytes",
        done.used_bytes,
        log_size(&path)
    );
    tables(&store, interval);
    store.check().unwrap();
    assert!(end <= quarter + (1 << 20), "memory grew from {quarter} to {end} bytes");
    // The bound of docs/history.md: what the store may take, a megabyte of free pages, the write-ahead log.
    assert!(largest <= MAX_BYTES + (1 << 20) + (8 << 20), "{largest} bytes");
}

fn series() -> Vec<Measurement> {
    let name = |n: usize| ["device_latency_ms", "temperature_celsius", "device_requests_total", "device_up"][n % 4];
    let labels = |n: usize| -> Labels { [("device", format!("0x80{:02X}", n / 4))].into_iter().collect() };
    (0..SERIES).map(|n| Measurement::new(name(n), 0, 0.0).with_labels(labels(n))).collect()
}

/// Latency to the nanosecond, temperature with one, a counter, and a state that rarely changes.
fn measure(batch: &mut [Measurement], round: usize, at: i64) {
    for (n, measurement) in batch.iter_mut().enumerate() {
        let noise = noise((round * SERIES + n) as u64);
        measurement.at = at + n as i64;
        measurement.value = match n % 4 {
            0 => (900_000 + noise % 400_000) as f64 / 1e6,
            1 => 40.0 + (noise % 80) as f64 / 10.0,
            2 => (round * 3) as f64,
            _ => f64::from(u8::from(!noise.is_multiple_of(1000))),
        };
    }
}

/// SplitMix64.
fn noise(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bytes that each table takes for what it holds.
fn tables(store: &Reader, interval: i64) {
    let conn = rusqlite::Connection::open(store.path()).unwrap();
    for (what, select) in [
        ("raw", "SELECT count(*), sum(length(samples)) FROM raw"),
        ("minute", "SELECT count(*), sum(length(minutes)) FROM minute"),
    ] {
        let (blocks, bytes): (i64, i64) = conn.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        println!("{what}: {blocks} blocks of an hour, {} bytes each", bytes / blocks.max(1));
    }
    for kind in ["device_latency_ms", "temperature_celsius", "device_requests_total", "device_up"] {
        let select = "SELECT avg(length(samples)), (SELECT avg(length(minutes)) FROM minute m JOIN series s ON s.id = m.series WHERE s.metric = ?1)
            FROM raw r JOIN series s ON s.id = r.series WHERE s.metric = ?1";
        let (raw, minute): (f64, f64) = conn.query_row(select, [kind], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        println!(
            "{kind}: {:.1} bytes a raw sample, {:.1} bytes a minute",
            raw / (HOUR / interval) as f64,
            minute / (HOUR / interval.max(60_000)) as f64
        );
    }
}

fn size(dir: &Path, name: &str) -> u64 {
    fs::metadata(dir.join(name)).map_or(0, |meta| meta.len())
}

fn log_size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("health_log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum()
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages: u64 = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
