//! What all runs of a plan have in common, as indices.

use dsmil_gate::Verdict;
use dsmil_toml::Period;

use super::draw::whose;
use super::gates::Gates;
use super::machine::Status;
use crate::estimate::Estimate;
use crate::graph::boost;
use crate::model::{Approval, File, On, OnFail, RollbackOn, Worker};
use crate::net::{Net, What, awaited};
use crate::{Name, Percent, Plan};

/// For each node and each trigger of the plan, what the machine asks for.
pub(super) struct Setup<'a> {
    pub(super) file: &'a File,
    pub(super) net: &'a Net,
    pub(super) gates: Gates,
    pub(super) hashes: Vec<u64>,
    pub(super) entry: Vec<Option<usize>>,
    pub(super) exit: Vec<Option<usize>>,
    pub(super) recheck: Vec<Option<Period>>,
    pub(super) give_up: Vec<Option<Period>>,
    pub(super) approval: Vec<Option<&'a Approval>>,
    pub(super) approval_time: Estimate,
    pub(super) timeout: Vec<Option<Period>>,
    pub(super) failure: Vec<Percent>,
    pub(super) on_fail: Vec<OnFail>,
    pub(super) fallback: Vec<Option<usize>>,
    pub(super) breaker: Vec<Option<usize>>,
    /// Whom a node helps, and by how many millionths.
    pub(super) boost: Vec<Option<(usize, u64)>>,
    /// Who helps a node.
    pub(super) helpers: Vec<Vec<(usize, u64)>>,
    pub(super) populations: Vec<Vec<usize>>,
    /// Of each trigger.
    pub(super) starts: Vec<Vec<usize>>,
    pub(super) awaited: Vec<Vec<usize>>,
    pub(super) running: Vec<Vec<usize>>,
    pub(super) trigger_gate: Vec<Option<usize>>,
    pub(super) trigger_hashes: Vec<u64>,
    pub(super) on_verdict: Vec<Option<(usize, Verdict)>>,
}

/// What a node has of what only some have.
#[derive(Default)]
struct Own<'a> {
    entry: Option<&'a Name>,
    exit: Option<&'a Name>,
    recheck: Option<Period>,
    give_up: Option<Period>,
    approval: Option<&'a Approval>,
    on_fail: OnFail,
}

fn own(file: &File, what: What) -> Own<'_> {
    match what {
        What::Worker(at) => {
            let worker = &file.worker[at];
            Own {
                entry: worker.entry.as_ref(),
                exit: worker.success.as_ref(),
                recheck: worker.recheck,
                give_up: worker.give_up,
                approval: worker.approval.as_ref(),
                on_fail: worker.on_fail,
            }
        }
        What::Stage(at) => {
            let stage = &file.stage[at];
            Own {
                entry: stage.entry.as_ref(),
                exit: stage.exit.as_ref(),
                recheck: stage.recheck,
                give_up: stage.give_up,
                approval: stage.approval.as_ref(),
                on_fail: stage.on_fail,
            }
        }
        What::Phase(at) => {
            let phase = &file.phase[at];
            Own {
                entry: phase.entry.as_ref(),
                exit: phase.exit.as_ref(),
                recheck: phase.recheck,
                give_up: phase.give_up,
                approval: phase.approval.as_ref(),
                on_fail: phase.on_fail,
            }
        }
    }
}

impl<'a> Setup<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let (file, net) = (&plan.file, &plan.net);
        let gates = Gates::of(plan);
        let owns: Vec<Own<'a>> = net.nodes.iter().map(|node| own(file, node.what)).collect();
        let gate = |name: Option<&Name>| name.and_then(|name| gates.find(name));
        let workers: Vec<Option<&Worker>> =
            net.nodes.iter().map(|node| if let What::Worker(at) = node.what { Some(&file.worker[at]) } else { None }).collect();
        let boosts: Vec<_> = (0..net.nodes.len()).map(|node| boost(net, file, node)).collect();
        let mut helpers = vec![Vec::new(); net.nodes.len()];
        for (helper, boost) in boosts.iter().enumerate() {
            if let Some((helped, by)) = boost {
                helpers[*helped].push((helper, *by));
            }
        }
        let breaker = |worker: &&Worker| {
            let name = worker.breaker.as_ref()?;
            file.breaker.iter().position(|breaker| breaker.name == *name)
        };
        let on_verdict = |on: &On| match on {
            On::Verdict(of) => gates.find(&of.gate).map(|gate| (gate, of.is)),
            _ => None,
        };
        let failure =
            |worker: &Worker| file.simulation.workers.get(worker.id.as_str()).map_or(Percent::NONE, |odds| odds.failure);
        let table = &file.simulation;
        Self {
            hashes: net.nodes.iter().map(|node| whose(&node.name)).collect(),
            entry: owns.iter().map(|own| gate(own.entry)).collect(),
            exit: owns.iter().map(|own| gate(own.exit)).collect(),
            recheck: owns.iter().map(|own| own.recheck).collect(),
            give_up: owns.iter().map(|own| own.give_up).collect(),
            approval: owns.iter().map(|own| own.approval).collect(),
            approval_time: Estimate::of(table.approval, table.approval_spread).unwrap_or_default(),
            timeout: workers.iter().map(|worker| worker.and_then(|worker| worker.timeout)).collect(),
            failure: workers.iter().map(|worker| worker.map_or(Percent::NONE, failure)).collect(),
            on_fail: owns.iter().map(|own| own.on_fail).collect(),
            fallback: workers
                .iter()
                .map(|worker| worker.and_then(|own| own.fallback.as_ref()).and_then(|name| net.find(name)))
                .collect(),
            breaker: workers.iter().map(|worker| worker.as_ref().and_then(breaker)).collect(),
            boost: boosts,
            helpers,
            populations: file.population.iter().map(|population| net.all(&population.members)).collect(),
            starts: file.trigger.iter().map(|trigger| net.all(&trigger.start)).collect(),
            awaited: file.trigger.iter().map(|trigger| net.all(awaited(&trigger.on))).collect(),
            running: file.trigger.iter().map(|trigger| net.all(&trigger.condition.running)).collect(),
            trigger_gate: file.trigger.iter().map(|trigger| gate(trigger.condition.gate.as_ref())).collect(),
            trigger_hashes: file.trigger.iter().map(|trigger| whose(&trigger.name)).collect(),
            on_verdict: file.trigger.iter().map(|trigger| on_verdict(&trigger.on)).collect(),
            gates,
            file,
            net,
        }
    }

    pub(super) fn worker(&self, node: usize) -> Option<&'a Worker> {
        if let What::Worker(at) = self.net.nodes[node].what { Some(&self.file.worker[at]) } else { None }
    }

    /// The workers of the rollback that a gate's verdict or a step's failure sets off; of the first one, if none says so.
    pub(super) fn rollback(&self, node: usize, gate: Option<usize>) -> Vec<usize> {
        let own = &self.net.nodes[node];
        let by_gate = |on: &RollbackOn| match (on, gate) {
            (RollbackOn::Verdict(of), Some(gate)) => self.gates.find(&of.gate) == Some(gate),
            _ => false,
        };
        let by_failure = |on: &RollbackOn| match on {
            RollbackOn::Failed(names) => names.contains(&own.name),
            RollbackOn::DeviceFailures(_) => matches!(own.what, What::Stage(_)),
            RollbackOn::Verdict(_) => false,
        };
        let all = &self.file.rollback;
        let chosen = all.iter().find(|one| by_gate(&one.on)).or_else(|| all.iter().find(|one| by_failure(&one.on)));
        chosen.or(all.first()).map(|rollback| self.net.all(&rollback.start)).unwrap_or_default()
    }
}

/// Whether what has ended sets a trigger off; `Some(false)` if it never can any more.
pub(super) fn answer(setup: &Setup<'_>, at: usize, state: impl Fn(usize) -> (Status, bool)) -> Option<bool> {
    let nodes = &setup.awaited[at];
    match &setup.file.trigger[at].on {
        On::Completed(_) => {
            if nodes.iter().all(|node| state(*node).0 == Status::Done) {
                return Some(true);
            }
            nodes.iter().any(|node| state(*node).0.has_ended() && state(*node).0 != Status::Done).then_some(false)
        }
        On::Failed(_) => {
            if nodes.iter().any(|node| state(*node).1) {
                return Some(true);
            }
            nodes.iter().all(|node| state(*node).0.has_ended()).then_some(false)
        }
        On::Verdict(_) | On::Time(_) => None,
    }
}
