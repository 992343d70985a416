//! Trying a plan before it is run: many runs in virtual time, with the same luck in each way of running it.

mod body;
mod draw;
mod gates;
mod machine;
mod report;
mod setup;
mod show;
mod timeline;
mod trace;

pub use report::{
    Bottleneck, CriticalPath, Ends, Incidents, Mode, ModeReport, SimulationReport, StepReport, Waiting, WaitingFor,
};
pub use timeline::{Bar, BarKind, Outcome, Row, Timeline};

use crate::Plan;
use draw::Chance;
use machine::Machine;
use setup::Setup;

/// The most runs of one simulation.
pub const MAX_RUNS: u32 = 1_000_000;

/// A simulation of a plan. Virtual time, no clock, no thread; the same plan, seed and number of runs give the same result
/// on every machine.
///
/// ```
/// # let text = r#"
/// # version = 1
/// # name = "two"
/// # [[worker]]
/// # id = "a"
/// # spread = "1h..3h"
/// # builtin = "wait"
/// # [[worker]]
/// # id = "b"
/// # needs = ["a"]
/// # duration = "1h"
/// # builtin = "wait"
/// # "#;
/// # let plan = dsmil_plan::Plan::parse(text, "two.toml", &|_| Err("there is none".into()))?;
/// let report = plan.simulation().runs(1000).seed(7).run();
/// let median = report.dynamic.ends.as_ref().unwrap().median;
/// assert!((2 * 3_600_000..=4 * 3_600_000).contains(&median));
/// # Ok::<(), dsmil_plan::PlanError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulation<'a> {
    plan: &'a Plan,
    runs: u32,
    seed: u64,
}

impl<'a> Simulation<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let table = &plan.file.simulation;
        Self { plan, runs: table.runs.unwrap_or(1000), seed: u64::from(table.seed.unwrap_or(1)) }
    }

    /// How many runs: from 1 to [`MAX_RUNS`]. Without it, as the plan says, or 1000.
    #[must_use]
    pub fn runs(mut self, runs: u32) -> Self {
        self.runs = runs.clamp(1, MAX_RUNS);
        self
    }

    /// Where the randomness starts from. Without it, as the plan says, or 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs them all, each in all three modes.
    pub fn run(&self) -> SimulationReport {
        let setup = Setup::of(self.plan);
        report::report(self.plan, &setup, self.runs, self.seed)
    }

    /// One of the runs, counted from 0, as a timeline.
    pub fn timeline(&self, mode: Mode, run: u32) -> Timeline {
        let setup = Setup::of(self.plan);
        let chance = Chance::of_run(self.seed, u64::from(run));
        timeline::timeline(self.plan, &setup, &Machine::new(&setup, mode, chance).run())
    }
}

impl Plan {
    /// A simulation of this plan.
    pub fn simulation(&self) -> Simulation<'_> {
        Simulation::of(self)
    }

    /// The run that is expected: everything takes its likely time, gates go, nothing fails; limits, priorities, triggers and
    /// help are as in the plan.
    pub fn timeline(&self, mode: Mode) -> Timeline {
        let setup = Setup::of(self);
        timeline::timeline(self, &setup, &Machine::new(&setup, mode, Chance::None).run())
    }
}
