//! What a health record costs: to JSON, beside serde_json's floor; and samples through `Store::commit`, a second.
//!
//! `cargo run --release -p dsmil-history --example health_record`. The floor is `serde_json::to_writer` of a plain struct with the
//! same content, whose timestamp is text already, into a buffer that is used again. Both are measured in turn, and medians compared.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use dsmil_gate::{Labels, Measurement, Verdict};
use dsmil_history::{Batch, HealthRecord, StateDir, Store, StoreOptions};
use serde::Serialize;

/// The same keys and content, as plain as can be.
#[derive(Serialize)]
struct Floor<'a> {
    timestamp: &'a str,
    kernel_module: bool,
    device_node: bool,
    chunked_ioctl: bool,
    deployment_id: Option<&'a str>,
    health_score: Option<f64>,
    security_score: Option<f64>,
    verdicts: BTreeMap<&'a str, &'a str>,
    metrics: BTreeMap<&'a str, Option<f64>>,
}

fn record(metrics: usize) -> HealthRecord {
    let mut record = HealthRecord {
        at: 1_795_228_785_120,
        kernel_module: true,
        device_node: true,
        chunked_ioctl: true,
        deployment_id: Some("2026-11-21-alpha".into()),
        health_score: Some(97.25),
        security_score: Some(88.5),
        ..HealthRecord::default()
    };
    record.verdicts = [("deploy", Verdict::Go), ("rollback", Verdict::Hold)].map(|(name, verdict)| (name.into(), verdict)).into();
    for n in 0..metrics {
        let labels: Labels = [("device", format!("0x80{n:02X}"))].into_iter().collect();
        record.measure(&Measurement::new("device_latency_ms", 0, 1.0 + n as f64 / 7.0).with_labels(labels));
    }
    record
}

/// Nanoseconds a call, for both: the medians of many short turns.
fn compare(record: &HealthRecord) -> (f64, f64) {
    let floor = Floor {
        timestamp: "2026-11-21T02:39:45.120Z",
        kernel_module: record.kernel_module,
        device_node: record.device_node,
        chunked_ioctl: record.chunked_ioctl,
        deployment_id: record.deployment_id.as_deref(),
        health_score: record.health_score,
        security_score: record.security_score,
        verdicts: [("deploy", "go"), ("rollback", "hold")].into(),
        metrics: record.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
    };
    assert_eq!(serde_json::to_string(&floor).unwrap(), serde_json::to_string(record).unwrap());
    let mut buffer = Vec::with_capacity(1 << 20);
    let mut turns = (Vec::new(), Vec::new());
    let calls = 200_000 / (record.metrics.len() + 10);
    for _ in 0..201 {
        turns.0.push(turn(calls, &mut buffer, &floor));
        turns.1.push(turn(calls, &mut buffer, record));
    }
    (median(turns.0), median(turns.1))
}

fn turn(calls: usize, buffer: &mut Vec<u8>, value: &impl Serialize) -> f64 {
    let begun = Instant::now();
    for _ in 0..calls {
        buffer.clear();
        serde_json::to_writer(&mut *buffer, black_box(value)).unwrap();
        black_box(&*buffer);
    }
    begun.elapsed().as_secs_f64() * 1e9 / calls as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Samples a second through commits of so many, on the disk of the temporary directory.
fn commits(size: usize) -> f64 {
    let parent = tempfile::tempdir().unwrap();
    let dir = StateDir::hold(parent.path()).unwrap();
    let mut store = Store::open(&dir, &StoreOptions::default()).unwrap();
    let names: Vec<Labels> = (0..size).map(|n| [("n", n.to_string())].into_iter().collect()).collect();
    let mut turns = Vec::new();
    for round in 0..60 {
        let samples: Vec<Measurement> =
            names.iter().map(|labels| Measurement::new("a", round * 1000, 1.5).with_labels(labels.clone())).collect();
        let begun = Instant::now();
        let _ = store.commit(&Batch { samples: &samples, ..Batch::default() }).unwrap();
        turns.push(begun.elapsed().as_secs_f64());
    }
    size as f64 / median(turns)
}

fn main() {
    for metrics in [0, 10, 100, 700] {
        let (floor, ours) = compare(&record(metrics));
        println!("record of {metrics} metrics: {ours:.0} ns, floor {floor:.0} ns, ratio {:.2}", ours / floor);
        assert!(ours <= 1.3 * floor, "slower than 1.3 times the floor");
    }
    for size in [1, 100, 1000, 10_000] {
        println!("commit of {size} samples: {:.0} samples/s", commits(size));
    }
}
