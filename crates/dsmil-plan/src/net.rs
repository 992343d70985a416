//! The steps of a plan and what each waits for, as indices: what the graph, the checks and the simulation share.

use std::collections::BTreeMap;

use crate::estimate::Estimate;
use crate::model::{File, On};
use crate::{Name, Percent, Place};

/// What a node is; the index is that of the plan's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Worker(usize),
    Stage(usize),
    Phase(usize),
}

/// What makes a node start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its dependencies.
    Plan,
    /// A trigger; its dependencies must hold too.
    Trigger,
    /// Another worker's failure.
    Fallback(usize),
    /// A rollback.
    Rollback,
}

/// A worker, a stage or a phase.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) what: What,
    pub(crate) origin: Origin,
    /// Must have ended before it starts.
    pub(crate) needs: Vec<usize>,
    /// Must have started before it starts.
    pub(crate) alongside: Vec<usize>,
    /// Must have ended before it ends.
    pub(crate) until: Vec<usize>,
    /// Must have started before it starts: its phase.
    pub(crate) phase: Option<usize>,
    /// Must have ended before it ends: a phase's members.
    pub(crate) members: Vec<usize>,
    pub(crate) estimate: Estimate,
    pub(crate) load: Percent,
    pub(crate) priority: u8,
    /// It has no work of its own: a phase, or what goes on until others have ended.
    pub(crate) is_background: bool,
}

/// All nodes: workers, then stages, then phases.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub(crate) nodes: Vec<Node>,
    index: BTreeMap<String, usize>,
}

impl Net {
    /// Names that point nowhere are left out: the checks name them.
    pub(crate) fn of(file: &File) -> Self {
        let names = file.worker.iter().map(|worker| &worker.id).chain(file.stage.iter().map(|stage| &stage.name));
        let names = names.chain(file.phase.iter().map(|phase| &phase.name));
        let mut index = BTreeMap::new();
        for (at, name) in names.enumerate() {
            index.entry(name.to_string()).or_insert(at);
        }
        let mut net = Self { nodes: Vec::new(), index };
        net.workers(file);
        net.stages(file);
        net.phases(file);
        net.origins(file);
        net
    }

    /// The node of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(crate) fn all(&self, names: &[Name]) -> Vec<usize> {
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    fn workers(&mut self, file: &File) {
        for (at, worker) in file.worker.iter().enumerate() {
            let mut alongside = self.all(&worker.alongside);
            let pipeline = worker.pipeline.as_ref().and_then(|name| file.pipeline.iter().find(|pipeline| pipeline.name == *name));
            // Beside the phases: from the start of the first of them.
            let first = pipeline.and_then(|pipeline| pipeline.beside.first()).and_then(|phase| self.find(phase));
            alongside.extend(first.filter(|_| worker.needs.is_empty() && worker.alongside.is_empty()));
            self.nodes.push(Node {
                name: worker.id.clone(),
                what: What::Worker(at),
                origin: Origin::Plan,
                needs: self.all(&worker.needs),
                alongside,
                until: self.all(&worker.until),
                phase: worker.phase.as_ref().and_then(|phase| self.find(phase)),
                members: Vec::new(),
                estimate: Estimate::of(worker.duration, worker.spread).unwrap_or_default(),
                load: worker.load,
                priority: worker.priority,
                is_background: worker.is_background(),
            });
        }
    }

    fn stages(&mut self, file: &File) {
        for (at, stage) in file.stage.iter().enumerate() {
            self.nodes.push(Node {
                name: stage.name.clone(),
                what: What::Stage(at),
                origin: Origin::Plan,
                needs: self.all(&stage.needs),
                alongside: self.all(&stage.alongside),
                until: Vec::new(),
                phase: stage.phase.as_ref().and_then(|phase| self.find(phase)),
                members: Vec::new(),
                estimate: crate::rollout::estimate(file, at),
                load: stage.load,
                priority: stage.priority,
                is_background: false,
            });
        }
    }

    fn phases(&mut self, file: &File) {
        let first = self.nodes.len();
        for (at, phase) in file.phase.iter().enumerate() {
            let own = first + at;
            let is_member = |node: &&Node| node.phase == Some(own) && !node.is_background;
            let members = self.nodes.iter().filter(is_member).filter_map(|node| self.find(&node.name)).collect();
            self.nodes.push(Node {
                name: phase.name.clone(),
                what: What::Phase(at),
                origin: Origin::Plan,
                needs: self.all(&phase.needs),
                alongside: Vec::new(),
                until: Vec::new(),
                phase: None,
                members,
                estimate: Estimate::default(),
                load: Percent::NONE,
                priority: 1,
                is_background: true,
            });
        }
    }

    fn origins(&mut self, file: &File) {
        let mut origins: Vec<(usize, Origin)> = Vec::new();
        for (at, worker) in file.worker.iter().enumerate() {
            if let Some(fallback) = worker.fallback.as_ref().and_then(|name| self.find(name)) {
                origins.push((fallback, Origin::Fallback(at)));
            }
        }
        for trigger in &file.trigger {
            origins.extend(self.all(&trigger.start).into_iter().map(|node| (node, Origin::Trigger)));
        }
        for rollback in &file.rollback {
            origins.extend(self.all(&rollback.start).into_iter().map(|node| (node, Origin::Rollback)));
        }
        for (node, origin) in origins {
            self.nodes[node].origin = origin;
        }
        // What only starts in a rollback, or in another's place, keeps no phase waiting.
        let kept = |nodes: &[Node], member: usize| matches!(nodes[member].origin, Origin::Plan | Origin::Trigger);
        for node in 0..self.nodes.len() {
            let members = std::mem::take(&mut self.nodes[node].members);
            self.nodes[node].members = members.into_iter().filter(|member| kept(&self.nodes, *member)).collect();
        }
    }

    /// What a node is, for people.
    pub(crate) fn noun(&self, node: usize) -> &'static str {
        match self.nodes[node].what {
            What::Worker(_) => "worker",
            What::Stage(_) => "stage",
            What::Phase(_) => "phase",
        }
    }

    /// Where a node says that it waits for another one, or where it stands itself.
    pub(crate) fn place(&self, file: &File, node: usize, other: usize) -> Place {
        let wanted = &self.nodes[other].name;
        let lists: Vec<&Name> = match self.nodes[node].what {
            What::Worker(at) => {
                let worker = &file.worker[at];
                worker.needs.iter().chain(&worker.alongside).chain(&worker.until).chain(&worker.phase).collect()
            }
            What::Stage(at) => {
                let stage = &file.stage[at];
                stage.needs.iter().chain(&stage.alongside).chain(&stage.phase).collect()
            }
            What::Phase(at) => file.phase[at].needs.iter().collect(),
        };
        let found = lists.into_iter().find(|name| *name == wanted);
        found.unwrap_or(&self.nodes[node].name).place().clone()
    }
}

/// The nodes that a trigger waits for, where it waits for nodes.
pub(crate) fn awaited(on: &On) -> &[Name] {
    match on {
        On::Completed(names) | On::Failed(names) => names,
        On::Verdict(_) | On::Time(_) => &[],
    }
}
