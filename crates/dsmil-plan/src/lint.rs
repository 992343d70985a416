//! What is right in form and probably not what was meant.

use std::collections::BTreeSet;
use std::fmt;

use dsmil_protocol::{DeviceId, Group};

use crate::check::find_gate;
use crate::graph::{Events, Longest};
use crate::model::{Action, DeviceItem};
use crate::text::brief;
use crate::{Percent, Place, Plan, rollout};

/// A doubt about a plan that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Where.
    pub place: Place,
    /// What is doubtful.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan file {}, {}: {}; {}", self.place, self.place.key, self.what, self.remedy)
    }
}

impl Plan {
    /// Doubts about this plan, in the order of its files and lines. What makes a plan unusable is told by [`Plan::parse`].
    pub fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        self.unused(&mut lints);
        self.doubtful_workers(&mut lints);
        self.doubtful_stages(&mut lints);
        self.doubtful_devices(&mut lints);
        self.doubtful_times(&mut lints);
        lints.sort_by(|a, b| (&a.place.file, a.place.line, a.place.column).cmp(&(&b.place.file, b.place.line, b.place.column)));
        lints
    }

    fn unused(&self, lints: &mut Vec<Lint>) {
        let file = &self.file;
        let asked = self.gate_names();
        let used: BTreeSet<&str> =
            asked.iter().flat_map(|name| find_gate(&self.gates, name)).map(|(source, _)| source.path.as_str()).collect();
        for (source, name) in self.gates.iter().zip(&file.gate_files).filter(|(source, _)| !used.contains(source.path.as_str())) {
            let what = format!("none of the gates in {} is asked", source.path);
            lints.push(Lint {
                place: name.place().clone(),
                what,
                remedy: "name one of them where it is to be asked, or remove the file",
            });
        }
        let sets: BTreeSet<&str> = file
            .stage
            .iter()
            .flat_map(|stage| &stage.devices)
            .chain(&file.devices.baseline)
            .filter_map(|item| if let DeviceItem::Set(name) = item { Some(name.as_str()) } else { None })
            .collect();
        for (set, items) in file.devices.sets.iter().filter(|(set, _)| !sets.contains(set.as_str())) {
            let Some(place) = items.first().map(DeviceItem::place) else { continue };
            let what = format!("no stage adds the set {set}");
            lints.push(Lint { place: place.clone(), what, remedy: "name it in the devices of a stage, or remove it" });
        }
        let through: BTreeSet<&str> = file.worker.iter().filter_map(|worker| worker.breaker.as_deref()).collect();
        for breaker in file.breaker.iter().filter(|breaker| !through.contains(breaker.name.as_str())) {
            let what = format!("no worker goes through the breaker {}", breaker.name);
            lints.push(Lint { place: breaker.name.place().clone(), what, remedy: "write breaker = \"...\" where it is meant" });
        }
    }

    fn doubtful_workers(&self, lints: &mut Vec<Lint>) {
        for worker in &self.file.worker {
            let mut add = |what: String, remedy| lints.push(Lint { place: worker.id.place().clone(), what, remedy });
            let (estimate, timeout) = (crate::Estimate::of(worker.duration, worker.spread), worker.timeout);
            if matches!(worker.action(), Action::Command(_)) && timeout.is_none() && !worker.is_background() {
                add(format!("{} has no time-out: if its command hangs, the run does", worker.id), "write timeout = \"...\"");
            }
            if let (Some(timeout), Some(estimate)) = (timeout, estimate)
                && estimate.longest > timeout.as_millis()
            {
                let (longest, timeout) = (brief(estimate.longest), brief(timeout.as_millis()));
                add(format!("{} may take {longest} and is ended after {timeout}", worker.id), "write a longer timeout");
            }
        }
        for (name, odds) in &self.file.simulation.gates {
            if odds.hold == Percent::WHOLE {
                let place = self.place(&format!("simulation.gates.{name}"));
                let what = format!("in the simulation the gate {name} never goes");
                lints.push(Lint { place, what, remedy: "write a smaller percentage for hold" });
            }
        }
    }

    fn doubtful_stages(&self, lints: &mut Vec<Lint>) {
        for stage in &self.file.stage {
            let mut add = |what: String, remedy| lints.push(Lint { place: stage.name.place().clone(), what, remedy });
            if stage.exit.is_none() && stage.background.is_empty() {
                add(
                    format!("what {} adds is kept without evidence", stage.name),
                    "write exit = \"...\" or background = [\"...\"]",
                );
            }
            if stage.exit.is_some() && stage.observe.as_millis() + stage.step_observe.as_millis() + stage.minimum.as_millis() == 0
            {
                add(
                    format!("the exit gate of {} is asked at once", stage.name),
                    "write observe = \"10m\" or another time to look",
                );
            }
            if stage.devices.is_empty() && stage.undo.is_none() {
                add(format!("nothing says how {} is taken back", stage.name), "write undo = { command = [\"...\"] }");
            }
        }
        if let (Some(stage), true) = (self.file.stage.first(), self.file.rollback.is_empty()) {
            let what = "the plan has stages and says nowhere when to go back".to_owned();
            lints.push(Lint { place: stage.name.place().clone(), what, remedy: "write a [[rollback]]" });
        }
    }

    /// Devices without a function, and groups whose devices come before those that they depend on.
    fn doubtful_devices(&self, lints: &mut Vec<Lint>) {
        let mut there: BTreeSet<Group> = BTreeSet::new();
        let mut told: BTreeSet<Group> = BTreeSet::new();
        let lists = std::iter::once(&self.file.devices.baseline).chain(self.file.stage.iter().map(|stage| &stage.devices));
        for item in lists.flatten() {
            let ids: Vec<DeviceId> = rollout::devices(&self.file, std::slice::from_ref(item));
            if let Some(gap) = ids.iter().find(|id| !id.is_functional()) {
                let what = format!("{gap} answers and has no function: index 12 to 15 of a group is a gap");
                lints.push(Lint { place: item.place().clone(), what, remedy: "leave it out, unless that is meant" });
            }
            let groups: BTreeSet<Group> = ids.iter().filter_map(|id| id.group()).collect();
            for group in &groups {
                let missing = group.needs().iter().find(|needed| !there.contains(needed) && !groups.contains(needed));
                if let Some(missing) = missing.filter(|_| told.insert(*group)) {
                    let what =
                        format!("devices of the group {group} depend on the group {missing}, of which none is monitored before");
                    lints.push(Lint { place: item.place().clone(), what, remedy: "add devices of that group first" });
                }
            }
            there.extend(groups);
        }
    }

    fn doubtful_times(&self, lints: &mut Vec<Lint>) {
        let events = Events::of(&self.net, &self.file);
        let times = events.longest(&self.net, &self.file, Longest::Likely);
        for phase in &self.file.phase {
            let (Some(deadline), Some(node)) = (phase.deadline, self.net.find(&phase.name)) else { continue };
            let end = times.earliest[Events::end(node)];
            if end > deadline.as_millis() {
                let what = format!(
                    "{} is expected to end after {}, its deadline is {}",
                    phase.name,
                    brief(end),
                    brief(deadline.as_millis())
                );
                lints.push(Lint { place: phase.name.place().clone(), what, remedy: "shorten it, or put off its deadline" });
            }
        }
        if let Some(window) = self.file.limits.window.filter(|window| times.end > window.as_millis()) {
            let place = Place { key: "limits.window".to_owned(), ..self.place("limits") };
            let what = format!("the run is expected to take {}, its window is {}", brief(times.end), brief(window.as_millis()));
            lints.push(Lint { place, what, remedy: "shorten the critical path, or widen the window" });
        }
    }
}
