//! How a step begins: approval, room, breaker, gate, and the pace at which it goes.

use dsmil_gate::Verdict;

use super::{Happening, Machine, PACE, State, Status};
use crate::net::What;
use crate::simulate::Mode;
use crate::simulate::body::body;
use crate::simulate::draw::For;
use crate::simulate::trace::{Bar, BarKind, Because, Cause};

impl Machine<'_> {
    /// Starts what can start.
    pub(super) fn dispatch(&mut self, phases_only: bool) -> bool {
        let is_meant = |node: &usize| !phases_only || matches!(self.setup.net.nodes[*node].what, What::Phase(_));
        let ready = (0..self.states.len()).filter(|node| self.states[*node].status == Status::Ready);
        let mut ready: Vec<usize> = ready.filter(is_meant).collect();
        ready.sort_by_key(|node| (self.setup.net.nodes[*node].priority, *node));
        let mut changed = false;
        for node in ready {
            if self.outcome.is_some() && !self.rolling_back {
                return changed;
            }
            if self.states[node].status == Status::Ready && self.states[node].hold_until <= self.now {
                changed |= self.try_start(node);
            }
        }
        changed
    }

    /// Starts a step, or notes what it waits for. `true` if its status has changed.
    pub(super) fn try_start(&mut self, node: usize) -> bool {
        if !self.is_approved(node) {
            self.wait(node, Cause::Approval);
            return false;
        }
        if let Some(cause) = self.no_room(node) {
            self.wait(node, cause);
            return false;
        }
        if let Some(breaker) = self.setup.breaker[node]
            && let Some(until) = self.is_open(breaker)
        {
            if self.setup.fallback[node].is_some_and(|other| self.states[other].status == Status::Dormant) {
                self.fails(node);
                return true;
            }
            self.wait(node, Cause::Breaker(breaker));
            if until > self.now {
                self.at(until, Happening::Wake);
            }
            return false;
        }
        if let Some(gate) = self.setup.entry[node] {
            match self.ask(node, gate) {
                Verdict::Go => {}
                Verdict::Hold if !self.has_given_up(node) => {
                    let again = self.now + self.setup.gates.recheck(gate, self.setup.recheck[node]);
                    self.states[node].hold_until = again;
                    self.wait(node, Cause::Gate(gate));
                    self.at(again, Happening::Wake);
                    return false;
                }
                Verdict::RollBack => {
                    self.roll_back(node, Some(gate));
                    return true;
                }
                Verdict::Hold | Verdict::NoGo => {
                    self.fails(node);
                    return true;
                }
            }
        }
        self.start(node);
        true
    }

    pub(super) fn is_approved(&mut self, node: usize) -> bool {
        if self.setup.approval[node].is_none() {
            return true;
        }
        if self.states[node].approved.is_none() {
            self.states[node].approved = Some(false);
            let takes = self.chance.time(self.setup.approval_time, self.setup.hashes[node], For::Approval, 0);
            if takes == 0 {
                self.states[node].approved = Some(true);
            } else {
                self.at(self.now + takes, Happening::Approved(node));
            }
        }
        self.states[node].approved == Some(true)
    }

    /// What keeps it from starting now, of the limits.
    pub(super) fn no_room(&self, node: usize) -> Option<Cause> {
        let own = &self.setup.net.nodes[node];
        if let What::Phase(_) = own.what {
            return None;
        }
        if self.mode == Mode::Serial && !own.is_background {
            let busy = |(other, state): (usize, &State)| {
                matches!(state.status, Status::Running | Status::Leaving) && !self.setup.net.nodes[other].is_background
            };
            if self.states.iter().enumerate().any(busy) {
                return Some(Cause::OneAtATime);
            }
        }
        let limits = &self.setup.file.limits;
        if let What::Worker(_) = own.what
            && limits.workers.is_some_and(|most| self.workers >= most)
        {
            return Some(Cause::Workers);
        }
        let needed = u64::from(own.load.millionths());
        (needed > 0 && self.load + needed > u64::from(limits.load.millionths())).then_some(Cause::Load)
    }

    /// Until when nobody goes through a breaker; `now` while one tries whether it may close again.
    pub(super) fn is_open(&self, breaker: usize) -> Option<i64> {
        let state = &self.breakers[breaker];
        let until = state.open_until?;
        (self.now < until || state.trial.is_some()).then_some(until)
    }

    pub(super) fn ask(&mut self, node: usize, gate: usize) -> Verdict {
        let state = &mut self.states[node];
        state.asked += 1;
        let verdict = self.setup.gates.asked(gate, self.setup.hashes[node], state.asked, self.now, self.chance);
        if verdict == Verdict::Hold {
            state.held_since.get_or_insert(self.now);
        } else if verdict == Verdict::Go {
            state.held_since = None;
        }
        self.said(gate, verdict);
        verdict
    }

    pub(super) fn has_given_up(&self, node: usize) -> bool {
        let Some(since) = self.states[node].held_since else { return false };
        self.setup.give_up[node].is_some_and(|most| self.now - since >= most.as_millis())
    }

    /// Notes what a step waits for from now on.
    pub(super) fn wait(&mut self, node: usize, cause: Cause) {
        match &self.states[node].waits {
            Some((_, before)) if *before == cause => {}
            _ => {
                self.waited(node);
                self.states[node].waits = Some((self.now, cause));
            }
        }
    }

    /// A step waits no longer.
    pub(super) fn waited(&mut self, node: usize) -> Option<Cause> {
        let (since, cause) = self.states[node].waits.take()?;
        if self.now > since {
            *self.trace.waits.entry(cause).or_insert(0) += self.now - since;
            *self.trace.waits_of.entry(node).or_insert(0) += self.now - since;
            self.trace.bars.push(Bar { node, from: since, to: self.now, kind: BarKind::Waits });
        }
        Some(cause)
    }

    pub(super) fn start(&mut self, node: usize) {
        // What waited for room runs because somebody gave room.
        if let Some(Cause::Workers | Cause::Load | Cause::OneAtATime) = self.waited(node)
            && let Some(released) = self.released
        {
            self.states[node].why_start = Some(Because { node: released, at_start: false });
        }
        let own = &self.setup.net.nodes[node];
        let attempt = self.states[node].attempt + 1;
        if let Some(breaker) = self.setup.breaker[node]
            && self.breakers[breaker].open_until.is_some()
        {
            self.breakers[breaker].trial = Some(node);
        }
        self.take(node);
        let mut takes = 0;
        if let What::Stage(index) = own.what {
            let work = body(self.setup.file, &self.setup.gates, index, self.chance);
            takes = work.duration;
            self.states[node].body = Some(work);
        } else if !own.is_background {
            takes = self.chance.time(own.estimate, self.setup.hashes[node], For::Duration, u64::from(attempt));
        }
        let state = &mut self.states[node];
        state.status = Status::Running;
        state.attempt = attempt;
        state.started.get_or_insert(self.now);
        state.attempt_start = self.now;
        state.left = i128::from(takes) * PACE;
        state.paced_at = self.now;
        if !own.is_background {
            self.pace(node);
            if let Some(most) = self.setup.timeout[node] {
                self.at(self.now + most.as_millis(), Happening::TimeOut(node, attempt));
            }
        }
        if let Some((helped, _)) = self.setup.boost[node] {
            self.pace(helped);
        }
    }

    pub(super) fn take(&mut self, node: usize) {
        let own = &self.setup.net.nodes[node];
        if let What::Worker(_) = own.what {
            self.workers += 1;
        }
        self.load += u64::from(own.load.millionths());
        self.trace.peak_workers = self.trace.peak_workers.max(self.workers);
        self.trace.peak_load = self.trace.peak_load.max(self.load);
    }

    pub(super) fn release(&mut self, node: usize) {
        let own = &self.setup.net.nodes[node];
        if let What::Worker(_) = own.what {
            self.workers -= 1;
        }
        self.load -= u64::from(own.load.millionths());
        self.released = Some(node);
        let from = self.states[node].attempt_start;
        self.trace.bars.push(Bar { node, from, to: self.now, kind: BarKind::Works });
        self.states[node].version += 1;
        self.states[node].status = Status::Ready;
        if let Some((helped, _)) = self.setup.boost[node] {
            self.pace(helped);
        }
    }

    /// The pace of a step follows from who helps it now; with it the time at which it ends.
    pub(super) fn pace(&mut self, node: usize) {
        if self.states[node].status != Status::Running {
            return;
        }
        let runs = |helper: &&(usize, u64)| self.states[helper.0].status == Status::Running;
        let help: u64 = self.setup.helpers[node].iter().filter(runs).map(|(_, by)| *by).sum();
        let state = &mut self.states[node];
        state.left = (state.left - i128::from(self.now - state.paced_at) * state.pace).max(0);
        state.paced_at = self.now;
        state.pace = PACE + i128::from(help);
        state.version += 1;
        let takes = (state.left + state.pace - 1) / state.pace;
        let (version, end) = (state.version, self.now + i64::try_from(takes).unwrap_or(i64::MAX / 4));
        self.at(end, Happening::End(node, version));
    }
}
