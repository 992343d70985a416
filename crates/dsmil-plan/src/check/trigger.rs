//! Triggers that can never fire.

use super::{Check, find_gate};
use crate::graph::Events;
use crate::model::{On, RollbackOn, Trigger};
use crate::net::awaited;

impl Check<'_> {
    pub(super) fn triggers(&mut self) {
        let events = Events::of(&self.net, &self.draft.file);
        for trigger in &self.draft.file.trigger {
            if let Some((why, remedy)) = self.never(trigger, &events) {
                self.fault(trigger.name.place(), format!("the trigger {} can never fire: {why}", trigger.name), remedy);
            }
        }
        for rollback in &self.draft.file.rollback {
            if let RollbackOn::Verdict(of) = &rollback.on
                && !self.is_asked(&of.gate)
            {
                let what = format!("the rollback {} can never fire: nothing asks or watches the gate {}", rollback.name, of.gate);
                self.fault(
                    rollback.name.place(),
                    what,
                    "write background = [\"...\"] in the stages in which it is to be watched",
                );
            }
        }
    }

    fn never(&self, trigger: &Trigger, events: &Events) -> Option<(String, &'static str)> {
        match &trigger.on {
            On::Verdict(of) if !self.is_asked(&of.gate) => {
                let why = format!("nothing asks or watches the gate {}", of.gate);
                return Some((why, "write entry, exit, success or background where it is to be asked"));
            }
            On::Time(time) => {
                if let Some(window) = self.draft.file.limits.window.filter(|window| window <= time) {
                    return Some((format!("{time} lies outside of the window of {window}"), "write an earlier time"));
                }
            }
            _ => {}
        }
        for name in awaited(&trigger.on) {
            let Some(on) = self.net.find(name) else { continue };
            if self.is_only_for_rollback(on) {
                return Some((format!("{name} only starts in a rollback"), "name another step"));
            }
            for running in &trigger.condition.running {
                let Some(other) = self.net.find(running) else { continue };
                if on == other {
                    return Some((format!("{name} is to have ended and to be running"), "remove it from running"));
                }
                if events.leads(Events::end(other), Events::end(on)) {
                    return Some((format!("{running} has always ended when {name} has"), "name another step in running"));
                }
                if events.leads(Events::end(on), Events::start(other)) {
                    let why = format!("{running} doesn't start before {name} has ended");
                    return Some((why, "name another step in running"));
                }
            }
        }
        None
    }

    /// Whether anything in the plan asks this gate.
    fn is_asked(&self, gate: &str) -> bool {
        let file = &self.draft.file;
        let asked = |name: &crate::Name| {
            let same = |(a, b): (&(&super::GateSource, &dsmil_gate::Gate), &(&super::GateSource, &dsmil_gate::Gate))| {
                a.0.path == b.0.path && a.1.name == b.1.name
            };
            let (one, other) = (find_gate(self.gates, name), find_gate(self.gates, gate));
            &**name == gate || (one.len() == 1 && other.len() == 1 && same((&one[0], &other[0])))
        };
        let workers = file.worker.iter().flat_map(|worker| worker.entry.iter().chain(&worker.success));
        let stages = file.stage.iter().flat_map(|stage| stage.entry.iter().chain(&stage.exit).chain(&stage.background));
        let phases = file.phase.iter().flat_map(|phase| phase.entry.iter().chain(&phase.exit));
        let triggers = file.trigger.iter().filter_map(|trigger| trigger.condition.gate.as_ref());
        workers.chain(stages).chain(phases).chain(triggers).any(asked)
    }
}
