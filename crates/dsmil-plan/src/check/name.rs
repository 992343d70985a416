//! Names: each once, and each that is used must exist.

use std::collections::BTreeSet;

use super::{Check, find_gate};
use crate::model::{Approval, On, RollbackOn, VerdictOf};
use crate::net::What;
use crate::{Name, PlanFault};

const STEP: &str = "name a worker, a stage or a phase that there is";
const WHO: &str = "name a worker, a role, a team, or somebody in [people]";

impl Check<'_> {
    pub(super) fn names(&mut self) {
        let file = &self.draft.file;
        let workers = file.worker.iter().map(|worker| &worker.id);
        let steps = workers.chain(file.stage.iter().map(|stage| &stage.name)).chain(file.phase.iter().map(|phase| &phase.name));
        let steps: Vec<&Name> = steps.chain(file.pipeline.iter().map(|pipeline| &pipeline.name)).collect();
        self.once("workers, stages, phases or pipelines", steps);
        self.once("triggers", file.trigger.iter().map(|trigger| &trigger.name));
        self.once("breakers", file.breaker.iter().map(|breaker| &breaker.name));
        self.once("populations", file.population.iter().map(|population| &population.name));
        self.once("escalations", file.escalation.iter().map(|escalation| &escalation.name));
        self.once("rollbacks", file.rollback.iter().map(|rollback| &rollback.name));
        self.once("reports", file.report.iter().map(|report| &report.name));
        self.names_of_workers();
        self.names_of_stages_and_phases();
        self.names_of_triggers();
        self.names_of_the_watch();
        self.names_of_the_simulation();
    }

    fn names_of_workers(&mut self) {
        let file = &self.draft.file;
        let breakers: Vec<&str> = file.breaker.iter().map(|breaker| breaker.name.as_str()).collect();
        let pipelines: Vec<&str> = file.pipeline.iter().map(|pipeline| pipeline.name.as_str()).collect();
        let parents: Vec<&str> =
            file.worker.iter().map(|worker| worker.id.as_str()).chain(file.people.keys().map(String::as_str)).collect();
        for worker in &file.worker {
            for name in worker.needs.iter().chain(&worker.alongside).chain(&worker.until) {
                self.step(name);
            }
            if let Some(phase) = &worker.phase {
                self.kind(phase, "phase", "add a [[phase]] of that name, or name one that there is");
            }
            if let Some(pipeline) = &worker.pipeline {
                self.refer(pipeline, "pipeline", pipelines.iter().copied(), "add a [[pipeline]] of that name");
            }
            if let Some(parent) = &worker.parent {
                self.refer(parent, "worker or person", parents.iter().copied(), "name a worker, or somebody in [people]");
            }
            if let Some(breaker) = &worker.breaker {
                self.refer(breaker, "breaker", breakers.iter().copied(), "add a [[breaker]] of that name");
            }
            for name in worker.fallback.iter().chain(worker.helps.iter().map(|help| &help.worker)) {
                self.kind(name, "worker", "name a worker that there is");
            }
            for gate in worker.entry.iter().chain(&worker.success) {
                self.gate(gate);
            }
            self.approval(worker.approval.as_ref());
        }
    }

    fn names_of_stages_and_phases(&mut self) {
        let file = &self.draft.file;
        for stage in &file.stage {
            for name in stage.needs.iter().chain(&stage.alongside) {
                self.step(name);
            }
            if let Some(phase) = &stage.phase {
                self.kind(phase, "phase", "add a [[phase]] of that name, or name one that there is");
            }
            for gate in stage.entry.iter().chain(&stage.exit).chain(&stage.background) {
                self.gate(gate);
            }
            self.approval(stage.approval.as_ref());
        }
        for phase in &file.phase {
            for name in &phase.needs {
                self.step(name);
            }
            for gate in phase.entry.iter().chain(&phase.exit) {
                self.gate(gate);
            }
            self.approval(phase.approval.as_ref());
        }
        for pipeline in &file.pipeline {
            for phase in &pipeline.beside {
                self.kind(phase, "phase", "name a phase that there is");
            }
        }
        for population in &file.population {
            for member in &population.members {
                self.kind(member, "worker", "name a worker that there is");
            }
        }
    }

    fn names_of_triggers(&mut self) {
        for trigger in &self.draft.file.trigger {
            match &trigger.on {
                On::Completed(names) | On::Failed(names) => names.iter().for_each(|name| self.step(name)),
                On::Verdict(of) => self.verdict(of, "trigger"),
                On::Time(_) => {}
            }
            if let Some(gate) = &trigger.condition.gate {
                self.gate(gate);
            }
            trigger.condition.running.iter().for_each(|name| self.step(name));
            for name in &trigger.start {
                self.kind(name, "worker", "name a worker that there is");
            }
        }
        for rollback in &self.draft.file.rollback {
            match &rollback.on {
                RollbackOn::Verdict(of) => self.verdict(of, "rollback"),
                RollbackOn::Failed(names) => names.iter().for_each(|name| self.step(name)),
                RollbackOn::DeviceFailures(_) => {}
            }
            for name in &rollback.start {
                self.kind(name, "worker", "name a worker that there is");
            }
            self.point(&rollback.to);
        }
    }

    /// To which point a rollback goes.
    fn point(&mut self, to: &Name) {
        let mut known: Vec<&str> = vec!["device", "stage", "run"];
        let own = self.net.nodes.iter().filter(|node| !matches!(node.what, What::Worker(_)));
        let own: Vec<String> = own.map(|node| node.name.to_string()).collect();
        known.extend(own.iter().map(String::as_str));
        self.refer(to, "stage or phase", known, "write device, stage, run or the name of a stage or phase");
    }

    fn names_of_the_watch(&mut self) {
        let file = &self.draft.file;
        let who: BTreeSet<String> = self.everybody();
        for escalation in &file.escalation {
            for name in &escalation.of {
                let is_gate = !find_gate(self.gates, name).is_empty() || !self.gates_are_known;
                if self.net.find(name).is_none() && !is_gate {
                    self.step(name);
                }
            }
            for name in escalation.level.iter().flat_map(|level| &level.whom) {
                self.refer(name, "worker, role, team or person", who.iter().map(String::as_str), WHO);
            }
        }
        for name in file.report.iter().flat_map(|report| &report.to) {
            self.refer(name, "worker, role, team or person", who.iter().map(String::as_str), WHO);
        }
    }

    fn everybody(&self) -> BTreeSet<String> {
        let file = &self.draft.file;
        let own = |worker: &crate::model::Worker| [Some(worker.id.to_string()), worker.role.clone(), worker.team.clone()];
        file.worker.iter().flat_map(own).flatten().chain(file.people.keys().cloned()).collect()
    }

    fn names_of_the_simulation(&mut self) {
        let file = &self.draft.file;
        for name in file.simulation.workers.keys() {
            if let Some(place) = self.draft.keys.get(&format!("simulation.workers.{name}")) {
                self.kind(&Name::new(name.as_str(), place.clone()), "worker", "name a worker that there is");
            }
        }
        for name in file.simulation.gates.keys() {
            if let Some(place) = self.draft.keys.get(&format!("simulation.gates.{name}")) {
                self.gate(&Name::new(name.as_str(), place.clone()));
            }
        }
    }

    fn approval(&mut self, approval: Option<&Approval>) {
        let who = self.everybody();
        for name in approval.iter().flat_map(|approval| &approval.by) {
            self.refer(name, "worker, role, team or person", who.iter().map(String::as_str), WHO);
        }
    }

    fn step(&mut self, name: &Name) {
        let known: Vec<String> = self.net.nodes.iter().map(|node| node.name.to_string()).collect();
        self.refer(name, "worker, stage or phase", known.iter().map(String::as_str), STEP);
    }

    /// A name of one kind of node.
    fn kind(&mut self, name: &Name, noun: &str, else_do: &str) {
        if let Some(node) = self.net.find(name)
            && self.net.noun(node) != noun
        {
            let what = format!("{name} is a {}, a {noun} belongs here", self.net.noun(node));
            self.faults.push(PlanFault::at(name.place(), what, else_do));
            return;
        }
        let nodes = self.net.nodes.iter().enumerate().filter(|(node, _)| self.net.noun(*node) == noun);
        let known: Vec<String> = nodes.map(|(_, node)| node.name.to_string()).collect();
        self.refer(name, noun, known.iter().map(String::as_str), else_do);
    }

    fn gate(&mut self, name: &Name) {
        if !self.gates_are_known {
            return;
        }
        let files: Vec<String> = find_gate(self.gates, name).iter().map(|(source, _)| source.path.clone()).collect();
        match files.len() {
            1 => {}
            0 => {
                let known: Vec<&str> =
                    self.gates.iter().flat_map(|source| source.file.gates()).map(|gate| gate.name.as_str()).collect();
                self.refer(name, "gate", known, "name the gate's file in gate_files, or a gate that there is");
            }
            _ => {
                let what = format!("there are {} gates {name}: in {}", files.len(), files.join(" and "));
                self.fault(name.place(), what, format!("write FILE:{name} with the name of the file"));
            }
        }
    }

    /// A gate, and what it is to say: something that it can say.
    fn verdict(&mut self, of: &VerdictOf, noun: &str) {
        self.gate(&of.gate);
        if let [(source, gate)] = find_gate(self.gates, &of.gate).as_slice()
            && !super::verdicts(source, gate).contains(&of.is)
        {
            let what = format!("the {noun} can never fire: the gate {} never says {}", of.gate, of.is);
            self.fault(of.gate.place(), what, "name another verdict, or give a rule of the gate that on_fail");
        }
    }
}
