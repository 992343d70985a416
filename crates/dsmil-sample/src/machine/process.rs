//! Processes: whether they run, what they take, and how often they were started.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use dsmil_gate::Labels;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

use crate::sampler::label;
use crate::{Batch, SampleError, Sampler};

/// Which processes are meant. What is given must all fit; one of the three has to be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessMatch {
    /// The label `process`.
    pub name: String,
    /// A file with the process id. Without the file there is no such process.
    pub pid_file: Option<PathBuf>,
    /// The path of the program. Of other users' processes only root can see it.
    pub exe: Option<PathBuf>,
    /// The name as the kernel has it: at most 15 bytes.
    pub command: Option<String>,
}

/// `process_up{process}`, `process_count{process}`, `process_cpu_percent{process}` (of one processor, over all that match),
/// `process_memory_bytes{process}` (resident) and `process_starts_total{process}`.
pub struct ProcessSampler {
    watched: Vec<Watched>,
    system: Option<System>,
}

#[derive(Debug)]
struct Watched {
    wanted: ProcessMatch,
    labels: Labels,
    /// Those of the last look, and the processor time that each had had.
    seen: BTreeMap<Identity, u64>,
    looked: Option<Duration>,
    starts: u64,
}

/// A process id and when it was started: ids come again.
type Identity = (u32, u64);

impl std::fmt::Debug for ProcessSampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessSampler").field("watched", &self.watched).finish_non_exhaustive()
    }
}

impl ProcessSampler {
    /// Watches these.
    pub fn new(wanted: impl IntoIterator<Item = ProcessMatch>) -> Self {
        let watched = |wanted: ProcessMatch| {
            let labels = label("process", wanted.name.clone());
            Watched { wanted, labels, seen: BTreeMap::new(), looked: None, starts: 0 }
        };
        Self { watched: wanted.into_iter().map(watched).collect(), system: None }
    }
}

impl Sampler for ProcessSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        ["process_up", "process_count", "process_cpu_percent", "process_memory_bytes", "process_starts_total"]
            .map(Cow::from)
            .into()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let ids: Vec<_> = self.watched.iter().map(Watched::pid).collect();
        let system = match &mut self.system {
            Some(system) => system,
            None => self.system.insert(System::new().map_err(|error| SampleError::parse("/proc", error.to_string()))?),
        };
        let (at, now) = (batch.now(), batch.steady());
        refresh(system, &self.watched, &ids)?;
        for (watched, pid) in self.watched.iter_mut().zip(ids) {
            match pid {
                Ok(pid) => watched.report(system, pid, at, now, batch),
                Err(error) => batch.problem(error),
            }
        }
        Ok(())
    }
}

/// Reads of the processes what is needed: all of them only where one is wanted by its name.
fn refresh(system: &mut System, watched: &[Watched], ids: &[Result<Option<Pid>, SampleError>]) -> Result<(), SampleError> {
    let by_id = |watched: &Watched| watched.wanted.pid_file.is_some();
    let exe = watched.iter().any(|watched| watched.wanted.exe.is_some());
    let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
    let what = if exe { what.with_exe(UpdateKind::Always) } else { what };
    if watched.iter().all(by_id) {
        // Those of the last look too, or they would stay as they were.
        let named = ids.iter().filter_map(|id| id.as_ref().ok().copied().flatten());
        let wanted: BTreeSet<Pid> = named.chain(system.processes().keys().copied()).collect();
        let wanted: Vec<Pid> = wanted.into_iter().collect();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), true, what);
        return Ok(());
    }
    match system.refresh_processes_specifics(ProcessesToUpdate::All, true, what) {
        // This process at least is there.
        0 => Err(SampleError::parse("/proc", "not one process can be seen in it")),
        _ => Ok(()),
    }
}

impl Watched {
    /// The id in the file, if there is to be one; `None` inside: no file, or none is asked for.
    fn pid(&self) -> Result<Option<Pid>, SampleError> {
        let Some(path) = &self.wanted.pid_file else { return Ok(None) };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SampleError::read(path, error)),
        };
        match text.trim_ascii().parse::<u32>() {
            Ok(id) if id > 0 => Ok(Some(Pid::from_u32(id))),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(SampleError::parse(path.display().to_string(), format!("{shown:?} is not a process id")))
            }
        }
    }

    fn fits(&self, process: &Process) -> bool {
        let command = |wanted: &String| process.name() == OsStr::new(wanted);
        let runs = !matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
        runs && process.thread_kind().is_none()
            && self.wanted.exe.as_ref().is_none_or(|exe| process.exe() == Some(exe))
            && self.wanted.command.as_ref().is_none_or(command)
    }

    fn report(&mut self, system: &System, pid: Option<Pid>, at: i64, now: Duration, batch: &mut Batch<'_>) {
        let found: Vec<&Process> = match (&self.wanted.pid_file, pid) {
            (Some(_), None) => Vec::new(),
            (Some(_), Some(pid)) => system.process(pid).into_iter().filter(|process| self.fits(process)).collect(),
            (None, _) => system.processes().values().filter(|process| self.fits(process)).collect(),
        };
        let identity = |process: &Process| (process.pid().as_u32(), process.start_time());
        let seen: BTreeMap<Identity, u64> =
            found.iter().map(|process| (identity(process), process.accumulated_cpu_time())).collect();
        self.starts += seen.keys().filter(|identity| !self.seen.contains_key(identity)).count() as u64;
        // What had begun before the last look counts from there on; what has begun since counts whole.
        let used = seen.iter().map(|(identity, used)| used.saturating_sub(self.seen.get(identity).copied().unwrap_or(0)));
        let used_ms: u64 = used.sum();
        let passed = self.looked.replace(now).map(|then| now.saturating_sub(then)).filter(|passed| !passed.is_zero());
        self.seen = seen;
        let memory: u64 = found.iter().map(|process| process.memory()).sum();
        batch.add_with("process_up", &self.labels, at, f64::from(!found.is_empty()));
        batch.add_with("process_count", &self.labels, at, found.len() as f64);
        batch.add_with("process_starts_total", &self.labels, at, self.starts as f64);
        batch.add_with("process_memory_bytes", &self.labels, at, memory as f64);
        if let Some(passed) = passed {
            let percent = 100.0 * (used_ms as f64 / 1e3) / passed.as_secs_f64();
            batch.add_with("process_cpu_percent", &self.labels, at, percent);
        }
    }
}
