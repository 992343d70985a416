//! What the simulation assumes. The run itself doesn't look at it.

use std::collections::BTreeMap;

use dsmil_toml::Period;
use serde::Serialize;

use crate::{Percent, model::Spread};

/// What the simulation assumes where the plan leaves it to the world.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SimulationTable {
    /// How many runs; 1000 if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000000)))]
    pub runs: Option<u32>,
    /// Where the randomness starts from; 1 if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// How long a person takes to approve; 0 if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Period>,
    /// Between what bounds that lies: `10m..2h` or `10%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_spread: Option<Spread>,
    /// How often adding a device fails, in percent; 0 if it is not given.
    #[serde(default)]
    pub device_failure: Percent,
    /// What the gates say; a gate that is not named always goes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gates: BTreeMap<String, GateOdds>,
    /// What the workers do; one that is not named never fails.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workers: BTreeMap<String, StepOdds>,
}

impl SimulationTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_none()
            && self.seed.is_none()
            && self.approval.is_none()
            && self.device_failure == Percent::NONE
            && self.gates.is_empty()
            && self.workers.is_empty()
    }
}

/// What a gate says each time that it is asked, in percent; the rest is go. A gate that is watched in the background is
/// drawn once for the whole step.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GateOdds {
    /// How often it holds.
    #[serde(default)]
    pub hold: Percent,
    /// How often it says no-go.
    #[serde(default, rename = "no-go")]
    pub no_go: Percent,
    /// How often it asks to roll back.
    #[serde(default, rename = "roll-back")]
    pub roll_back: Percent,
    /// It holds in any case until so long after the start of the run.
    #[serde(default)]
    pub opens_after: Period,
}

/// What a worker does, in percent of its attempts.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepOdds {
    /// How often an attempt fails, at its end.
    #[serde(default)]
    pub failure: Percent,
}
