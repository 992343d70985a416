//! The configuration file of the monitor.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dsmil_alert::{AlertConfig, Receivers};
use dsmil_gate::{GateFile, Period};
use dsmil_health::{BaselineConfig, FileMode, FileRule, FileType, Owner, ScoresConfig};
use dsmil_history::{LogOptions, StoreOptions};
use dsmil_notify::Receiver;
use dsmil_sample::{Parts, SampleConfig, Scheduled};
use dsmil_serve::ServeConfig;
use serde::Deserialize;

use crate::MonitorError;
use crate::place::{find, position};
use crate::scorer::{Surroundings, checks};

/// The longest configuration that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What is watched, what is decided of it, who is told, and where it is kept. In a file, paths count from its folder.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MonitorConfig {
    /// The version of the file's format: 1.
    pub version: u32,
    /// A name of this installation; it stands in each record of the health log. The host's name if not given.
    #[serde(default)]
    pub deployment_id: Option<String>,
    /// The device, as `--device` takes it. That option, `DSMIL_DEVICE` and the default if not given.
    #[serde(default)]
    pub device: Option<String>,
    /// Where samples, states and logs are kept; made with mode 0700 if it is missing. The command's default if not given.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// How often samples are taken in, gates evaluated and alerts decided: 5 s, at least 100 ms, at most 30 s.
    #[serde(default = "default_evaluate_every")]
    pub evaluate_every: Period,
    /// How often scores are computed and a record is written to the health log: 30 s.
    #[serde(default = "default_score_every")]
    pub score_every: Period,
    /// Gate files.
    #[serde(default)]
    pub gates: Vec<PathBuf>,
    /// What is sampled, how often, and from where.
    #[serde(default)]
    pub samplers: SampleConfig,
    /// The scores.
    #[serde(default)]
    pub scores: ScoresConfig,
    /// What is unusual for a device.
    #[serde(default)]
    pub baselines: BaselineConfig,
    /// Who is told of which alert, and when.
    #[serde(default)]
    pub alerts: AlertConfig,
    /// How they are told.
    #[serde(default)]
    pub receivers: BTreeMap<String, Receiver>,
    /// How long samples are kept.
    #[serde(default)]
    pub history: StoreOptions,
    /// How `health_log.jsonl` is kept.
    #[serde(default)]
    pub log: LogOptions,
    /// The HTTP endpoint. None if not given and `--listen` isn't either.
    #[serde(default)]
    pub serve: Option<ServeConfig>,
}

const fn default_evaluate_every() -> Period {
    Period::from_millis(5_000)
}

const fn default_score_every() -> Period {
    Period::from_millis(30_000)
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line and column, from 1, where they are known.
    pub position: Option<(usize, usize)>,
    /// What is wrong, with the key, and what to do.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for ConfigError {}

impl MonitorConfig {
    /// The version of the file's format.
    pub const VERSION: u32 = 1;

    /// Reads a file. It must belong to root or to this user, and nobody
    /// else may write to it: it names commands that are run.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let fail = |what: String| ConfigError { file: path.display().to_string(), position: None, what };
        let state = fs::metadata(path).map_err(|error| fail(format!("it can't be read: {error}")))?;
        let user = nix::unistd::geteuid().as_raw();
        if !state.is_file() || state.len() > MAX_BYTES {
            return Err(fail(format!("it is no regular file of at most {MAX_BYTES} bytes")));
        }
        if state.uid() != 0 && state.uid() != user {
            return Err(fail(format!("it belongs to user {}: chown root {}", state.uid(), path.display())));
        }
        if state.mode() & 0o022 != 0 {
            let mode = state.mode() & 0o7777;
            return Err(fail(format!("others than its owner may write to it (mode {mode:04o}): chmod go-w {}", path.display())));
        }
        let text = fs::read_to_string(path).map_err(|error| fail(format!("it can't be read: {error}")))?;
        let mut config = Self::parse(&text, &path.display().to_string())?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads a configuration; `file` is its name for messages. Paths stay as they are written.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError {
            file: file.to_owned(),
            position: error.span().map(|span| position(text, span.start)),
            what: error.message().trim_end().to_owned(),
        })?;
        config.check().map_err(|what| ConfigError { file: file.to_owned(), position: find(text, &what), what })?;
        Ok(config)
    }

    /// A configuration without a file: everything as it is when nothing is said.
    pub fn standard() -> Self {
        Self {
            version: Self::VERSION,
            deployment_id: None,
            device: None,
            state_dir: None,
            evaluate_every: default_evaluate_every(),
            score_every: default_score_every(),
            gates: Vec::new(),
            samplers: SampleConfig::default(),
            scores: ScoresConfig::default(),
            baselines: BaselineConfig::default(),
            alerts: AlertConfig::default(),
            receivers: BTreeMap::new(),
            history: StoreOptions::default(),
            log: LogOptions::default(),
            serve: None,
        }
    }

    /// The JSON Schema of the file.
    #[cfg(feature = "schema")]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Whether all of it makes sense: what is wrong, beginning with the key, and what to do.
    fn check(&self) -> Result<(), String> {
        if self.version != Self::VERSION {
            return Err(format!("version: {} is not known, only {}", self.version, Self::VERSION));
        }
        if self.evaluate_every.as_millis() < 100 {
            return Err(format!("evaluate_every: {} is too often: write at least 100ms", self.evaluate_every));
        }
        if self.evaluate_every.as_millis() > 30_000 {
            // A step is also how it is seen that the monitor goes on: by a watchdog, and by /healthz.
            return Err(format!("evaluate_every: {} is too seldom: write at most 30s", self.evaluate_every));
        }
        if self.score_every < self.evaluate_every {
            return Err(format!("score_every: {} is shorter than evaluate_every, {}", self.score_every, self.evaluate_every));
        }
        self.samplers.validate().map_err(|error| format!("samplers.{error}"))?;
        self.scores.check().map_err(|error| error.to_string())?;
        checks(&self.scores).map_err(|error| error.to_string())?;
        self.baselines.check().map_err(|error| error.to_string())?;
        for (name, receiver) in &self.receivers {
            receiver.check().map_err(|error| format!("receivers.{name}: {error}"))?;
        }
        self.alerts.check(&self.receivers()).map_err(|error| error.to_string())?;
        if let Some(serve) = &self.serve {
            serve.check().map_err(|error| format!("serve.{error}"))?;
        }
        self.check_sizes()
    }

    /// Less than this keeps nothing that anybody could look at.
    fn check_sizes(&self) -> Result<(), String> {
        for (key, value, least) in
            [("history.max_bytes", self.history.max_bytes, 1 << 20), ("log.max_bytes", self.log.max_bytes, 1024)]
        {
            if value < least {
                return Err(format!("{key}: {value} is too little: write at least {least}"));
            }
        }
        let hour = Period::from_millis(3_600_000);
        for (key, value) in [("history.retention.raw", self.history.retention.raw), ("log.keep", self.log.keep)] {
            if value < hour {
                return Err(format!("{key}: {value} is too short: write at least {hour}"));
            }
        }
        let busy = self.history.busy_timeout;
        if busy > Period::from_millis(30_000) {
            return Err(format!("history.busy_timeout: {busy} is too long, the monitor waits meanwhile: write at most 30s"));
        }
        Ok(())
    }

    /// The receivers as the alerts' machine wants them.
    pub(crate) fn receivers(&self) -> Receivers {
        Receiver::kinds(&self.receivers)
    }

    /// The longest interval of a sampler, in milliseconds.
    pub(crate) fn longest_interval(&self) -> i64 {
        let scheduled = self.samplers.build(Parts::default()).unwrap_or_default();
        let longest = scheduled.iter().map(|sampler| sampler.interval.as_millis()).max().unwrap_or(0);
        i64::try_from(longest).unwrap_or(i64::MAX)
    }

    /// How far back samples are kept in memory, in milliseconds: as far as a gate, a score or a baseline looks.
    pub(crate) fn look_back(&self, gates: i64) -> i64 {
        gates.max(self.scores.look_back.as_millis()).max(self.baselines.slope_window.as_millis()).saturating_add(60_000)
    }

    /// The samplers, with what the monitor brings for them.
    pub(crate) fn samplers(&self, around: &Surroundings) -> Result<Vec<Scheduled>, MonitorError> {
        let (options, spec) = (around.options.clone(), around.spec.clone());
        let parts = Parts {
            open_device: Some(Box::new(move || options.clone().open_spec(&spec).map(Arc::new))),
            workers: around.workers.clone(),
            folder: Some(around.state_dir.clone()),
            self_check: around.options.clone(),
        };
        Ok(self.samplers.build(parts)?)
    }

    /// The files that decide something: who may write to them is a check of the security score.
    pub(crate) fn file_rules(&self, own: Option<&Path>, state_dir: &Path) -> Vec<FileRule> {
        let rule = |path: &Path, max_mode: u32, file_type: FileType| FileRule {
            path: path.to_path_buf(),
            owner: Owner::RootOrSelf,
            max_mode: FileMode(max_mode),
            file_type,
            optional: false,
        };
        let file = |path: &Path| rule(path, 0o644, FileType::File);
        let mut rules: Vec<FileRule> = own.into_iter().map(file).collect();
        rules.extend(self.gates.iter().map(|path| file(path)));
        let keys = self.serve.iter().filter_map(|serve| serve.keys_file.as_deref());
        rules.extend(keys.map(|path| rule(path, 0o600, FileType::File)));
        rules.push(rule(state_dir, 0o700, FileType::Directory));
        rules
    }

    /// Paths count from the folder of the file.
    fn resolve(&mut self, folder: &Path) {
        let at = |path: &mut PathBuf| *path = folder.join(&*path);
        self.gates.iter_mut().for_each(at);
        self.state_dir.iter_mut().for_each(at);
        if let Some(serve) = &mut self.serve {
            serve.keys_file.iter_mut().for_each(at);
            if let Some(tls) = &mut serve.tls {
                at(&mut tls.cert);
                at(&mut tls.key);
            }
        }
    }

    /// The gate files, read.
    ///
    /// # Errors
    /// [`ConfigError`] with the first that can't be used, and everything that is wrong with it.
    pub fn read_gates(&self) -> Result<Vec<(String, GateFile)>, ConfigError> {
        let read = |path: &PathBuf| {
            let file = path.display().to_string();
            let fail = |what| ConfigError { file: file.clone(), position: None, what };
            let text = fs::read_to_string(path).map_err(|error| fail(format!("it can't be read: {error}")))?;
            let gates = GateFile::parse(&text, &file).map_err(|error| fail(error.to_string()))?;
            Ok((file, gates))
        };
        self.gates.iter().map(read).collect()
    }
}
