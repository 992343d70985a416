//! Workers: who does what, when, for how long, and what happens if it fails.

use std::collections::BTreeMap;

use dsmil_toml::Period;
use serde::Serialize;

use crate::{Name, Percent};

/// A worker: one step of the plan, done by somebody or something with a role.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = [
    { "required": ["command"] },
    { "required": ["builtin"] },
    { "required": ["callback"] },
])))]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Its name: letters, digits, `-`, `_` and `.`; unique among workers, stages, phases and pipelines.
    pub id: Name,
    /// What it is, such as `Security Engineer`. Escalations and reports may name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it is to do, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The worker or person that its result is reported to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Name>,
    /// Its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The phase that it belongs to: it starts when the phase does, and the phase ends when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Name>,
    /// The pipeline that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Name>,
    /// Who goes first when not all can: 1 before 2, up to 9; 5 if it is not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9)))]
    pub priority: u8,
    /// The workers, stages and phases that must have ended before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Name>,
    /// The workers, stages and phases that must have started before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alongside: Vec<Name>,
    /// In place of a duration: it goes on until all of these have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<Name>,
    /// How long it is expected to take, such as `1h30m`. Without it, the middle of the spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Period>,
    /// Between what bounds its duration lies: `1h..2h`, both included, or `10%`, to both sides. Without it, the duration is exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Its share of the load, in percent; 0 if it is not given.
    #[serde(default)]
    pub load: Percent,
    /// A program and its arguments; no shell reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What dsmil can do by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
    /// The name of a handler that the calling program gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// Arguments of the built-in action or the handler, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// The environment of the command: nothing else is passed on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The directory that the command runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// What it is to leave behind: files or other results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliverables: Vec<String>,
    /// The gate that is asked before each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Name>,
    /// The gate that says whether it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<Name>,
    /// After what time a gate that holds is asked again; without it, as the gate says, or 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recheck: Option<Period>,
    /// After what time of holding a gate counts as no-go; never, if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Period>,
    /// Who must agree before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What is done before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Hook>,
    /// What is done after it, also if it fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Hook>,
    /// The longest that one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// How often it is tried again after it failed; 0 if it is not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 100)))]
    pub retries: u32,
    /// How long to wait before that; 0 if it is not given.
    #[serde(default)]
    pub retry_delay: Period,
    /// Whether doing it twice does no more than doing it once; only then is it done again after a crash, or retried.
    #[serde(default)]
    pub idempotent: bool,
    /// The worker that takes its place when it fails for good. That one doesn't start otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Name>,
    /// The circuit breaker that it goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Name>,
    /// The worker that it helps while both run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helps: Option<Help>,
    /// What its failure means for the run; `abort` if it is not given.
    #[serde(default)]
    pub on_fail: OnFail,
}

impl Worker {
    /// What is to be done.
    pub fn action(&self) -> Action<'_> {
        match (&self.command, self.builtin, &self.callback) {
            (Some(command), _, _) => Action::Command(command),
            (_, Some(builtin), _) => Action::Builtin(builtin),
            (_, _, Some(callback)) => Action::Callback(callback),
            // The reader takes no worker without an action; waiting does no harm.
            (None, None, None) => Action::Builtin(Builtin::Wait),
        }
    }

    /// Whether it has no duration of its own and goes on until others have ended.
    pub fn is_background(&self) -> bool {
        !self.until.is_empty()
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A program and its arguments.
    Command(&'a [String]),
    /// Something that dsmil can do by itself.
    Builtin(Builtin),
    /// A handler of the calling program.
    Callback(&'a str),
}

/// What dsmil can do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Builtin {
    /// Add devices to the monitored set.
    Expand,
    /// Run the checks and compute the scores.
    Validate,
    /// Make a verified backup.
    Backup,
    /// Put a backup back.
    Restore,
    /// Watch the gates for the step's duration.
    Observe,
    /// Scan the devices.
    Scan,
    /// Do nothing for the step's duration: a place for work that is done elsewhere.
    Wait,
    /// Tell somebody.
    Notify,
}

impl Builtin {
    /// Their names in a plan file.
    pub const WORDS: [(&'static str, Self); 8] = [
        ("expand", Self::Expand),
        ("validate", Self::Validate),
        ("backup", Self::Backup),
        ("restore", Self::Restore),
        ("observe", Self::Observe),
        ("scan", Self::Scan),
        ("wait", Self::Wait),
        ("notify", Self::Notify),
    ];

    /// Its name in a plan file.
    pub fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, builtin)| *builtin == self).map_or("wait", |(name, _)| name)
    }
}

/// Between what bounds a duration lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// From the shortest to the longest.
    Between(Period, Period),
    /// So much to both sides.
    Around(Percent),
}

impl Serialize for Spread {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Between(shortest, longest) => serializer.serialize_str(&format!("{shortest}..{longest}")),
            Self::Around(share) => serializer.serialize_str(&format!("{share}%")),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Spread {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Spread".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([0-9a-z]+\\.\\.[0-9a-z]+|[0-9]+(\\.[0-9]+)?%)$" })
    }
}

/// Who must agree before something starts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Workers' ids, roles, teams or people; one of them is enough.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub by: Vec<Name>,
    /// How long they have before it is escalated; the run goes on waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

/// Something small that is done before or after a step.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = [
    { "required": ["command"] },
    { "required": ["builtin"] },
    { "required": ["callback"] },
])))]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// A program and its arguments; no shell reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What dsmil can do by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
    /// The name of a handler that the calling program gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// Arguments of the built-in action or the handler, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// The longest that it may take; 30 seconds if it is not given.
    #[serde(default)]
    pub timeout: Period,
    /// Whether its failure is the step's failure; true if it is not given.
    #[serde(default)]
    pub required: bool,
}

/// What is done around every worker's step.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Before the worker's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Hook>,
    /// Whenever a step tells of its progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Hook>,
    /// After the worker's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Hook>,
}

impl Hooks {
    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.progress.is_empty() && self.after.is_empty()
    }
}

/// Whom a worker helps, and how much.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Help {
    /// The worker that is helped.
    pub worker: Name,
    /// How much faster the helped one goes while both run, in percent of its own pace. Without it, the helper's load in
    /// percent of the helped one's: a helper of 5 % beside a worker of 25 % speeds it up by 20 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_up: Option<Percent>,
}

/// What a failure means for the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFail {
    /// Nothing further starts, what runs is ended, the run has failed.
    #[default]
    Abort,
    /// Nothing further starts until a person decides.
    Pause,
    /// The run goes on as if it had ended well.
    Continue,
    /// Back to the last good state.
    RollBack,
}

impl OnFail {
    pub(crate) const WORDS: [(&'static str, Self); 4] =
        [("abort", Self::Abort), ("pause", Self::Pause), ("continue", Self::Continue), ("roll-back", Self::RollBack)];
}
