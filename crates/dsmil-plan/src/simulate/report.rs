//! What many runs have shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::draw::Chance;
use super::machine::Machine;
use super::setup::Setup;
use super::trace::{Cause, Outcome, Trace};
use crate::net::What;
use crate::{Percent, Plan};

/// A way of running a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// As the plan says.
    Dynamic,
    /// Without triggers on the way: they are looked at when everything else has ended. What then helps nobody any more is left out.
    Static,
    /// As `Static`, and one step at a time.
    Serial,
}

/// When the runs ended that were completed, in milliseconds from their start; each is the time of one of these runs (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// The earliest.
    pub min: i64,
    /// Half of them ended by then.
    pub median: i64,
    /// 95 % of them ended by then.
    pub p95: i64,
    /// The latest.
    pub max: i64,
    /// The mean, rounded down.
    pub mean: i64,
}

/// The runs in one mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModeReport {
    /// The mode.
    pub mode: Mode,
    /// When everything takes its likely time, gates go and nothing fails.
    pub expected: i64,
    /// When they ended; `None` if none was completed.
    pub ends: Option<Ends>,
    /// How many were completed.
    pub completed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many went back.
    pub rolled_back: u32,
    /// How many waited for a person in the end.
    pub paused: u32,
    /// How many never ended, because a gate held without end.
    pub stuck: u32,
    /// How many were completed within the plan's window; `None` if it has none.
    pub in_window: Option<u32>,
}

/// A way on which the end depended, and in how many runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CriticalPath {
    /// The steps, in their order.
    pub steps: Vec<String>,
    /// In how many runs the end depended on just these.
    pub runs: u32,
}

/// A step over all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// In how many runs it ran.
    pub ran: u32,
    /// In how many completed runs the end depended on it.
    pub critical: u32,
    /// How long it took on the mean, from its start to its end, in milliseconds.
    pub mean: i64,
    /// How long it waited on the mean for gates, limits and the like, in milliseconds.
    pub waited: i64,
}

/// What steps waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingFor {
    /// A gate that holds.
    Gate(String),
    /// The limit of workers.
    Workers,
    /// The limit of load.
    Load,
    /// A person.
    Approval,
    /// The delay before the next attempt.
    Retry,
    /// A circuit breaker.
    Breaker(String),
}

/// How long steps waited for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// For what.
    pub reason: WaitingFor,
    /// In how many runs anything did.
    pub runs: u32,
    /// For how long, summed over the steps of a run, on the mean of all runs, in milliseconds.
    pub mean: i64,
    /// In the run in which it was longest.
    pub max: i64,
}

/// What the end depends on most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bottleneck {
    /// The step.
    pub step: String,
    /// How long it is on the critical path on the mean of the completed runs, in milliseconds.
    pub mean: i64,
    /// In how many runs it is there.
    pub runs: u32,
}

/// What a simulation has shown. Counts are of runs; all times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SimulationReport {
    /// The plan's name.
    pub plan: String,
    /// The plan's fingerprint.
    pub fingerprint: String,
    /// How many runs.
    pub runs: u32,
    /// Where the randomness started from.
    pub seed: u64,
    /// As the plan says.
    pub dynamic: ModeReport,
    /// Without triggers on the way.
    #[serde(rename = "static")]
    pub without_triggers: ModeReport,
    /// One step at a time.
    pub serial: ModeReport,
    /// The ways on which the end of the completed runs depended, the most frequent first; at most 10.
    pub critical_paths: Vec<CriticalPath>,
    /// Every worker and stage.
    pub steps: Vec<StepReport>,
    /// What was waited for, the longest first.
    pub waiting: Vec<Waiting>,
    /// The most load at once in any run, in percent.
    pub peak_load: Percent,
    /// The most workers at once in any run.
    pub peak_workers: u32,
    /// What the end depends on most.
    pub bottleneck: Option<Bottleneck>,
    /// Attempts that failed, devices that failed, fallbacks taken, breakers opened: over all runs.
    pub incidents: Incidents,
}

/// What went wrong over all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Incidents {
    /// Attempts that failed.
    pub attempts: u64,
    /// Devices that failed.
    pub devices: u64,
    /// Fallbacks that were taken.
    pub fallbacks: u64,
    /// How often a circuit breaker opened.
    pub breakers: u64,
    /// Runs that went on with a reduced population.
    pub degraded: u32,
}

impl SimulationReport {
    /// What share of the time running dynamically saves, in percent of the other mode's time, by the expected run. Negative
    /// if it takes longer; 0 if the other takes no time.
    pub fn saving(&self, other: Mode) -> f64 {
        let base = match other {
            Mode::Dynamic => self.dynamic.expected,
            Mode::Static => self.without_triggers.expected,
            Mode::Serial => self.serial.expected,
        };
        if base == 0 { 0.0 } else { 100.0 * (base - self.dynamic.expected) as f64 / base as f64 }
    }
}

pub(super) fn report(plan: &Plan, setup: &Setup<'_>, runs: u32, seed: u64) -> SimulationReport {
    let mut tally = Tally::new(setup);
    let dynamic = mode(setup, Mode::Dynamic, runs, seed, |trace| tally.add(trace));
    let without_triggers = mode(setup, Mode::Static, runs, seed, |_| {});
    let serial = mode(setup, Mode::Serial, runs, seed, |_| {});
    tally.report(plan, setup, [dynamic, without_triggers, serial], runs, seed)
}

fn mode(setup: &Setup<'_>, mode: Mode, runs: u32, seed: u64, mut each: impl FnMut(&Trace)) -> ModeReport {
    let mut ends = Vec::new();
    let expected = Machine::new(setup, mode, Chance::None).run().end;
    let window = setup.file.limits.window;
    let mut report = ModeReport {
        mode,
        expected,
        ends: None,
        completed: 0,
        failed: 0,
        rolled_back: 0,
        paused: 0,
        stuck: 0,
        in_window: window.map(|_| 0),
    };
    for run in 0..runs {
        let trace = Machine::new(setup, mode, Chance::of_run(seed, u64::from(run))).run();
        match trace.outcome {
            Outcome::Completed => {
                report.completed += 1;
                ends.push(trace.end);
                if let (Some(count), Some(window)) = (&mut report.in_window, window) {
                    *count += u32::from(trace.end <= window.as_millis());
                }
            }
            Outcome::Failed(_) => report.failed += 1,
            Outcome::RolledBack(_) => report.rolled_back += 1,
            Outcome::Paused(_) => report.paused += 1,
            Outcome::Stuck => report.stuck += 1,
        }
        each(&trace);
    }
    ends.sort_unstable();
    report.ends = summary(&ends);
    report
}

fn summary(ends: &[i64]) -> Option<Ends> {
    let (min, max) = (*ends.first()?, *ends.last()?);
    let rank = |hundredths: usize| ends[(ends.len() * hundredths).div_ceil(100).max(1) - 1];
    let sum: i128 = ends.iter().map(|end| i128::from(*end)).sum();
    let mean = i64::try_from(sum / ends.len() as i128).unwrap_or(max);
    Some(Ends { min, median: rank(50), p95: rank(95), max, mean })
}

/// What is counted over the runs.
struct Tally {
    paths: BTreeMap<Vec<usize>, u32>,
    ran: Vec<u32>,
    critical: Vec<u32>,
    critical_time: Vec<i128>,
    time: Vec<i128>,
    waited: Vec<i128>,
    waits: BTreeMap<Cause, (u32, i128, i64)>,
    peak_load: u64,
    peak_workers: u32,
    incidents: Incidents,
}

impl Tally {
    fn new(setup: &Setup<'_>) -> Self {
        let count = setup.net.nodes.len();
        Self {
            paths: BTreeMap::new(),
            ran: vec![0; count],
            critical: vec![0; count],
            critical_time: vec![0; count],
            time: vec![0; count],
            waited: vec![0; count],
            waits: BTreeMap::new(),
            peak_load: 0,
            peak_workers: 0,
            incidents: Incidents::default(),
        }
    }

    fn add(&mut self, trace: &Trace) {
        let critical: &[usize] = if trace.outcome == Outcome::Completed { &trace.path } else { &[] };
        if !critical.is_empty() {
            *self.paths.entry(trace.path.clone()).or_insert(0) += 1;
        }
        for (node, (start, end)) in &trace.times {
            self.ran[*node] += 1;
            self.time[*node] += i128::from(end - start);
        }
        for node in critical {
            self.critical[*node] += 1;
            self.critical_time[*node] += trace.times.get(node).map_or(0, |(start, end)| i128::from(end - start));
        }
        for (node, time) in &trace.waits_of {
            self.waited[*node] += i128::from(*time);
        }
        for (cause, time) in &trace.waits {
            let entry = self.waits.entry(*cause).or_insert((0, 0, 0));
            *entry = (entry.0 + 1, entry.1 + i128::from(*time), entry.2.max(*time));
        }
        self.peak_load = self.peak_load.max(trace.peak_load);
        self.peak_workers = self.peak_workers.max(trace.peak_workers);
        self.incidents.attempts += u64::from(trace.failures);
        self.incidents.devices += u64::from(trace.failed_devices);
        self.incidents.fallbacks += u64::from(trace.fallbacks);
        self.incidents.breakers += u64::from(trace.opened);
        self.incidents.degraded += u32::from(trace.degraded);
    }

    fn report(self, plan: &Plan, setup: &Setup<'_>, modes: [ModeReport; 3], runs: u32, seed: u64) -> SimulationReport {
        let name = |node: usize| setup.net.nodes[node].name.to_string();
        let mean = |sum: i128, count: u32| i64::try_from(sum / i128::from(count.max(1))).unwrap_or(0);
        let mut paths: Vec<(Vec<usize>, u32)> = self.paths.into_iter().collect();
        paths.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
        paths.truncate(10);
        let steps = (0..setup.net.nodes.len()).filter(|node| !matches!(setup.net.nodes[*node].what, What::Phase(_)));
        let step = |node: usize| StepReport {
            name: name(node),
            ran: self.ran[node],
            critical: self.critical[node],
            mean: mean(self.time[node], self.ran[node]),
            waited: mean(self.waited[node], runs),
        };
        let bottleneck = (0..self.critical.len()).filter(|node| self.critical[*node] > 0);
        let bottleneck = bottleneck.max_by_key(|node| (self.critical_time[*node], std::cmp::Reverse(*node)));
        let reason = |cause: Cause| match cause {
            Cause::Gate(gate) => Some(WaitingFor::Gate(setup.gates.name(gate).to_owned())),
            Cause::Workers => Some(WaitingFor::Workers),
            Cause::Load => Some(WaitingFor::Load),
            Cause::Approval => Some(WaitingFor::Approval),
            Cause::Retry => Some(WaitingFor::Retry),
            Cause::Breaker(breaker) => Some(WaitingFor::Breaker(plan.file.breaker[breaker].name.to_string())),
            Cause::OneAtATime => None,
        };
        let waiting = self.waits.iter().filter_map(|(cause, (in_runs, sum, max))| {
            Some(Waiting { reason: reason(*cause)?, runs: *in_runs, mean: mean(*sum, runs), max: *max })
        });
        let mut waiting: Vec<Waiting> = waiting.collect();
        waiting.sort_by_key(|waiting| std::cmp::Reverse(waiting.mean));
        let [dynamic, without_triggers, serial] = modes;
        let completed = dynamic.completed;
        SimulationReport {
            plan: plan.name().to_owned(),
            fingerprint: plan.fingerprint().to_owned(),
            runs,
            seed,
            dynamic,
            without_triggers,
            serial,
            critical_paths: paths
                .into_iter()
                .map(|(steps, runs)| CriticalPath { steps: steps.into_iter().map(name).collect(), runs })
                .collect(),
            steps: steps.map(step).collect(),
            waiting,
            peak_load: Percent::from_millionths(u32::try_from(self.peak_load).unwrap_or(u32::MAX)),
            peak_workers: self.peak_workers,
            bottleneck: bottleneck.map(|node| Bottleneck {
                step: name(node),
                mean: mean(self.critical_time[node], completed),
                runs: self.critical[node],
            }),
            incidents: self.incidents,
        }
    }
}
