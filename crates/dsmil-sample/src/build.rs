//! Builds samplers from their configuration, and says what makes no sense in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dsmil_device::OpenOptions;
use dsmil_gate::{Period, is_label_name, is_metric_name};
use dsmil_protocol::DeviceId;

use crate::config::{
    DevicesConfig, DisksConfig, Pace, ProcessConfig, ProcessesConfig, PrometheusConfig, QueryConfig, SampleConfig,
};
use crate::source::{Access, Marks};
use crate::{
    CommandSampler, CpuSampler, DeviceSampler, DiskSampler, FileSampler, LoadSampler, MemorySampler, OpenDevice, OwnSampler,
    ProcessMatch, ProcessSampler, PrometheusQuery, PrometheusSampler, QuarantineSampler, SampleError, Sampler, Scheduled,
    TemperatureSampler, Workers, WorkersSampler,
};

const SECOND: Period = Period::from_millis(1000);
const DAY: Period = Period::from_millis(86_400_000);
/// The self-check is slow to change and not free.
const QUARANTINE_INTERVAL: Period = Period::from_millis(300_000);

/// What the program itself brings for its samplers.
#[derive(Default)]
pub struct Parts {
    /// Opens the device for the sampler of devices; without it there is none.
    pub open_device: Option<OpenDevice>,
    /// The program's workers; without them there is no sampler of workers.
    pub workers: Option<Workers>,
    /// A folder of this user in which the self-check of the quarantine makes its run directory; without it the folder for
    /// temporary files.
    pub folder: Option<PathBuf>,
    /// The policy and limits of the self-check; its run directory among them is not used.
    pub self_check: OpenOptions,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("folder", &self.folder).field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl SampleConfig {
    /// Whether all of it makes sense.
    ///
    /// # Errors
    /// [`SampleError::Config`] with the key, what is wrong, and what to do.
    pub fn validate(&self) -> Result<(), SampleError> {
        self.build(Parts::default()).map(drop)
    }

    /// The samplers, ready for a [`Runner`](crate::Runner). Nothing is opened or read yet.
    ///
    /// # Errors
    /// [`SampleError::Config`] with the key, what is wrong, and what to do.
    pub fn build(&self, parts: Parts) -> Result<Vec<Scheduled>, SampleError> {
        let mut list = List { config: self, samplers: Vec::new() };
        list.add_machine()?;
        list.add_devices(parts.open_device)?;
        list.add_processes()?;
        let folder = parts.folder.unwrap_or_else(std::env::temp_dir);
        let quarantine = Pace { interval: self.quarantine.interval.or(Some(QUARANTINE_INTERVAL)), ..self.quarantine };
        list.add("quarantine", quarantine, "", QuarantineSampler::new(folder).options(parts.self_check))?;
        if let Some(workers) = parts.workers {
            list.add("workers", self.workers, "", WorkersSampler::new(workers))?;
        }
        list.add_sources()?;
        Ok(list.samplers)
    }
}

/// The samplers so far.
struct List<'a> {
    config: &'a SampleConfig,
    samplers: Vec<Scheduled>,
}

impl List<'_> {
    fn add(&mut self, name: &str, pace: Pace, identity: &str, sampler: impl Sampler + 'static) -> Result<(), SampleError> {
        let interval = pace.interval.unwrap_or(self.config.interval);
        if !(SECOND..=DAY).contains(&interval) {
            let key = if pace.interval.is_some() { format!("{name}.interval") } else { "interval".to_owned() };
            return Err(config(key, format!("{interval} is not between 1s and 1d"), "write 30s, or 1m"));
        }
        let timeout = pace.timeout.unwrap_or(self.config.timeout.min(interval));
        if timeout.as_millis() < 100 || timeout > interval {
            let key = if pace.timeout.is_some() { format!("{name}.timeout") } else { "timeout".to_owned() };
            return Err(config(key, format!("{timeout} is not between 100ms and the interval, {interval}"), "write 5s"));
        }
        if pace.enabled {
            let (interval, timeout) = (interval.as_std(), timeout.as_std());
            let (name, identity) = (name.to_owned(), identity.to_owned());
            self.samplers.push(Scheduled { name, interval, timeout, identity, sampler: Box::new(sampler) });
        }
        Ok(())
    }

    fn add_machine(&mut self) -> Result<(), SampleError> {
        let proc = Path::new("/proc");
        let SampleConfig { cpu, memory, load, temperature, monitor, disks, .. } = self.config;
        self.add("cpu", *cpu, "", CpuSampler::new(proc))?;
        self.add("memory", *memory, "", MemorySampler::new(proc))?;
        self.add("load", *load, "", LoadSampler::new(proc))?;
        self.add("temperature", *temperature, "", TemperatureSampler::new("/sys"))?;
        self.add("monitor", *monitor, "", OwnSampler::new())?;
        check_paths("disks.paths", &disks.paths)?;
        let DisksConfig { enabled, interval, timeout, paths, uses } = disks;
        if let Some(path) = uses.keys().find(|path| !paths.contains(path)) {
            let what = format!("{:?} is not among disks.paths", path.display());
            return Err(config("disks.uses", what, "add it there"));
        }
        let pace = Pace { enabled: *enabled && !paths.is_empty(), interval: *interval, timeout: *timeout };
        self.add("disks", pace, &format!("{paths:?} {uses:?}"), DiskSampler::new(paths.iter().cloned()).uses(uses))
    }

    fn add_devices(&mut self, open: Option<OpenDevice>) -> Result<(), SampleError> {
        let DevicesConfig { enabled, interval, timeout, ids, answer_within } = &self.config.devices;
        if !(1..=60_000).contains(&answer_within.as_millis()) {
            let what = format!("{answer_within} is not between 1ms and 1m");
            return Err(config("devices.answer_within", what, "write 100ms"));
        }
        let ids = ids.iter().map(|text| device_id(text)).collect::<Result<Vec<_>, _>>()?;
        let pace = Pace { enabled: *enabled && open.is_some(), interval: *interval, timeout: *timeout };
        let open = open.unwrap_or_else(|| Box::new(|| Err(dsmil_device::Error::Closed)));
        let sampler = DeviceSampler::new(ids.iter().copied(), open).answer_within(answer_within.as_std());
        self.add("devices", pace, &format!("{ids:?} {answer_within}"), sampler)
    }

    fn add_processes(&mut self) -> Result<(), SampleError> {
        let ProcessesConfig { enabled, interval, timeout, watch } = &self.config.processes;
        let mut names = BTreeSet::new();
        for process in watch {
            let key = || format!("processes.watch {:?}", process.name);
            if process.name.is_empty() || !names.insert(&process.name) {
                return Err(config(key(), "there are two of this name, or it is empty", "name each one differently"));
            }
            if process.pid_file.is_none() && process.exe.is_none() && process.command.is_none() {
                return Err(config(key(), "nothing says which process is meant", "write pid_file, exe or command"));
            }
            if process.command.as_ref().is_some_and(|command| command.is_empty() || command.len() > 15) {
                return Err(config(key(), "the kernel keeps 1 to 15 bytes of a name", "write the first 15, or write exe"));
            }
            check_paths(&key(), process.pid_file.iter().chain(&process.exe))?;
        }
        let wanted = |process: &ProcessConfig| {
            let ProcessConfig { name, pid_file, exe, command } = process.clone();
            ProcessMatch { name, pid_file, exe, command }
        };
        let pace = Pace { enabled: *enabled && !watch.is_empty(), interval: *interval, timeout: *timeout };
        self.add("processes", pace, &format!("{watch:?}"), ProcessSampler::new(watch.iter().map(wanted)))
    }

    fn add_sources(&mut self) -> Result<(), SampleError> {
        let SampleConfig { file, command, prometheus, .. } = self.config;
        for source in file {
            let key = self.source_name("file", &source.name)?;
            check_paths(&format!("{key}: path"), [&source.path])?;
            check_names(&key, &source.metrics, &source.labels)?;
            let marks = Marks::new(&source.labels, source.attestation);
            let sampler = FileSampler::new(&source.path, source.metrics.iter().cloned(), marks);
            let pace = Pace { enabled: true, interval: source.interval, timeout: source.timeout };
            self.add(&key, pace, &format!("{source:?}"), sampler)?;
        }
        for source in command {
            let key = self.source_name("command", &source.name)?;
            let Some((program, arguments)) = source.command.split_first() else {
                return Err(config(key, "command is empty", "write [\"/path/to/program\", \"argument\"]"));
            };
            check_paths(&format!("{key}: command"), [&PathBuf::from(program)])?;
            check_names(&key, &source.metrics, &source.labels)?;
            let marks = Marks::new(&source.labels, source.attestation);
            let sampler = CommandSampler::new(program, arguments, source.metrics.iter().cloned(), marks);
            let pace = Pace { enabled: true, interval: source.interval, timeout: source.timeout };
            self.add(&key, pace, &format!("{source:?}"), sampler)?;
        }
        for source in prometheus {
            let key = self.source_name("prometheus", &source.name)?;
            let sampler = server(&key, source)?;
            let pace = Pace { enabled: true, interval: source.interval, timeout: source.timeout };
            self.add(&key, pace, &format!("{source:?}"), sampler)?;
        }
        Ok(())
    }

    /// The sampler's name of a source, if no other has it.
    fn source_name(&self, kind: &str, name: &str) -> Result<String, SampleError> {
        let key = format!("{kind} {name}");
        if name.is_empty() || self.samplers.iter().any(|sampler| sampler.name == key) {
            return Err(config(key, "there are two of this name, or it is empty", "name each one differently"));
        }
        Ok(key)
    }
}

fn server(key: &str, source: &PrometheusConfig) -> Result<PrometheusSampler, SampleError> {
    if source.query.is_empty() {
        return Err(config(key, "there is no query", "write [[...prometheus.query]] with metric and query"));
    }
    if source.user.is_some() != source.password_file.is_some() || (source.user.is_some() && source.bearer_file.is_some()) {
        return Err(config(key, "who asks is not clear", "write bearer_file, or user and password_file, or none"));
    }
    check_paths(key, [&source.bearer_file, &source.password_file, &source.ca_file].into_iter().flatten())?;
    let mut metrics = BTreeSet::new();
    for QueryConfig { metric, query } in &source.query {
        if query.trim().is_empty() || !metrics.insert(metric) {
            return Err(config(format!("{key}: {metric}"), "the query is empty, or the metric has two", "one query a metric"));
        }
    }
    check_names(key, metrics.iter().copied(), &source.labels)?;
    let access = Access {
        bearer_file: source.bearer_file.clone(),
        user: source.user.clone(),
        password_file: source.password_file.clone(),
        ca_file: source.ca_file.clone(),
        allow_plain_http: source.allow_plain_http,
    };
    let query = |query: &QueryConfig| PrometheusQuery { metric: query.metric.clone(), query: query.query.clone() };
    let marks = Marks::new(&source.labels, source.attestation);
    PrometheusSampler::with_access(&source.url, access, source.query.iter().map(query), marks)
}

fn device_id(text: &str) -> Result<DeviceId, SampleError> {
    let key = "devices.ids";
    let Ok(id) = text.parse::<DeviceId>() else {
        return Err(config(key, format!("{text:?} is no device id"), "write \"0x8003\""));
    };
    if let Some(permanent) = id.permanent() {
        let what = format!("{id} is quarantined for ever ({}) and is never asked", permanent.what);
        return Err(config(key, what, "take it out"));
    }
    if !id.is_served() {
        return Err(config(key, format!("the driver has no {id}"), "write ids from 0x8000 to 0x806B"));
    }
    Ok(id)
}

fn check_paths<'a>(key: &str, paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), SampleError> {
    match paths.into_iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(config(key, format!("{:?} is not an absolute path", path.display()), "write it from / on")),
        None => Ok(()),
    }
}

fn check_names<'a>(
    key: &str,
    metrics: impl IntoIterator<Item = &'a String>,
    labels: &BTreeMap<String, String>,
) -> Result<(), SampleError> {
    if let Some(name) = metrics.into_iter().find(|name| !is_metric_name(name)) {
        return Err(config(key, format!("{name:?} is no metric's name"), "write letters, digits and _, not a digit first"));
    }
    if let Some(name) = labels.keys().find(|name| !is_label_name(name)) {
        return Err(config(key, format!("{name:?} is no label's name"), "write letters, digits and _, not a digit first"));
    }
    Ok(())
}

fn config(key: impl Into<String>, what: impl Into<String>, remedy: &str) -> SampleError {
    SampleError::Config { key: key.into(), what: what.into(), remedy: remedy.to_owned() }
}
