//! What a plan file says. The same structures are the file's schema and, written as TOML, a file that says the same.

use std::collections::BTreeMap;

use serde::Serialize;

mod device;
mod order;
mod simulation;
mod stage;
mod watch;
mod worker;

pub use device::{DeviceItem, Devices};
pub use order::{Breaker, Condition, Limits, On, Phase, Pipeline, Population, Trigger, VerdictOf};
pub use simulation::{GateOdds, SimulationTable, StepOdds};
pub use stage::{OnDeviceFail, Stage};
pub use watch::{Content, Escalation, EventKind, Format, Level, Report, ReportAt, Response, Rollback, RollbackOn, Store};
pub use worker::{Action, Approval, Builtin, Help, Hook, Hooks, OnFail, Spread, Worker};

use crate::Name;

/// A plan: what is to be done, by whom, in which order, under which gates, and what happens when it goes wrong.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "dsmil plan file"))]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The version of the file's format: 1.
    #[cfg_attr(feature = "schema", schemars(extend("const" = 1)))]
    pub(crate) version: u32,
    /// The plan's name: letters, digits, `-`, `_` and `.`. Not in an included file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Name>,
    /// Its title, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// Further plan files, by their paths relative to this one; what they say is added to the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) include: Vec<Name>,
    /// The files of the gates that are named in this plan, by their paths relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gate_files: Vec<Name>,
    /// Who is named in this plan and does no step of it: the name, and who that is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) people: BTreeMap<String, String>,
    /// How much may run at once, and how long the run may take.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Where the steps keep what they tell each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<Store>,
    /// What is done around every worker's step.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub(crate) hooks: Hooks,
    /// The devices.
    #[serde(default, skip_serializing_if = "Devices::is_empty")]
    pub(crate) devices: Devices,
    /// The phases, written as one `[[phase]]` each, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) phase: Vec<Phase>,
    /// What goes on beside the phases, written as one `[[pipeline]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pipeline: Vec<Pipeline>,
    /// The workers, written as one `[[worker]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) worker: Vec<Worker>,
    /// The stages of the rollout, written as one `[[stage]]` each, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stage: Vec<Stage>,
    /// What starts further workers on the way, written as one `[[trigger]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) trigger: Vec<Trigger>,
    /// Circuit breakers, written as one `[[breaker]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) breaker: Vec<Breaker>,
    /// Workers of which some may fail, written as one `[[population]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) population: Vec<Population>,
    /// Who hears of what, written as one `[[escalation]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) escalation: Vec<Escalation>,
    /// When to go back, and how far, written as one `[[rollback]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rollback: Vec<Rollback>,
    /// What is told to whom, written as one `[[report]]` each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) report: Vec<Report>,
    /// What the simulation assumes.
    #[serde(default, skip_serializing_if = "SimulationTable::is_empty")]
    pub(crate) simulation: SimulationTable,
}

impl File {
    pub(crate) fn empty() -> Self {
        Self {
            version: 1,
            name: None,
            title: None,
            description: None,
            include: Vec::new(),
            gate_files: Vec::new(),
            people: BTreeMap::new(),
            limits: Limits::default(),
            store: None,
            hooks: Hooks::default(),
            devices: Devices::default(),
            phase: Vec::new(),
            pipeline: Vec::new(),
            worker: Vec::new(),
            stage: Vec::new(),
            trigger: Vec::new(),
            breaker: Vec::new(),
            population: Vec::new(),
            escalation: Vec::new(),
            rollback: Vec::new(),
            report: Vec::new(),
            simulation: SimulationTable::default(),
        }
    }
}
