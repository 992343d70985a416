//! Plans: what is to be done, by whom, in which order, under which gates, and what happens when it goes wrong.
//!
//! A [`Plan`] is read from a file and all that it includes; everything that is wrong with it is told at once, with its place.
//! Its [`Graph`] says what waits for what and what the end depends on; a [`Simulation`] tries it in virtual time before it is
//! run; a [`Timeline`] is one run as a picture. The crate is pure: files come through a function that the caller gives, there is
//! no clock and no thread, and every number is the same on every machine. What every key means stands in `docs/plans.md`.
//!
//! ```
//! use dsmil_plan::{Mode, Plan};
//!
//! let text = r#"
//!     version = 1
//!     name = "tea"
//!     [[worker]]
//!     id = "boil"
//!     duration = "4m"
//!     builtin = "wait"
//!     [[worker]]
//!     id = "pour"
//!     needs = ["boil"]
//!     duration = "1m"
//!     builtin = "wait"
//! "#;
//! let plan = Plan::parse(text, "tea.toml", &|path| std::fs::read_to_string(path).map_err(|error| error.to_string()))?;
//! assert_eq!(plan.graph().critical_path(), ["boil", "pour"]);
//! assert_eq!(plan.timeline(Mode::Dynamic).end, 5 * 60_000);
//! # Ok::<(), dsmil_plan::PlanError>(())
//! ```

#![forbid(unsafe_code)]

mod check;
mod draw;
mod error;
mod estimate;
mod graph;
mod lint;
mod model;
mod net;
mod percent;
mod place;
mod plan;
mod read;
mod rollout;
mod simulate;
mod text;

pub use error::{PlanError, PlanFault};
pub use estimate::Estimate;
pub use graph::{Edge, EdgeKind, Graph, Step, StepKind};
pub use lint::Lint;
pub use model::{
    Action, Approval, Breaker, Builtin, Condition, Content, DeviceItem, Devices, Escalation, EventKind, Format, GateOdds, Help,
    Hook, Hooks, Level, Limits, On, OnDeviceFail, OnFail, Phase, Pipeline, Population, Report, ReportAt, Response, Rollback,
    RollbackOn, SimulationTable, Spread, Stage, StepOdds, Store, Trigger, VerdictOf, Worker,
};
pub use percent::Percent;
pub use place::{Name, Place};
pub use plan::Plan;
pub use read::Loader;
pub use simulate::{
    Bar, BarKind, Bottleneck, CriticalPath, Ends, Incidents, MAX_RUNS, Mode, ModeReport, Outcome, Row, Simulation,
    SimulationReport, StepReport, Timeline, Waiting, WaitingFor,
};
