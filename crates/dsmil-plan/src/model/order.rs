//! Phases, pipelines, triggers, and how much may run at once.

use dsmil_gate::Verdict;
use dsmil_toml::Period;
use serde::Serialize;

use crate::model::{Approval, OnFail};
use crate::{Name, Percent};

/// How much may run at once, and how long the run may take.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most workers that run at once; no limit if it is not given. Stages don't count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub workers: Option<u32>,
    /// The most load at once, in percent; 100 if it is not given.
    #[serde(default)]
    pub load: Percent,
    /// The longest that the whole run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Period>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { workers: None, load: Percent::WHOLE, window: None }
    }
}

/// A phase: its members start together, and the next phase starts when all of them have ended.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name: letters, digits, `-`, `_` and `.`; unique among workers, stages, phases and pipelines.
    pub name: Name,
    /// Its title, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What must have ended before. Without it, the phase before this one; `[]` for nothing.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub needs: Vec<Name>,
    /// The gate that is asked before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Name>,
    /// The gate that is asked when all of its members have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Name>,
    /// After what time a gate that holds is asked again; without it, as the gate says, or 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<Period>,
    /// After what time of holding a gate counts as no-go; never, if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Period>,
    /// Who must agree before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The time after the start of the run by which it is to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
    /// What it means for the run when a gate of the phase says no-go; `abort` if it is not given.
    #[serde(default)]
    pub on_fail: OnFail,
}

/// Workers that go on beside the phases.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Its name: letters, digits, `-`, `_` and `.`; unique among workers, stages, phases and pipelines.
    pub name: Name,
    /// Its title, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The phases beside which it goes on: its workers that have no duration end when these have ended. Without it, all.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub beside: Vec<Name>,
}

/// Workers of which some may fail.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Its name.
    pub name: Name,
    /// The workers.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub members: Vec<Name>,
    /// How many must not have failed. As long as so many are left, a member's failure doesn't stop the run: it goes on, degraded.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub minimum: u32,
    /// What it means for the run when fewer are left; `abort` if it is not given.
    #[serde(default)]
    pub on_below: OnFail,
}

/// A circuit breaker: after failures in a row nobody goes through it for a while, then one may try.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Its name.
    pub name: Name,
    /// After how many failed attempts in a row it opens; 3 if it is not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub failures: u32,
    /// How long it stays open; then one attempt may be made, which closes it or opens it again. 1 minute if it is not given.
    #[serde(default)]
    pub cool_down: Period,
}

/// When something happens, and the conditions hold, start further workers.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// What sets it off.
    pub on: On,
    /// What must hold when it is set off.
    #[serde(default, rename = "if", skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
    /// The workers that are started. They don't start otherwise.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub start: Vec<Name>,
    /// After what time the gate is asked again when it doesn't go; without it, as the gate says, or 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<Period>,
    /// For how long that is done; without it, as long as the condition `running` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Period>,
}

/// What sets a trigger off: exactly one of these.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// All of these have ended well.
    Completed(Vec<Name>),
    /// One of these has failed for good.
    Failed(Vec<Name>),
    /// A gate has said this when somebody asked it.
    Verdict(VerdictOf),
    /// So long after the start of the run.
    Time(Period),
}

/// A gate, and what it says.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VerdictOf {
    /// The gate.
    pub gate: Name,
    /// Its verdict.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["go", "hold", "no-go", "roll-back"]), with = "String"))]
    pub is: Verdict,
}

/// What must hold when a trigger is set off.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The gate must go; otherwise it is asked again after `recheck`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Name>,
    /// These must have started and not ended; otherwise the trigger is spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub running: Vec<Name>,
}

impl Condition {
    pub(crate) fn is_empty(&self) -> bool {
        self.gate.is_none() && self.running.is_empty()
    }
}
