//! The graph of a plan: what waits for what, in which order, and what the end depends on.

mod dot;
mod events;
mod layout;
mod show;
mod svg;

pub(crate) use events::{Events, Longest, Times, boost};

use serde::Serialize;

use crate::Plan;
use crate::net::{Net, Origin, What, awaited};

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// A worker's step.
    Worker,
    /// A stage of the rollout.
    Stage,
    /// A phase: not a step of its own, but the end of all of its members.
    Phase,
}

/// A step, and when it runs if everything takes its likely time and no limit or gate holds it up. Times are in milliseconds
/// from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
    /// Its team; for a stage, none.
    pub team: Option<String>,
    /// Its phase or pipeline.
    pub within: Option<String>,
    /// Its earliest start; `None` for what only runs when something goes wrong.
    pub start: Option<i64>,
    /// Its earliest end.
    pub end: Option<i64>,
    /// By how much it can be late before the end of the run is.
    pub slack: i64,
    /// Whether it lies on the critical path.
    pub is_critical: bool,
}

/// Why one step waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// It must have ended.
    Needs,
    /// It must have started.
    Alongside,
    /// It belongs to the phase.
    Phase,
    /// A trigger starts it.
    Trigger,
    /// It takes the other's place.
    Fallback,
    /// It helps the other.
    Helps,
}

/// One step waits for another: the indices are those of [`Graph::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// The one that is waited for.
    pub from: usize,
    /// The one that waits.
    pub to: usize,
    /// Why.
    pub kind: EdgeKind,
}

/// The graph of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Graph<'a> {
    #[serde(skip)]
    plan: &'a Plan,
    steps: Vec<Step>,
    edges: Vec<Edge>,
    critical_path: Vec<String>,
    length: i64,
    #[serde(skip)]
    order: Vec<usize>,
}

impl<'a> Graph<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let (net, file) = (&plan.net, &plan.file);
        let events = Events::of(net, file);
        let times = events.longest(net, file, Longest::Likely);
        let path = critical_path(net, &times);
        let step = |node: usize| {
            let own = &net.nodes[node];
            let expected = times.expected[node];
            let (start, end) = (times.earliest[Events::start(node)], times.earliest[Events::end(node)]);
            let (kind, team, within) = match own.what {
                What::Worker(at) => {
                    let worker = &file.worker[at];
                    let within = worker.phase.as_ref().or(worker.pipeline.as_ref());
                    (StepKind::Worker, worker.team.clone(), within.map(ToString::to_string))
                }
                What::Stage(at) => (StepKind::Stage, None, file.stage[at].phase.as_ref().map(ToString::to_string)),
                What::Phase(_) => (StepKind::Phase, None, None),
            };
            Step {
                name: own.name.to_string(),
                kind,
                team,
                within,
                start: expected.then_some(start),
                end: expected.then_some(end),
                slack: times.latest[Events::end(node)] - end,
                is_critical: path.contains(&node),
            }
        };
        let order = events.order().into_iter().filter(|event| event.is_multiple_of(2)).map(|event| event / 2).collect();
        Self {
            plan,
            steps: (0..net.nodes.len()).map(step).collect(),
            edges: edges(plan),
            critical_path: path.into_iter().map(|node| net.nodes[node].name.to_string()).collect(),
            length: times.end,
            order,
        }
    }

    /// The steps: workers, then stages, then phases, in the order of the plan.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What waits for what, without what follows from the rest.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The names of all steps, each after those that it waits for.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.order.iter().map(|node| self.steps[*node].name.as_str())
    }

    /// The workers and stages on which the end of the run depends, in their order: if one of them is late, the run is. Limits,
    /// gates and help are left to the simulation.
    pub fn critical_path(&self) -> &[String] {
        &self.critical_path
    }

    /// How long the critical path takes with likely times, in milliseconds.
    pub fn length(&self) -> i64 {
        self.length
    }

    pub(crate) fn plan(&self) -> &'a Plan {
        self.plan
    }
}

/// The nodes with work of their own on the longest way to the last event.
fn critical_path(net: &Net, times: &Times) -> Vec<usize> {
    let ends = (0..times.earliest.len()).filter(|event| times.expected[event / 2] && times.earliest[*event] == times.end);
    // The last event of real work says more than the end of a phase.
    let Some(last) = ends.min_by_key(|event| (net.nodes[event / 2].is_background, *event % 2 == 0, *event)) else {
        return Vec::new();
    };
    let mut path = Vec::new();
    let mut next = Some(last);
    while let Some(event) = next {
        let node = event / 2;
        if !net.nodes[node].is_background && !path.contains(&node) {
            path.push(node);
        }
        next = times.because[event];
    }
    path.reverse();
    path
}

fn edges(plan: &Plan) -> Vec<Edge> {
    let (net, file) = (&plan.net, &plan.file);
    let mut edges: Vec<Edge> = Vec::new();
    let mut add = |from: usize, to: usize, kind: EdgeKind| {
        let edge = Edge { from, to, kind };
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    };
    for (to, node) in net.nodes.iter().enumerate() {
        // What a phase waits for, its members wait for.
        if node.members.is_empty() {
            node.needs.iter().for_each(|from| add(*from, to, EdgeKind::Needs));
        }
        node.alongside.iter().for_each(|from| add(*from, to, EdgeKind::Alongside));
        if let Origin::Fallback(from) = node.origin {
            add(from, to, EdgeKind::Fallback);
        }
        if let Some((helped, _)) = boost(net, file, to) {
            add(to, helped, EdgeKind::Helps);
        }
        // A member waits for what its phase waits for, unless it waits for another member anyway.
        let waits_inside =
            |phase: usize| node.needs.iter().chain(&node.alongside).any(|other| net.nodes[*other].phase == Some(phase));
        if let Some(phase) = node.phase.filter(|phase| !waits_inside(*phase) && node.origin == Origin::Plan) {
            net.nodes[phase].needs.iter().for_each(|from| add(*from, to, EdgeKind::Phase));
        }
        // A phase ends with those members that no other member waits for.
        let is_last = |member: &usize| !node.members.iter().any(|other| net.nodes[*other].needs.contains(member));
        node.members.iter().filter(|member| is_last(member)).for_each(|from| add(*from, to, EdgeKind::Phase));
    }
    for trigger in &file.trigger {
        for to in net.all(&trigger.start) {
            net.all(awaited(&trigger.on)).into_iter().for_each(|from| add(from, to, EdgeKind::Trigger));
        }
    }
    edges.sort_unstable();
    edges
}
