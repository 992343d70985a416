//! What happens beside the work: escalations, rollbacks, reports, the store of keys.

use dsmil_toml::Period;
use serde::Serialize;

use crate::model::VerdictOf;
use crate::{Name, Percent};

/// Where the steps keep what they tell each other. In the keys, `{plan}`, `{phase}` and `{worker}` stand for names.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The namespace of all keys.
    pub namespace: String,
    /// The key of a worker's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The key of a worker's progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// The key of a worker's deliverables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverables: Option<String>,
    /// The key that says that a phase has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<String>,
}

/// What kind of event somebody is to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A device could not be added, or fails.
    DeviceFailed,
    /// A worker failed.
    WorkerFailed,
    /// A stage failed.
    StageFailed,
    /// A gate doesn't go.
    GateHold,
    /// A gate says no-go.
    GateNoGo,
    /// A gate asks to roll back.
    GateRollBack,
    /// Something takes longer than its time-out or its deadline.
    Late,
    /// Nobody has approved in time.
    ApprovalLate,
    /// A circuit breaker opened.
    BreakerOpened,
    /// A population is degraded, or below its minimum.
    Degraded,
    /// A denial by the quarantine.
    Denied,
}

impl EventKind {
    pub(crate) const WORDS: [(&'static str, Self); 11] = [
        ("device-failed", Self::DeviceFailed),
        ("worker-failed", Self::WorkerFailed),
        ("stage-failed", Self::StageFailed),
        ("gate-hold", Self::GateHold),
        ("gate-no-go", Self::GateNoGo),
        ("gate-roll-back", Self::GateRollBack),
        ("late", Self::Late),
        ("approval-late", Self::ApprovalLate),
        ("breaker-opened", Self::BreakerOpened),
        ("degraded", Self::Degraded),
        ("denied", Self::Denied),
    ];
}

/// Who hears of a kind of event, and who next if nobody settles it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Its name, such as `device-failure`.
    pub name: Name,
    /// The events.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub on: Vec<EventKind>,
    /// Only those of these workers, stages, phases and gates; without it, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Name>,
    /// Level by level, written as one `[[escalation.level]]` each.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub level: Vec<Level>,
}

/// One level of an escalation.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// How long this level has to settle it before the next one is called; 0 for at once. The last level may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
    /// Workers' ids, roles, teams or people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whom: Vec<Name>,
    /// The receivers of the monitor's configuration through which they hear of it; without it, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub how: Vec<String>,
    /// What is done when this level is reached; `notify` if it is not given.
    #[serde(default, rename = "do")]
    pub response: Response,
}

/// What is done when a level of an escalation is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// They are told.
    #[default]
    Notify,
    /// They are told, and nothing further starts until they decide.
    Pause,
    /// The run is ended.
    Abort,
    /// The run goes back to its last good state.
    RollBack,
    /// No device is asked anything any more.
    EmergencyStop,
}

impl Response {
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("notify", Self::Notify),
        ("pause", Self::Pause),
        ("abort", Self::Abort),
        ("roll-back", Self::RollBack),
        ("emergency-stop", Self::EmergencyStop),
    ];
}

/// When to go back, and how far.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Its name.
    pub name: Name,
    /// What sets it off.
    pub on: RollbackOn,
    /// How far: `device` (the one that was added last), `stage` (before the stage), `run` (before the run), or the name of a
    /// stage or phase (the state at its end).
    pub to: Name,
    /// How long that may take; 5 seconds if it is not given. The workers in `start` have their own time.
    #[serde(default)]
    pub within: Period,
    /// Workers that do what else there is to be done. They don't start otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<Name>,
}

/// What sets a rollback off: exactly one of these.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RollbackOn {
    /// A gate says this, when it is asked or while it is watched.
    Verdict(VerdictOf),
    /// One of these has failed for good, with `on_fail = "roll-back"`.
    Failed(Vec<Name>),
    /// More than this share of a stage's devices failed, in percent.
    DeviceFailures(Percent),
}

/// What is told to whom, and when.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Its name.
    pub name: Name,
    /// How often, such as `1h`. This or `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// On which occasion. This or `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<ReportAt>,
    /// Workers' ids, roles, teams or people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Name>,
    /// What it tells; everything, if it is not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<Content>,
    /// In which forms; Markdown if it is not given.
    #[serde(default)]
    pub formats: Vec<Format>,
}

/// On which occasion a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReportAt {
    /// A worker has ended.
    WorkerEnd,
    /// A stage has ended.
    StageEnd,
    /// A phase has ended.
    PhaseEnd,
    /// The run has ended.
    RunEnd,
}

impl ReportAt {
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("worker-end", Self::WorkerEnd),
        ("stage-end", Self::StageEnd),
        ("phase-end", Self::PhaseEnd),
        ("run-end", Self::RunEnd),
    ];
}

/// What a report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// The state of each step.
    Status,
    /// How far the run is, and when it is expected to end.
    Progress,
    /// The verdicts with their evidence.
    Gates,
    /// The security score, the quarantine, denials.
    Security,
    /// The stages and their devices.
    Devices,
    /// The picture of the timeline.
    Timeline,
    /// Run id, inputs with hashes, versions, status, hash.
    Receipts,
    /// The decision, go or no-go, with its justification.
    Decision,
}

impl Content {
    pub(crate) const WORDS: [(&'static str, Self); 8] = [
        ("status", Self::Status),
        ("progress", Self::Progress),
        ("gates", Self::Gates),
        ("security", Self::Security),
        ("devices", Self::Devices),
        ("timeline", Self::Timeline),
        ("receipts", Self::Receipts),
        ("decision", Self::Decision),
    ];
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    Json,
    /// Markdown.
    Markdown,
    /// One self-contained page.
    Html,
}

impl Format {
    pub(crate) const WORDS: [(&'static str, Self); 3] =
        [("json", Self::Json), ("markdown", Self::Markdown), ("html", Self::Html)];
}
