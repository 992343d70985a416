//! One run, for a picture and for whoever compares it.

use serde::Serialize;

use super::setup::Setup;
use super::trace::{self, Trace};
use crate::Plan;
use crate::graph::StepKind;
use crate::net::What;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done, or could do without.
    Completed,
    /// A step failed, and with it the run.
    Failed {
        /// The step.
        step: String,
    },
    /// A step failed, and a person must decide.
    Paused {
        /// The step.
        step: String,
    },
    /// The run went back.
    RolledBack {
        /// The step at which that was decided.
        step: String,
    },
    /// A gate held without end.
    Stuck,
}

/// What a bar shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BarKind {
    /// The step is being done.
    Works,
    /// It could be done, but for a gate, a limit, an approval, a delay.
    Waits,
}

/// A piece of a row; times are in milliseconds from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// What it shows.
    pub kind: BarKind,
}

/// A step of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// Its phase or pipeline.
    pub within: Option<String>,
    /// Its team.
    pub team: Option<String>,
    /// When it started, if it did.
    pub start: Option<i64>,
    /// When it ended.
    pub end: Option<i64>,
    /// What it did when.
    pub bars: Vec<Bar>,
    /// Whether the end of this run depended on it.
    pub is_critical: bool,
}

/// A run in virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The plan's title.
    pub title: String,
    /// When the run ended, in milliseconds from its start.
    pub end: i64,
    /// How.
    pub outcome: Outcome,
    /// Every worker and stage of the plan and then its phases, in the order of the plan; those that never ran have no bars.
    pub rows: Vec<Row>,
    /// The most load at once, in percent of the whole.
    pub peak_load: crate::Percent,
    /// The most workers at once.
    pub peak_workers: u32,
}

impl Timeline {
    /// The row of a step.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

pub(super) fn outcome(setup: &Setup<'_>, outcome: &trace::Outcome) -> Outcome {
    let step = |node: usize| setup.net.nodes[node].name.to_string();
    match outcome {
        trace::Outcome::Completed => Outcome::Completed,
        trace::Outcome::Failed(node) => Outcome::Failed { step: step(*node) },
        trace::Outcome::Paused(node) => Outcome::Paused { step: step(*node) },
        trace::Outcome::RolledBack(node) => Outcome::RolledBack { step: step(*node) },
        trace::Outcome::Stuck => Outcome::Stuck,
    }
}

pub(super) fn timeline(plan: &Plan, setup: &Setup<'_>, trace: &Trace) -> Timeline {
    let row = |(at, node): (usize, &crate::net::Node)| {
        let (kind, within, team) = match node.what {
            What::Worker(own) => {
                let worker = &plan.file.worker[own];
                let within = worker.phase.as_ref().or(worker.pipeline.as_ref()).map(ToString::to_string);
                (StepKind::Worker, within, worker.team.clone())
            }
            What::Stage(own) => (StepKind::Stage, plan.file.stage[own].phase.as_ref().map(ToString::to_string), None),
            What::Phase(_) => (StepKind::Phase, None, None),
        };
        let kind_of = |kind| if kind == trace::BarKind::Works { BarKind::Works } else { BarKind::Waits };
        let own = trace.bars.iter().filter(|bar| bar.node == at);
        let mut bars: Vec<Bar> = own.map(|bar| Bar { from: bar.from, to: bar.to, kind: kind_of(bar.kind) }).collect();
        bars.sort_by_key(|bar| (bar.from, bar.to));
        let times = trace.times.get(&at);
        Row {
            name: node.name.to_string(),
            kind,
            within,
            team,
            start: times.map(|times| times.0),
            end: times.map(|times| times.1),
            bars,
            is_critical: trace.path.contains(&at),
        }
    };
    Timeline {
        title: plan.title().to_owned(),
        end: trace.end,
        outcome: outcome(setup, &trace.outcome),
        rows: plan.net.nodes.iter().enumerate().map(row).collect(),
        peak_load: crate::Percent::from_millionths(u32::try_from(trace.peak_load).unwrap_or(u32::MAX)),
        peak_workers: trace.peak_workers,
    }
}
