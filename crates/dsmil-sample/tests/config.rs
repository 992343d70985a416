//! The configuration: what it makes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use std::time::Duration;

use dsmil_device::Device;
use dsmil_sample::{Parts, Runner, SampleConfig, Scheduled, Workers};

fn read(text: &str) -> SampleConfig {
    toml::from_str(text).unwrap()
}

fn names(samplers: &[Scheduled]) -> Vec<&str> {
    samplers.iter().map(|sampler| sampler.name.as_str()).collect()
}

fn seconds(samplers: &[Scheduled], name: &str) -> (u64, u64) {
    let sampler = samplers.iter().find(|sampler| sampler.name == name).unwrap();
    (sampler.interval.as_secs(), sampler.timeout.as_secs())
}

const EVERYTHING: &str = r#"
interval = "10s"
timeout = "3s"
cpu = { interval = "1s" }
memory = { enabled = false }
load = { interval = "1m", timeout = "1m" }
temperature = { interval = "1h" }
disks = { paths = ["/", "/tmp"], uses = { "/tmp" = "log" }, interval = "5m" }
devices = { ids = ["0x8003", "32784"], answer_within = "50ms" }
processes = { watch = [{ name = "job", pid_file = "/run/job.pid" }, { name = "web", exe = "/usr/sbin/web", command = "web" }] }

[[file]]
name = "app"
path = "/var/lib/app/metrics.json"
metrics = ["queue_length"]
labels = { site = "berlin" }

[[command]]
name = "raid"
command = ["/usr/local/bin/raid", "--json"]
attestation = true

[[prometheus]]
name = "site"
url = "https://prometheus.example/"
user = "dsmil"
password_file = "/etc/dsmil/prometheus.password"
ca_file = "/etc/dsmil/ca.pem"
query = [{ metric = "site_temperature", query = "avg(room_temperature_celsius)" }]
"#;

#[test]
fn nothing_written_samples_the_machine_twice_a_minute() {
    let samplers = read("").build(Parts::default()).unwrap();
    assert_eq!(names(&samplers), ["cpu", "memory", "load", "temperature", "monitor", "disks", "quarantine"]);
    assert_eq!((seconds(&samplers, "cpu"), seconds(&samplers, "quarantine")), ((30, 10), (300, 10)));
    assert_eq!(read(""), SampleConfig::default());
}

#[test]
fn everything_that_can_be_written_is_built() {
    let config = read(EVERYTHING);
    config.validate().unwrap();
    let open: dsmil_sample::OpenDevice = Box::new(|| Device::open("sim:").map(std::sync::Arc::new));
    let parts = Parts { open_device: Some(open), workers: Some(Workers::new()), ..Parts::default() };
    let samplers = config.build(parts).unwrap();
    let expected = [
        "cpu",
        "load",
        "temperature",
        "monitor",
        "disks",
        "devices",
        "processes",
        "quarantine",
        "workers",
        "file app",
        "command raid",
        "prometheus site",
    ];
    assert_eq!(names(&samplers), expected);
    assert_eq!(seconds(&samplers, "cpu"), (1, 1), "no time-out is longer than its interval");
    assert_eq!(seconds(&samplers, "load"), (60, 60));
    assert_eq!(seconds(&samplers, "file app"), (10, 3));
}

#[test]
fn what_is_the_same_has_the_same_identity_and_what_is_not_has_another() {
    let identities = |text: &str| {
        let built = read(text).build(Parts::default()).unwrap();
        built.into_iter().map(|sampler| (sampler.name, sampler.identity)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (one, other) =
        (identities(EVERYTHING), identities(&EVERYTHING.replace("\"log\"", "\"backup\"").replace("--json", "--js")));
    assert_eq!(one, identities(EVERYTHING));
    let differ: Vec<_> =
        one.iter().filter(|(name, identity)| other[*name] != **identity).map(|(name, _)| name.as_str()).collect();
    assert_eq!(differ, ["command raid", "disks"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_key() {
    for (text, expected) in [
        ("interval = \"500ms\"", "interval: 500ms is not between 1s and 1d; write 30s, or 1m"),
        ("interval = \"2d\"", "interval: 2d is not between 1s and 1d; write 30s, or 1m"),
        ("cpu = { interval = \"0\" }", "cpu.interval: 0s is not between 1s and 1d"),
        ("cpu = { timeout = \"31s\" }", "cpu.timeout: 31s is not between 100ms and the interval, 30s; write 5s"),
        ("timeout = \"50ms\"", "timeout: 50ms is not between 100ms and the interval, 30s"),
        ("disks = { paths = [\"data\"] }", "disks.paths: \"data\" is not an absolute path; write it from / on"),
        ("disks = { uses = { \"/backup\" = \"backup\" } }", "disks.uses: \"/backup\" is not among disks.paths; add it there"),
        ("devices = { ids = [\"0x8009\"] }", "devices.ids: 0x8009 is quarantined for ever (data destruction) and is never asked"),
        ("devices = { ids = [\"0x9000\"] }", "devices.ids: the driver has no 0x9000; write ids from 0x8000 to 0x806B"),
        ("devices = { ids = [\"first\"] }", "devices.ids: \"first\" is no device id"),
        ("devices = { answer_within = \"0\" }", "devices.answer_within: 0s is not between 1ms and 1m"),
        ("processes = { watch = [{ name = \"a\" }] }", "processes.watch \"a\": nothing says which process is meant"),
        ("processes = { watch = [{ name = \"a\", command = \"longer-than-fifteen\" }] }", "keeps 1 to 15 bytes of a name"),
        ("processes = { watch = [{ name = \"a\", exe = \"web\" }] }", "\"web\" is not an absolute path"),
        (
            "processes = { watch = [{ name = \"a\", command = \"x\" }, { name = \"a\", command = \"y\" }] }",
            "there are two of this name",
        ),
        ("file = [{ name = \"\", path = \"/a\" }]", "there are two of this name, or it is empty"),
        ("file = [{ name = \"a\", path = \"/a\" }, { name = \"a\", path = \"/b\" }]", "file a: there are two of this name"),
        ("file = [{ name = \"a\", path = \"a.json\" }]", "file a: path: \"a.json\" is not an absolute path"),
        ("file = [{ name = \"a\", path = \"/a\", metrics = [\"a b\"] }]", "file a: \"a b\" is no metric's name"),
        ("file = [{ name = \"a\", path = \"/a\", labels = { \"1\" = \"x\" } }]", "file a: \"1\" is no label's name"),
        ("command = [{ name = \"a\", command = [] }]", "command a: command is empty"),
        ("command = [{ name = \"a\", command = [\"ls\"] }]", "command a: command: \"ls\" is not an absolute path"),
        ("prometheus = [{ name = \"a\", url = \"http://h\", query = [] }]", "prometheus a: there is no query"),
        (
            "prometheus = [{ name = \"a\", url = \"h\", query = [{ metric = \"m\", query = \"up\" }] }]",
            "has no scheme or no host",
        ),
        (
            "prometheus = [{ name = \"a\", url = \"http://h\", user = \"u\", query = [{ metric = \"m\", query = \"up\" }] }]",
            "who asks is not clear",
        ),
        (
            "prometheus = [{ name = \"a\", url = \"http://h\", query = [{ metric = \"m\", query = \" \" }] }]",
            "the query is empty",
        ),
        (
            "prometheus = [{ name = \"a\", url = \"http://h\", bearer_file = \"/t\", query = [{ metric = \"m\", query = \"up\" }] }]",
            "would send a secret over the network in plain",
        ),
    ] {
        let error = read(text).validate().unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
        assert_eq!(error.kind(), "config");
    }
    for unknown in ["speed = 1", "cpu = { every = \"1s\" }", "file = [{ name = \"a\" }]", "interval = 30"] {
        assert!(toml::from_str::<SampleConfig>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn a_built_configuration_runs() {
    let folder = tempfile::tempdir().unwrap();
    common::write(folder.path(), "app.json", "{\"queue_length\": 7}");
    let text = format!("file = [{{ name = \"app\", path = {:?} }}]", folder.path().join("app.json"));
    let parts = Parts { folder: Some(folder.path().to_owned()), ..Parts::default() };
    let (runner, reports) = Runner::start(read(&text).build(parts).unwrap(), 64).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 8 {
        let report = reports.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(report.errors.is_empty(), "{report:?}");
        assert!(report.measurements.iter().all(|seen| seen.at > 0 && seen.at <= report.finished), "{report:?}");
        seen.insert(report.sampler.to_string());
    }
    assert!(seen.contains("file app") && seen.contains("quarantine"));
    runner.stop(Duration::from_secs(5));
}

/// The blocks of a language in the documentation.
fn blocks(language: &str) -> Vec<String> {
    let text = include_str!("../../../docs/metrics.md");
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn what_the_documentation_shows_is_true() {
    #[derive(serde::Deserialize)]
    struct File {
        samplers: SampleConfig,
    }
    let toml = blocks("toml");
    assert_eq!(toml.len(), 4);
    let all = toml.join("\n");
    for text in toml.iter().chain([&all]) {
        let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        file.samplers.validate().unwrap();
    }
    let json = &blocks("json")[0];
    let read = dsmil_gate::MetricsText::parse(json, 0).unwrap();
    assert_eq!((read.measurements.len(), &read.unreadable[..]), (5, &["battery_percent".to_owned()][..]));
}

#[test]
fn every_metric_of_every_sampler_is_in_the_documentation() {
    let text = include_str!("../../../docs/metrics.md");
    let open: dsmil_sample::OpenDevice = Box::new(|| Device::open("sim:").map(std::sync::Arc::new));
    let parts = Parts { open_device: Some(open), workers: Some(Workers::new()), ..Parts::default() };
    let samplers = read("processes = { watch = [{ name = \"a\", command = \"a\" }] }").build(parts).unwrap();
    let metrics: Vec<_> = samplers.iter().flat_map(|sampler| sampler.sampler.metrics()).collect();
    assert!(metrics.len() > 25, "{metrics:?}");
    for metric in metrics {
        assert!(text.contains(&format!("`{metric}`")) || text.contains(&format!("`{metric}{{")), "{metric}");
    }
}
