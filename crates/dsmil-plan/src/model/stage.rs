//! Stages: devices, or shares of something else, added step by step under gates.

use dsmil_toml::Period;
use serde::Serialize;

use crate::model::{Approval, DeviceItem, Hook, OnFail, Spread};
use crate::{Name, Percent};

/// A stage of the rollout: devices are added one after the other, watched, and kept if the gates say so.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its name: letters, digits, `-`, `_` and `.`; unique among workers, stages, phases and pipelines.
    pub name: Name,
    /// Its title, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The phase that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Name>,
    /// Who goes first when not all can: 1 before 2, up to 9; 5 if it is not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9)))]
    pub priority: u8,
    /// The workers, stages and phases that must have ended before. Without it, the stage before this one.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub needs: Vec<Name>,
    /// The workers, stages and phases that must have started before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alongside: Vec<Name>,
    /// How many devices are monitored after it. Without it, all of its devices are added; with it, those that are left
    /// over take the places of devices that fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<u32>,
    /// The devices that it adds, in their order: ids, ranges, names of sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceItem>,
    /// Shares of its devices, or of whatever `apply` deploys to, in percent, ascending to 100: `[10, 50, 100]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub percent: Vec<Percent>,
    /// How many devices are added at once; 1 if it is not given. Not with percentages.
    #[serde(default, skip_serializing_if = "is_one")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 108)))]
    pub batch: u32,
    /// How long adding one batch, or applying one percentage step, is expected to take; 1 second if it is not given.
    #[serde(default)]
    pub step_duration: Period,
    /// Between what bounds that lies: `1s..5s` or `10%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_spread: Option<Spread>,
    /// How long each batch, or each percentage step, is watched before the next; 0 if it is not given.
    #[serde(default)]
    pub step_observe: Period,
    /// How long all of it is watched after the last one; 0 if it is not given.
    #[serde(default)]
    pub observe: Period,
    /// The shortest time from its start to its exit gate, observation included; 0 if it is not given.
    #[serde(default)]
    pub minimum: Period,
    /// Its share of the load, in percent; 0 if it is not given.
    #[serde(default)]
    pub load: Percent,
    /// What applies one percentage step where there are no devices; `{percent}` in an argument is the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Hook>,
    /// What takes it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Hook>,
    /// The gate that is asked before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Name>,
    /// The gate that is asked when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Name>,
    /// The gates that are watched all the while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub background: Vec<Name>,
    /// After what time a gate that holds is asked again; without it, as the gate says, or 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<Period>,
    /// After what time of holding a gate counts as no-go; never, if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Period>,
    /// Who must agree before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What becomes of a device that fails; `skip` if it is not given.
    #[serde(default)]
    pub on_device_fail: OnDeviceFail,
    /// The stage has failed when more than this share of its devices has; 10 % if it is not given.
    #[serde(default)]
    pub max_failures: Percent,
    /// What its failure means for the run; `roll-back` if it is not given.
    #[serde(default)]
    pub on_fail: OnFail,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_one(batch: &u32) -> bool {
    *batch == 1
}

/// What becomes of a device that fails while it is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnDeviceFail {
    /// It is taken out again and isolated, the stage goes on without it, and it counts towards `max_failures`.
    #[default]
    Skip,
    /// The stage has failed at once.
    FailStage,
    /// It is taken out again, and nothing further is added until a person decides.
    Pause,
}

impl OnDeviceFail {
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("skip", Self::Skip), ("fail-stage", Self::FailStage), ("pause", Self::Pause)];
}
