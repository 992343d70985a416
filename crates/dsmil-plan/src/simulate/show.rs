//! The result of a simulation as text.

use std::fmt;

use super::report::{Mode, ModeReport, SimulationReport, WaitingFor};
use crate::text::brief;

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(name) => write!(f, "gate {name}"),
            Self::Workers => f.write_str("the limit of workers"),
            Self::Load => f.write_str("the limit of load"),
            Self::Approval => f.write_str("an approval"),
            Self::Retry => f.write_str("the next attempt"),
            Self::Breaker(name) => write!(f, "breaker {name}"),
        }
    }
}

impl fmt::Display for SimulationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} runs, seed {}", self.plan, self.runs, self.seed)?;
        writeln!(f, "{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}", "", "expected", "min", "median", "p95", "max")?;
        for (name, mode) in
            [("dynamic", &self.dynamic), ("without triggers", &self.without_triggers), ("one at a time", &self.serial)]
        {
            line(f, name, mode)?;
        }
        writeln!(
            f,
            "dynamic saves {:.1} % of the time without triggers, {:.1} % of one step at a time (expected runs)",
            self.saving(Mode::Static),
            self.saving(Mode::Serial)
        )?;
        let own = &self.dynamic;
        write!(
            f,
            "{} completed, {} failed, {} rolled back, {} paused, {} stuck",
            own.completed, own.failed, own.rolled_back, own.paused, own.stuck
        )?;
        match own.in_window {
            Some(count) => writeln!(f, "; {count} within the window")?,
            None => writeln!(f)?,
        }
        writeln!(f, "peak: {} workers, load {} %", self.peak_workers, self.peak_load)?;
        if let Some(bottleneck) = &self.bottleneck {
            let (mean, runs) = (brief(bottleneck.mean), bottleneck.runs);
            writeln!(f, "bottleneck: {}, {mean} on the critical path on the mean, in {runs} runs", bottleneck.step)?;
        }
        let incidents = &self.incidents;
        writeln!(
            f,
            "over all runs: {} attempts and {} devices failed, {} fallbacks taken, {} breakers opened, {} runs degraded",
            incidents.attempts, incidents.devices, incidents.fallbacks, incidents.breakers, incidents.degraded
        )?;
        writeln!(f, "critical path, by frequency:")?;
        for path in &self.critical_paths {
            writeln!(f, "{:>7}  {}", path.runs, path.steps.join(" -> "))?;
        }
        if !self.waiting.is_empty() {
            writeln!(f, "waiting, mean of all runs and longest:")?;
        }
        for waiting in &self.waiting {
            writeln!(f, "{:>9}{:>9}  {}, in {} runs", brief(waiting.mean), brief(waiting.max), waiting.reason, waiting.runs)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, mode: &ModeReport) -> fmt::Result {
    write!(f, "{name:<22}{:>10}", brief(mode.expected))?;
    match &mode.ends {
        Some(ends) => {
            let [min, median, p95, max] = [ends.min, ends.median, ends.p95, ends.max].map(brief);
            writeln!(f, "{min:>10}{median:>10}{p95:>10}{max:>10}")
        }
        None => writeln!(f, "  none was completed"),
    }
}
