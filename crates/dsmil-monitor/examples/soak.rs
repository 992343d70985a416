//! A million samples through store, gates, alerts and log in virtual time: memory stays flat, and the files as large as
//! `docs/history.md` says.
//!
//! `cargo run --release -p dsmil-monitor --example soak [SAMPLES]`. 100 series, as 25 devices give them: latency with noise, a
//! temperature that fires a rule again and again, a counter, a state. Each step is a whole step of the monitor, with its own
//! metrics; each notification is delivered; every tenth step has scores and a record in the health log. Prints what it measured,
//! and fails if memory or size is over its bound.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, unreachable_pub)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dsmil_alert::Input;
use dsmil_gate::{GateFile, Labels, Measurement, Verdict};
use dsmil_health::{Kind, Score, Scores};
use dsmil_history::StateDir;
use dsmil_monitor::{Core, Intake, MonitorConfig};
use dsmil_sample::SamplerReport;

const SERIES: usize = 100;
const START: i64 = 1_795_219_200_000;
const MAX_BYTES: u64 = 24 << 20;
const BALLAST: u64 = 1 << 20;

const GATES: &str = r#"
version = 1

[[rule]]
name = "hot"
metric = "temperature_celsius"
fail_when = "> 85"
for = "1m"
clear_at = 75
keep_firing_for = "2m"
unit = "celsius"
on_fail = "no-go"
on_no_data = "hold"

[[rule]]
name = "slow"
metric = "device_latency_ms"
function = "quantile"
quantile = 0.9
window = "10m"
fail_when = "> 5"
unit = "ms"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "asked"
metric = "device_requests_total"
function = "rate"
window = "10m"
fail_when = "> 1000"
unit = "requests a second"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "down"
metric = "device_up"
require = ">= 1"
for = "5m"
unit = "up"
on_fail = "hold"
on_no_data = "fail"

[[gate]]
name = "all"
kind = "all"
rules = ["hot", "slow", "asked", "down"]
"#;

fn config() -> MonitorConfig {
    let text = format!(
        "version = 1\n[history]\nmax_bytes = {MAX_BYTES}\nballast_bytes = {BALLAST}\n\
         retention = {{ raw = \"6h\", minute = \"18h\", hour = \"18h\" }}\n\
         [log]\nmax_bytes = 1048576\nkeep = \"18h\"\nsync = \"rotation\"\n\
         [alerts]\nreceivers = [\"log\"]\ngroup_wait = \"0s\"\ngroup_interval = \"1m\"\n[receivers.log]\nkind = \"log\"\n"
    );
    MonitorConfig::parse(&text, "soak.toml").unwrap()
}

fn main() {
    run(std::env::args().nth(1).map_or(1_000_000, |count| count.parse().unwrap()));
}

/// All of it. At a quarter of the way the retentions are reached, and what follows is steady.
pub fn run(samples: usize) {
    let steps = samples / SERIES;
    let interval = 80 * 3_600_000 / steps as i64;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("state");
    let gates = vec![("soak.toml".to_owned(), GateFile::parse(GATES, "soak.toml").unwrap())];
    let mut core = Core::open(StateDir::hold(&path).unwrap(), config(), gates, START).unwrap();
    let begun = Instant::now();
    let (mut quarters, mut largest) = (Vec::new(), 0);
    let (mut delivered, mut changes, mut taken) = (0, 0, 0);
    for step in 0..steps {
        let now = START + step as i64 * interval;
        let scores = step.is_multiple_of(10).then(scores);
        let done = core.step(Intake { reports: vec![report(step, now)], scores, ..Intake::default() }, now);
        assert!(done.saved && core.log_failure().is_none(), "{:?} {:?}", core.store_failure(), core.log_failure());
        taken += done.measurements.len();
        changes += done.changes.iter().filter(|change| change.to >= Verdict::Hold).count();
        delivered += deliver(&mut core, now);
        if step % 10 == 9 {
            largest = largest.max(size(&path, "history.sqlite") + size(&path, "history.sqlite-wal"));
        }
        if (step + 1).is_multiple_of((steps / 4).max(1)) {
            quarters.push(resident());
        }
    }
    let passed = begun.elapsed().as_secs_f64();
    println!(
        "{} samples ({taken} with the monitor's own) in {passed:.1} s, {:.0} samples/s, {steps} steps",
        steps * SERIES,
        (steps * SERIES) as f64 / passed
    );
    let kib: Vec<u64> = quarters.iter().map(|bytes| bytes / 1024).collect();
    println!("memory in KiB at each quarter: {kib:?}");
    println!("store: at most {largest} bytes with its log; health log {} bytes", log_size(&path));
    println!("{delivered} notifications were delivered, and the gate closed {changes} times");
    core.store().check().unwrap();
    assert!(quarters[3] <= quarters[0] + (2 << 20), "memory grew: {kib:?}");
    // The bound of docs/history.md: what the store may take, a megabyte of free pages, the write-ahead log.
    assert!(largest <= MAX_BYTES + (1 << 20) + (8 << 20), "{largest} bytes");
    assert!(delivered > 0 && changes > 0);
}

/// Each notification that is due is delivered at once.
fn deliver(core: &mut Core, now: i64) -> usize {
    let due = core.due(now);
    let outcome =
        |due: &dsmil_alert::Due<'_>| Input::Delivered { notification: due.notification.id.clone(), attempt: due.attempt };
    let outcomes: Vec<Input> = due.iter().map(outcome).collect();
    if !outcomes.is_empty() {
        core.settle(&outcomes, now);
    }
    outcomes.len()
}

fn report(step: usize, now: i64) -> SamplerReport {
    let name = |n: usize| ["device_latency_ms", "temperature_celsius", "device_requests_total", "device_up"][n % 4];
    let labels = |n: usize| -> Labels { [("device", format!("0x80{:02X}", n / 4))].into_iter().collect() };
    let measure = |n: usize| {
        let noise = noise((step * SERIES + n) as u64);
        let value = match n % 4 {
            0 => (900_000 + noise % 400_000) as f64 / 1e6,
            // One of them is hot for some steps of every 200.
            1 if n == 1 && step % 200 > 190 => 90.0,
            1 => 40.0 + (noise % 80) as f64 / 10.0,
            2 => (step * 3) as f64,
            _ => f64::from(u8::from(!noise.is_multiple_of(1000))),
        };
        Measurement::new(name(n), now - 100 + n as i64, value).with_labels(labels(n))
    };
    SamplerReport {
        sampler: Arc::from("devices"),
        scheduled_at: now - 200,
        started: now - 150,
        finished: now,
        late_by: Duration::ZERO,
        late: false,
        missed: 0,
        measurements: (0..SERIES).map(measure).collect(),
        meter: vec![Measurement::new("sampler_up", now, 1.0).with_labels([("sampler", "devices")].into_iter().collect())],
        errors: Vec::new(),
        unreadable: Vec::new(),
        retired: false,
    }
}

fn scores() -> Scores {
    Scores {
        health: Score::new(Kind::Health, Vec::new(), Vec::new()),
        security: Score::new(Kind::Security, Vec::new(), Vec::new()),
    }
}

/// SplitMix64.
fn noise(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn size(dir: &Path, name: &str) -> u64 {
    fs::metadata(dir.join(name)).map_or(0, |meta| meta.len())
}

fn log_size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let of_log = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("health_log"));
    of_log.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
