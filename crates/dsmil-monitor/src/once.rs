//! One round without a loop: every sampler once, the scores, one step.

use std::collections::BTreeSet;
use std::time::Duration;

use dsmil_gate::Samples;
use dsmil_health::Scores;
use dsmil_history::StateDir;
use dsmil_sample::{Clock, Runner, SamplerReport, Scheduled, SystemClock};

use crate::MonitorError;
use crate::core::{Core, Intake, Step};
use crate::monitor::{Start, WAITING_REPORTS};
use crate::scorer::{self, Surroundings, checks};
use crate::verdicts::VerdictLog;

/// How long samplers that were broken off are waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Takes one step, with each sampler's first sample and the scores, and ends. What it decides is in the store; notifications wait
/// there for the next monitor. Blocks for the slowest sampler, at most for its time-out.
///
/// # Errors
/// As [`Monitor::start`](crate::Monitor::start).
pub fn once(start: Start) -> Result<Step, MonitorError> {
    let Start { config, gates, config_path, state_dir, spec, options, run_dir, policy, callbacks, workers } = start;
    let held = StateDir::hold(&state_dir)?;
    let mut core = Core::open(held, config.clone(), gates, SystemClock.unix_ms())?;
    let files = config.file_rules(config_path.as_deref(), &state_dir);
    let around = Surroundings { spec, options, run_dir, policy, state_dir, files, workers };
    let mut samplers = config.samplers(&around)?;
    samplers.extend(callbacks);
    let reports = gather(samplers)?;
    // The checks look at what was just seen.
    core.step(Intake { reports, ..Intake::default() }, SystemClock.unix_ms());
    let samples = core.samples().read().clone();
    let mut checks = checks(&config.scores)?;
    if let Some(anchor) = core.audit_anchor()? {
        checks.set_audit_anchor(anchor);
    }
    let scores = scorer::run(&mut checks, &around, &around.open(), &samples, SystemClock.unix_ms());
    let intake = Intake { reports: Vec::new(), scores: Some(scores), audit_anchor: checks.audit_anchor() };
    let step = core.step(intake, SystemClock.unix_ms());
    VerdictLog::new(&around.run_dir).record(&step.evaluation, &step.changes)?;
    Ok(step)
}

/// Runs the checks behind the scores on what the machine is like now, without a monitor and without a store: each sampler's
/// first sample, and then the checks. Blocks as [`once`].
///
/// # Errors
/// As [`Monitor::start`](crate::Monitor::start).
pub fn validate(start: Start) -> Result<Scores, MonitorError> {
    let Start { config, config_path, state_dir, spec, options, run_dir, policy, workers, .. } = start;
    let files = config.file_rules(config_path.as_deref(), &state_dir);
    let around = Surroundings { spec, options, run_dir, policy, state_dir, files, workers };
    let samplers = config.samplers(&around)?;
    let mut samples = Samples::new();
    for report in gather(samplers)? {
        for measurement in report.measurements.iter().chain(&report.meter) {
            samples.take(measurement);
        }
    }
    Ok(scorer::run(&mut checks(&config.scores)?, &around, &around.open(), &samples, SystemClock.unix_ms()))
}

/// The first report of each, and what else comes meanwhile. One that hangs beyond its time-out is reported as failed.
fn gather(samplers: Vec<Scheduled>) -> Result<Vec<SamplerReport>, MonitorError> {
    let mut awaited: BTreeSet<String> = samplers.iter().map(|sampler| sampler.name.clone()).collect();
    let longest = samplers.iter().map(|sampler| sampler.timeout).max().unwrap_or(Duration::ZERO);
    let (runner, incoming) = Runner::start(samplers, WAITING_REPORTS)?;
    let mut reports = Vec::new();
    while !awaited.is_empty() {
        let Ok(report) = incoming.recv_timeout(longest + GRACE) else { break };
        awaited.remove(&*report.sampler);
        reports.push(report);
    }
    runner.stop(GRACE);
    reports.extend(incoming.try_iter());
    Ok(reports)
}
