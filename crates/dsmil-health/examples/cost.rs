//! What the checks and the baselines cost on this machine, by themselves.
//!
//! `cargo run --release -p dsmil-health --example cost -- FOLDER` writes an audit log of 64 MiB into the folder, which must not
//! exist, and removes it again.

#![allow(clippy::unwrap_used, reason = "an example that can't go on should stop")]

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dsmil_audit::{Durability, Entry, Log, Options, Outcome};
use dsmil_device::{BackendSpec, Device};
use dsmil_gate::{Labels, Measurement, Samples};
use dsmil_health::{BaselineConfig, Baselines, Checks, Context, Scores, ScoresConfig};

const LOG_BYTES: u64 = 64 << 20;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("name a folder"));
    DirBuilder::new().mode(0o700).create(&folder).expect("the folder must not exist yet");
    checks(&folder);
    fs::remove_dir_all(&folder).unwrap();
    baselines();
}

fn took(scores: &Scores, name: &str) -> f64 {
    let result = scores.security.check(name).unwrap();
    assert!(result.has_passed(), "{result}");
    result.took_ms
}

fn checks(run: &Path) {
    let spec: BackendSpec = "sim:".parse().unwrap();
    let device = Device::options().run_dir(run).open_spec(&spec).unwrap();
    let options = Options { durability: Durability::Kernel, ..Options::default() };
    let log = Log::open(run.join("audit"), options).unwrap();
    log.record(Entry::new("read"), Outcome::Ok).unwrap();
    let samples = Samples::new();
    let mut now = 1_790_000_000_000;
    let mut run_once = |checks: &mut Checks| {
        now += 30_000;
        let begun = Instant::now();
        let scores = checks.run(&Context::new(&samples, run).device(&spec, Ok(&device)), now);
        (scores, begun.elapsed().as_secs_f64() * 1000.0)
    };
    let mut checks = Checks::new(ScoresConfig::default()).unwrap();
    let mut short: Vec<_> = (0..20).map(|_| run_once(&mut checks).1).collect();
    short.sort_by(f64::total_cmp);
    println!("all checks, a short log: {:.1} ms (median of 20)", short[10]);
    let (scores, _) = run_once(&mut checks);
    println!("  of which the quarantine's self-check {:.1} ms", took(&scores, "quarantine-enforced"));

    let reason = "x".repeat(200);
    let mut written = 0;
    while written < LOG_BYTES {
        for _ in 0..1000 {
            log.record(Entry::new("read").target("0x8009").reason(reason.as_str()), Outcome::Denied).unwrap();
        }
        written = fs::read_dir(run.join("audit")).unwrap().filter_map(|entry| entry.ok()?.metadata().ok()).map(|m| m.len()).sum();
    }
    // As after a restart: what was read before counts for nothing.
    checks = Checks::new(ScoresConfig::default()).unwrap();
    let mut runs = Vec::new();
    for _ in 0..10 {
        runs.push(run_once(&mut checks).0);
        for _ in 0..10 {
            log.record(Entry::new("read"), Outcome::Ok).unwrap();
        }
    }
    let whole = took(&runs[0], "audit-chain");
    let mebibytes = written as f64 / f64::from(1 << 20);
    println!("the audit log as a whole: {whole:.0} ms for {mebibytes:.0} MiB, {:.1} ms a MiB", whole / mebibytes);
    let mut added: Vec<_> = runs[1..].iter().map(|scores| took(scores, "audit-chain")).collect();
    added.sort_by(f64::total_cmp);
    println!("ten records added to it: {:.2} ms (median of {})", added[added.len() / 2], added.len());
}

fn baselines() {
    let mut baselines = Baselines::new(BaselineConfig::default()).unwrap();
    let devices: Vec<Labels> = (0..108).map(|n| [("device", format!("0x{:04x}", 0x8000 + n))].into_iter().collect()).collect();
    let metrics = ["device_latency_ms", "device_errors_total", "device_requests_total", "device_temperature_celsius"];
    let (mut observed, mut begun) = (0_u32, Instant::now());
    for tick in 0..400_i64 {
        if tick == 200 {
            (observed, begun) = (0, Instant::now());
        }
        for labels in &devices {
            for metric in metrics {
                let value = if metric.ends_with("_total") { tick as f64 } else { 10.0 + (tick % 7) as f64 / 10.0 };
                baselines.observe(&Measurement::new(metric, tick * 30_000, value).with_labels(labels.clone()));
                observed += 1;
            }
        }
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(observed);
    println!("a measurement to the baselines of 108 devices: {each:.2} µs");
    println!("their state, written down: {} KiB", serde_json::to_string(&baselines.save()).unwrap().len() / 1024);
}
