//! What is sampled, how often, and from where: the table of samplers in a configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dsmil_gate::Period;
use serde::Deserialize;

/// What is sampled. `docs/metrics.md` has every key with an example.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SampleConfig {
    /// The time between two samples, for samplers that don't say otherwise: 30s. 1s to 1d.
    pub interval: Period,
    /// How long one may take: 10s, or its interval if that is shorter. At least 100ms.
    pub timeout: Period,
    /// `cpu_percent`.
    pub cpu: Pace,
    /// `memory_percent`, `memory_available_bytes`, `memory_total_bytes`, `swap_percent`.
    pub memory: Pace,
    /// `load_1m`, `load_5m`, `load_15m`.
    pub load: Pace,
    /// `temperature_celsius{sensor}` of the machine.
    pub temperature: Pace,
    /// `monitor_cpu_percent`, `monitor_memory_bytes`.
    pub monitor: Pace,
    /// `active_workers`, `worker_state{worker}`.
    pub workers: Pace,
    /// `quarantine_enforced`; every 5m if nothing else is said.
    pub quarantine: Pace,
    /// `disk_free_bytes{path}`, `disk_total_bytes{path}`, `disk_used_percent{path}`.
    pub disks: DisksConfig,
    /// `device_up{device}` and its kin.
    pub devices: DevicesConfig,
    /// `process_up{process}` and its kin.
    pub processes: ProcessesConfig,
    /// Metrics from JSON files.
    pub file: Vec<FileConfig>,
    /// Metrics from commands.
    pub command: Vec<CommandConfig>,
    /// Metrics from Prometheus servers.
    pub prometheus: Vec<PrometheusConfig>,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self {
            interval: Period::from_millis(30_000),
            timeout: Period::from_millis(10_000),
            cpu: Pace::default(),
            memory: Pace::default(),
            load: Pace::default(),
            temperature: Pace::default(),
            monitor: Pace::default(),
            workers: Pace::default(),
            quarantine: Pace::default(),
            disks: DisksConfig::default(),
            devices: DevicesConfig::default(),
            processes: ProcessesConfig::default(),
            file: Vec::new(),
            command: Vec::new(),
            prometheus: Vec::new(),
        }
    }
}

/// Whether a sampler runs, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Whether it runs: true.
    pub enabled: bool,
    /// The time between two samples, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { enabled: true, interval: None, timeout: None }
    }
}

/// Disks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DisksConfig {
    /// Whether it runs: true.
    pub enabled: bool,
    /// The time between two samples, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// The file systems, by any path on them: `["/"]`. Absolute.
    pub paths: Vec<PathBuf>,
    /// What a path is for, as the label `use`: `{ "/var/log" = "log", "/backup" = "backup" }`. The health score wants more
    /// space where it is `log` or `backup`.
    pub uses: BTreeMap<PathBuf, String>,
}

impl Default for DisksConfig {
    fn default() -> Self {
        Self { enabled: true, interval: None, timeout: None, paths: vec![PathBuf::from("/")], uses: BTreeMap::new() }
    }
}

/// Devices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DevicesConfig {
    /// Whether it runs: true, where there is a device.
    pub enabled: bool,
    /// The time between two samples, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// The ids that are watched, such as `"0x8003"`; none: all that may be read.
    pub ids: Vec<String>,
    /// An answer that takes longer is an error: 100ms. 1ms to 1m.
    pub answer_within: Period,
}

impl Default for DevicesConfig {
    fn default() -> Self {
        let answer_within = Period::from_millis(100);
        Self { enabled: true, interval: None, timeout: None, ids: Vec::new(), answer_within }
    }
}

/// Processes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProcessesConfig {
    /// Whether it runs: true, where there is something to watch.
    pub enabled: bool,
    /// The time between two samples, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// Those that are watched.
    pub watch: Vec<ProcessConfig>,
}

impl Default for ProcessesConfig {
    fn default() -> Self {
        Self { enabled: true, interval: None, timeout: None, watch: Vec::new() }
    }
}

/// A process, or several that are counted together. At least one of the last three keys; what is given must all fit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// The label `process`.
    pub name: String,
    /// A file with the process id.
    pub pid_file: Option<PathBuf>,
    /// The path of the program. Of other users' processes only root can see it.
    pub exe: Option<PathBuf>,
    /// The name as the kernel has it: at most 15 bytes.
    pub command: Option<String>,
}

/// A JSON file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// Names the source.
    pub name: String,
    /// The file. Absolute.
    pub path: PathBuf,
    /// The time between two readings, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// The metrics that it should give: they can't be read when it can't be.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Labels for all of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether somebody outside vouches for them: they get the label `source="external"`.
    #[serde(default)]
    pub attestation: bool,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Names the source.
    pub name: String,
    /// The program, by its absolute path, and its arguments. There is no shell.
    pub command: Vec<String>,
    /// The time between two runs, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// The metrics that it should give: they can't be read when it fails.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Labels for all of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether somebody outside vouches for them: they get the label `source="external"`.
    #[serde(default)]
    pub attestation: bool,
}

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Names the source.
    pub name: String,
    /// The server: `http://127.0.0.1:9090`.
    pub url: String,
    /// The time between two rounds, 1s to 1d.
    pub interval: Option<Period>,
    /// How long one round may take, 100ms to the interval.
    pub timeout: Option<Period>,
    /// A file with a bearer token, mode 600.
    pub bearer_file: Option<PathBuf>,
    /// The user, with `password_file`.
    pub user: Option<String>,
    /// A file with the user's password, mode 600.
    pub password_file: Option<PathBuf>,
    /// The certificates that are trusted, as PEM, in place of those of the public authorities.
    pub ca_file: Option<PathBuf>,
    /// Whether a token or password may go over the network in plain: false.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// The queries.
    pub query: Vec<QueryConfig>,
    /// Labels for all of them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether somebody outside vouches for them: they get the label `source="external"`.
    #[serde(default)]
    pub attestation: bool,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// The metric's name here.
    pub metric: String,
    /// The query in PromQL: an instant vector or a scalar.
    pub query: String,
}
