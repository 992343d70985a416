//! What the tests share: a run directory with everything in order, samples of a machine that is well, and a look at one check.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(unreachable_pub, reason = "a module of every test binary")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dsmil_audit::{Durability, Entry, Log, Options, Outcome};
use dsmil_device::{BackendSpec, Device, SharedModel};
use dsmil_gate::{Labels, Measurement, Samples};
use dsmil_health::{CheckResult, Checks, Context, FileRule, Scores, ScoresConfig};
use dsmil_sim::{Config, Model};
use tempfile::TempDir;

/// The time of most tests.
pub const NOW: i64 = 1_790_000_000_000;

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

pub fn sample(metric: &'static str, pairs: &[(&str, &str)], at: i64, value: f64) -> Measurement {
    Measurement::new(metric, at, value).with_labels(labels(pairs))
}

/// A machine that is well, sampled twice within the look-back.
pub fn well() -> Vec<Measurement> {
    let mut all = Vec::new();
    for at in [NOW - 60_000, NOW - 30_000] {
        for device in ["0x8000", "0x8001", "0x8002", "0x8003"] {
            all.push(sample("device_up", &[("device", device)], at, 1.0));
            all.push(sample("device_latency_ms", &[("device", device)], at, 12.0));
        }
        all.push(sample("device_error_percent", &[], at, 0.5));
        all.push(sample("temperature_celsius", &[("sensor", "coretemp Core 0")], at, 61.0));
        all.push(sample("temperature_celsius", &[("sensor", "acpitz temp1")], at, 40.0));
        all.push(sample("cpu_percent", &[], at, 35.0));
        all.push(sample("memory_percent", &[], at, 52.0));
        all.push(sample("disk_free_bytes", &[("path", "/"), ("use", "backup")], at, 9e9));
        all.push(sample("disk_free_bytes", &[("path", "/var/log"), ("use", "log")], at, 4e9));
        for sampler in ["cpu", "devices"] {
            all.push(sample("sampler_late_total", &[("sampler", sampler)], at, 0.0));
            all.push(sample("sampler_missed_total", &[("sampler", sampler)], at, 0.0));
            all.push(sample("sampler_failures_total", &[("sampler", sampler)], at, 0.0));
            all.push(sample("sampler_up", &[("sampler", sampler)], at, 1.0));
        }
    }
    all
}

pub fn samples(measurements: &[Measurement]) -> Samples {
    let mut samples = Samples::new();
    for measurement in measurements {
        samples.take(measurement);
    }
    samples
}

/// The samples of a machine that is well, with one metric changed by a function.
pub fn well_but(metric: &str, change: impl Fn(&mut Measurement)) -> Samples {
    let mut all = well();
    all.iter_mut().filter(|one| one.metric == metric).for_each(change);
    samples(&all)
}

pub fn well_without(metric: &str) -> Samples {
    samples(&well().into_iter().filter(|one| one.metric != metric).collect::<Vec<_>>())
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// No sync: no power is cut here.
pub fn quick() -> Options {
    Options { durability: Durability::Kernel, program: Some("test".into()), ..Options::default() }
}

pub fn fill(log: &Log, count: u64) {
    for n in 0..count {
        log.record(Entry::new("read").target(format!("0x{n:04x}")).new_value(n), Outcome::Ok).unwrap();
    }
}

/// A machine on which everything is as it should be.
pub struct Fixture {
    pub root: TempDir,
    pub run: PathBuf,
    pub config: PathBuf,
    pub key: PathBuf,
    pub state: PathBuf,
    pub policy: PathBuf,
    pub spec: BackendSpec,
    pub model: SharedModel,
    pub device: Device,
}

impl Fixture {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let within = |name: &str| root.path().join(name);
        let (run, state, scratch) = (within("run"), within("state"), within("scratch"));
        for folder in [&run, &state, &scratch] {
            fs::create_dir(folder).unwrap();
            chmod(folder, 0o700);
        }
        let (config, key, policy) = (within("monitor.toml"), within("keys"), within("policy.toml"));
        fs::write(&config, "").unwrap();
        fs::write(&key, "secret").unwrap();
        fs::write(&policy, "version = 1\n[[deny]]\nid = 0x8031\nreason = \"boot disk\"\n").unwrap();
        chmod(&config, 0o644);
        chmod(&key, 0o600);
        chmod(&policy, 0o644);
        let model: SharedModel = Arc::new(Mutex::new(Model::new(Config::with_seed(7))));
        let device = Device::options().run_dir(&run).policy(&policy).open_model(Arc::clone(&model)).unwrap();
        fill(&Log::open(run.join("audit"), quick()).unwrap(), 3);
        Self { root, run, config, key, state, policy, spec: "sim:seed=7".parse().unwrap(), model, device }
    }

    pub fn context<'a>(&'a self, samples: &'a Samples) -> Context<'a> {
        Context::new(samples, &self.run)
            .device(&self.spec, Ok(&self.device))
            .policy(Some(&self.policy))
            .scratch(self.root.path().join("scratch"))
            .file(FileRule::readable(&self.config))
            .file(FileRule::secret(&self.key))
            .file(FileRule::directory(&self.state))
    }

    pub fn run_with(&self, samples: &Samples) -> Scores {
        Checks::new(ScoresConfig::default()).unwrap().run(&self.context(samples), NOW)
    }

    pub fn run(&self) -> Scores {
        self.run_with(&samples(&well()))
    }

    /// One check of a run over a machine that is well.
    pub fn check(&self, name: &str) -> CheckResult {
        one(&self.run(), name)
    }
}

/// One check, of either score.
pub fn one(scores: &Scores, name: &str) -> CheckResult {
    scores.health.check(name).or_else(|| scores.security.check(name)).unwrap_or_else(|| panic!("no check {name}")).clone()
}

/// Asserts outcome and share, and that the evidence speaks of something.
#[track_caller]
pub fn expect(result: &CheckResult, outcome: &str, share: f64, speaks_of: &str) {
    assert_eq!(result.outcome.name(), outcome, "{result}");
    assert!((result.share - share).abs() < 1e-9, "share {} and not {share}: {result}", result.share);
    assert!(result.evidence.text.contains(speaks_of), "{speaks_of:?} is not in: {result}");
}
