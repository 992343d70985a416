//! What sets triggers off, and what they start.

use std::cmp::Reverse;

use dsmil_gate::Verdict;

use super::{Armed, Happening, Machine, Status};
use crate::simulate::trace::{Because, Cause};
use crate::simulate::{Mode, setup};

impl Machine<'_> {
    /// A verdict may set off triggers.
    pub(super) fn said(&mut self, gate: usize, verdict: Verdict) {
        for at in 0..self.triggers.len() {
            if self.triggers[at] == Armed::Yes && self.setup.on_verdict[at] == Some((gate, verdict)) {
                self.triggers[at] = Armed::Off(self.now);
                self.at(self.now, Happening::Trigger(at));
            }
        }
    }

    /// Triggers that what has ended sets off, or makes impossible.
    pub(super) fn set_off(&mut self) -> bool {
        let mut changed = false;
        for at in 0..self.triggers.len() {
            if self.triggers[at] != Armed::Yes {
                continue;
            }
            match setup::answer(self.setup, at, |node| (self.states[node].status, self.states[node].has_failed)) {
                Some(true) => {
                    self.triggers[at] = Armed::Off(self.now);
                    if self.mode == Mode::Dynamic {
                        self.pull(at);
                    }
                    changed = true;
                }
                Some(false) => {
                    self.spend(at);
                    changed = true;
                }
                None => {}
            }
        }
        changed
    }

    /// A trigger that is set off fires, waits for its gate, or is spent.
    pub(super) fn pull(&mut self, at: usize) {
        let Armed::Off(since) = self.triggers[at] else { return };
        let goes_on = |node: &usize| self.states[*node].started.is_some() && !self.states[*node].status.has_ended();
        if !self.setup.running[at].iter().all(goes_on) {
            return self.spend(at);
        }
        let trigger = &self.setup.file.trigger[at];
        if let Some(gate) = self.setup.trigger_gate[at] {
            self.trigger_asked[at] += 1;
            let who = self.setup.trigger_hashes[at];
            let verdict = self.setup.gates.asked(gate, who, self.trigger_asked[at], self.now, self.chance);
            self.said(gate, verdict);
            if verdict != Verdict::Go {
                if trigger.give_up.is_some_and(|most| self.now - since >= most.as_millis()) {
                    return self.spend(at);
                }
                let again = self.setup.gates.recheck(gate, trigger.recheck);
                *self.trace.waits.entry(Cause::Gate(gate)).or_insert(0) += again;
                return self.at(self.now + again, Happening::Trigger(at));
            }
        }
        self.triggers[at] = Armed::Spent;
        for node in &self.setup.starts[at] {
            if self.states[*node].status == Status::Dormant {
                self.states[*node].status = Status::Waiting;
                self.states[*node].why_start = self.setup.awaited[at]
                    .iter()
                    .copied()
                    .max_by_key(|other| (self.states[*other].ended, Reverse(*other)))
                    .map(|node| Because { node, at_start: false });
            }
        }
    }

    /// A trigger that won't fire: what nobody else can start is skipped.
    pub(super) fn spend(&mut self, at: usize) {
        self.triggers[at] = Armed::Spent;
        for node in self.setup.starts[at].clone() {
            let other = (0..self.triggers.len())
                .any(|other| self.triggers[other] != Armed::Spent && self.setup.starts[other].contains(&node));
            if self.states[node].status == Status::Dormant && !other {
                self.done(node, Status::Skipped);
            }
        }
    }

    /// Nothing is left to happen by itself: triggers that waited for this, and those that nothing will set off.
    pub(super) fn quiet(&mut self) -> bool {
        let held: Vec<usize> = (0..self.triggers.len()).filter(|at| matches!(self.triggers[*at], Armed::Off(_))).collect();
        if self.mode != Mode::Dynamic && !held.is_empty() {
            for at in held {
                self.pull(at);
            }
            return true;
        }
        let idle: Vec<usize> = (0..self.triggers.len()).filter(|at| self.triggers[*at] == Armed::Yes).collect();
        let any = !idle.is_empty();
        for at in idle {
            self.spend(at);
        }
        any
    }
}
