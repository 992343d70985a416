//! What a step asks for must be possible: durations, load, help, fallbacks, membership.

use super::Check;
use crate::Percent;
use crate::estimate::Estimate;
use crate::model::Worker;
use crate::net::{Origin, What};

impl Check<'_> {
    pub(super) fn steps(&mut self) {
        for worker in &self.draft.file.worker {
            self.duration(worker);
            self.load(worker);
            self.help(worker);
            if let (Some(phase), Some(pipeline)) = (&worker.phase, &worker.pipeline) {
                let what = format!("the worker belongs to the phase {phase} and to the pipeline {pipeline}");
                self.fault(pipeline.place(), what, "remove one of the two");
            }
        }
        self.stages();
        self.phases();
        self.origins();
        if self.net.nodes.is_empty() && self.draft.faults.is_empty() {
            let place = self.draft.place.clone();
            self.fault(&place, "the plan has nothing to do", "write at least one [[worker]] or [[stage]]");
        }
        let approval = (self.draft.file.simulation.approval, self.draft.file.simulation.approval_spread);
        if approval.1.is_some() && Estimate::of(approval.0, approval.1).is_none() {
            let place = self.draft.place.clone();
            self.fault(&place, "in [simulation], approval lies outside of approval_spread", "correct one of the two");
        }
    }

    fn duration(&mut self, worker: &Worker) {
        if worker.is_background() || (worker.duration.is_none() && worker.spread.is_none()) {
            return;
        }
        if Estimate::of(worker.duration, worker.spread).is_none() {
            let what = match worker.duration {
                Some(duration) => format!("the duration {duration} of {} lies outside of its spread", worker.id),
                None => format!("the spread of {} is a share of nothing", worker.id),
            };
            self.fault(worker.id.place(), what, "write a duration between the shortest and the longest time");
        }
    }

    fn load(&mut self, worker: &Worker) {
        let limit = self.draft.file.limits.load;
        if worker.load > limit {
            let what = format!("{} needs a load of {} %, and the limit is {limit} %", worker.id, worker.load);
            self.fault(worker.id.place(), what, "lower its load, or raise limits.load");
        }
    }

    fn help(&mut self, worker: &Worker) {
        let Some(help) = &worker.helps else { return };
        let Some(helped) = self.draft.file.worker.iter().find(|other| other.id == help.worker) else { return };
        let place = help.worker.place();
        if helped.id == worker.id {
            self.fault(place, format!("{} helps itself", worker.id), "name another worker");
        } else if helped.is_background() {
            let what = format!("{} goes on until others have ended: nothing makes it faster", helped.id);
            self.fault(place, what, "name a worker that has a duration");
        } else if help.speed_up.is_none() && (worker.load == Percent::NONE || helped.load == Percent::NONE) {
            let what = format!("how much {} speeds up {} can't be told from their loads", worker.id, helped.id);
            self.fault(place, what, "write speed_up = 20 or another percentage, or give both a load");
        }
    }

    fn stages(&mut self) {
        for stage in &self.draft.file.stage {
            if Estimate::of(Some(stage.step_duration), stage.step_spread).is_none() {
                let what = format!("the step_duration {} of {} lies outside of its step_spread", stage.step_duration, stage.name);
                self.fault(stage.name.place(), what, "write a duration between the shortest and the longest time");
            }
            let limit = self.draft.file.limits.load;
            if stage.load > limit {
                let what = format!("{} needs a load of {} %, and the limit is {limit} %", stage.name, stage.load);
                self.fault(stage.name.place(), what, "lower its load, or raise limits.load");
            }
        }
    }

    /// A phase in which nothing is done is a slip.
    fn phases(&mut self) {
        for phase in &self.draft.file.phase {
            let Some(own) = self.net.find(&phase.name) else { continue };
            let has_members = self.net.nodes.iter().any(|node| node.phase == Some(own));
            if !has_members && matches!(self.net.nodes[own].what, What::Phase(_)) {
                let what = format!("no worker and no stage belongs to the phase {}", phase.name);
                let remedy = format!("write phase = \"{}\" where it is meant, or remove the phase", phase.name);
                self.fault(phase.name.place(), what, remedy);
            }
        }
    }

    /// A worker starts by the plan, by triggers, in another's place or in a rollback: by one of them.
    fn origins(&mut self) {
        let file = &self.draft.file;
        let fallbacks = file.worker.iter().filter_map(|worker| worker.fallback.as_ref());
        let rollbacks = file.rollback.iter().flat_map(|rollback| &rollback.start);
        let triggers = file.trigger.iter().flat_map(|trigger| &trigger.start);
        let mut ways: Vec<(&crate::Name, &str)> = Vec::new();
        ways.extend(triggers.map(|name| (name, "by a trigger")));
        ways.extend(fallbacks.map(|name| (name, "in another's place")));
        ways.extend(rollbacks.map(|name| (name, "in a rollback")));
        for (at, (name, way)) in ways.iter().enumerate() {
            let other =
                ways[..at].iter().find(|(other, before)| other == name && (before != way || *way == "in another's place"));
            if let Some((_, before)) = other {
                let what = format!("{name} starts {before} already");
                self.fault(name.place(), what, format!("name another worker, which starts {way} only"));
            }
        }
        for worker in &file.worker {
            if let Some(fallback) = worker.fallback.as_ref().filter(|fallback| **fallback == worker.id) {
                self.fault(fallback.place(), format!("{} is its own fallback", worker.id), "name another worker");
            }
        }
    }

    /// Whether a node starts at all before something has gone wrong.
    pub(super) fn is_only_for_rollback(&self, node: usize) -> bool {
        self.net.nodes[node].origin == Origin::Rollback
    }
}
