//! The order: no circles, everything is reached, what must run together fits, and the run fits into its window.

use std::collections::BTreeSet;

use super::Check;
use crate::graph::{Events, Longest};
use crate::net::{Origin, What};
use crate::{Percent, Place};

impl Check<'_> {
    /// Circles, each shown as a path. `true` if there is none.
    pub(super) fn circles(&mut self) -> bool {
        let events = Events::of(&self.net, &self.draft.file);
        let circles = events.circles();
        for circle in &circles {
            let names: Vec<&str> = circle.iter().map(|node| self.net.nodes[*node].name.as_str()).collect();
            let what = match names.as_slice() {
                [own] => format!("{own} waits for itself"),
                _ => format!("these wait for each other: {} -> {}", names.join(" -> "), names[0]),
            };
            let place = self.net.place(&self.draft.file, circle[0], circle.get(1).copied().unwrap_or(circle[0]));
            self.fault(&place, what, "remove one of these dependencies: each waits for the next one in the list");
        }
        circles.is_empty()
    }

    /// What waits for something that only happens in a rollback never starts.
    pub(super) fn reach(&mut self) {
        let mut never: BTreeSet<usize> = (0..self.net.nodes.len()).filter(|node| self.is_only_for_rollback(*node)).collect();
        let roots = never.clone();
        loop {
            let mut more = Vec::new();
            for (at, node) in self.net.nodes.iter().enumerate() {
                let awaited = node.needs.iter().chain(&node.alongside).chain(&node.phase).chain(&node.members);
                let cause = awaited.copied().find(|other| never.contains(other));
                if let Some(cause) = cause.filter(|_| !never.contains(&at)) {
                    more.push((at, cause));
                }
            }
            if more.is_empty() {
                break;
            }
            for (at, cause) in more {
                never.insert(at);
                let (node, other) = (&self.net.nodes[at].name, &self.net.nodes[cause].name);
                let noun = self.net.noun(at);
                let why = if roots.contains(&cause) { "only starts in a rollback" } else { "is never reached either" };
                let what = format!("the {noun} {node} is never reached: it waits for {other}, which {why}");
                let place = self.net.place(&self.draft.file, at, cause);
                self.fault(&place, what, "remove that dependency, or let that worker start otherwise");
            }
        }
        self.together();
    }

    /// A step and what goes on until it has ended need room at the same time, or the one waits for the other for ever.
    fn together(&mut self) {
        let events = Events::of(&self.net, &self.draft.file);
        let limits = self.draft.file.limits.clone();
        let mut beside: Vec<Vec<usize>> = vec![Vec::new(); self.net.nodes.len()];
        for (other, background) in self.net.nodes.iter().enumerate() {
            if !background.is_background || !matches!(background.what, What::Worker(_)) {
                continue;
            }
            // It may hold its room from before those start until they have ended; then they must fit in beside it.
            let before = events.all_before(Events::end(other));
            let is_in_rollback = background.origin == Origin::Rollback;
            for (at, node) in self.net.nodes.iter().enumerate().filter(|(at, node)| *at != other && !node.is_background) {
                let same_world = (node.origin == Origin::Rollback) == is_in_rollback;
                if same_world && before[Events::end(at)] && !events.leads(Events::end(at), Events::start(other)) {
                    beside[at].push(other);
                }
            }
        }
        for (at, beside) in beside.into_iter().enumerate().filter(|(_, beside)| !beside.is_empty()) {
            let node = &self.net.nodes[at];
            let loads = beside.iter().chain([&at]).map(|other| self.net.nodes[*other].load.millionths());
            let load = Percent::from_millionths(loads.fold(0, u32::saturating_add));
            let names: Vec<&str> = beside.iter().map(|other| self.net.nodes[*other].name.as_str()).collect();
            let names = format!("{} and what goes on until it has ended ({})", node.name, names.join(", "));
            let workers = beside.len() + usize::from(matches!(node.what, What::Worker(_)));
            let place = node.name.place().clone();
            if load > limits.load {
                let what = format!("{names} need a load of {load} % at once, and the limit is {} %", limits.load);
                self.fault(&place, what, "lower a load, or raise limits.load");
            } else if let Some(most) = limits.workers.filter(|most| workers > *most as usize) {
                self.fault(&place, format!("{names} are {workers} workers, and the limit is {most}"), "raise limits.workers");
            }
        }
    }

    /// The run can't be shorter than its critical path.
    pub(super) fn window(&mut self) {
        let Some(window) = self.draft.file.limits.window else { return };
        let events = Events::of(&self.net, &self.draft.file);
        let shortest = events.longest(&self.net, &self.draft.file, Longest::Shortest).end;
        if shortest > window.as_millis() {
            let needed = dsmil_toml::Period::from_millis(shortest);
            let limits = self.draft.singles.get("limits").unwrap_or(&self.draft.place);
            let place = Place { key: "limits.window".to_owned(), ..limits.clone() };
            self.fault(
                &place,
                format!("the run takes {needed} at least, and its window is {window}"),
                "shorten the critical path, or widen the window",
            );
        }
    }
}
