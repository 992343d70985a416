//! How a step ends: well, to be tried again, by another one, or for good.

use dsmil_gate::Verdict;

use super::{Armed, Breaker, Happening, Machine, Status};
use crate::model::OnFail;
use crate::net::Origin;
use crate::simulate::body::Ending;
use crate::simulate::draw::For;
use crate::simulate::trace::{Because, Cause, Outcome};

impl Machine<'_> {
    /// An attempt's work is done: well or not.
    pub(super) fn work_ends(&mut self, node: usize) {
        self.release(node);
        if let Some(work) = self.states[node].body.take() {
            self.trace.failed_devices += work.failed;
            if let Some(gate) = work.gate {
                let verdict = match work.ending {
                    Ending::RollBack => Verdict::RollBack,
                    Ending::Failed => Verdict::NoGo,
                    Ending::Well | Ending::Paused => Verdict::Hold,
                };
                self.said(gate, verdict);
                if work.held > 0 {
                    *self.trace.waits.entry(Cause::Gate(gate)).or_insert(0) += work.held;
                    *self.trace.waits_of.entry(node).or_insert(0) += work.held;
                }
            }
            match work.ending {
                Ending::Well => self.leave(node),
                Ending::Failed => self.fails(node),
                Ending::Paused => self.outcome = Some(Outcome::Paused(node)),
                Ending::RollBack => self.roll_back(node, work.gate),
            }
            return;
        }
        let attempt = u64::from(self.states[node].attempt);
        if self.chance.happens(self.setup.failure[node], self.setup.hashes[node], For::Failure, attempt) {
            self.attempt_fails(node);
        } else {
            self.leave(node);
        }
    }

    /// The gate at the end.
    pub(super) fn leave(&mut self, node: usize) {
        if let Some(gate) = self.setup.exit[node] {
            match self.ask(node, gate) {
                Verdict::Go => {}
                Verdict::Hold if !self.has_given_up(node) => {
                    let again = self.now + self.setup.gates.recheck(gate, self.setup.recheck[node]);
                    self.wait(node, Cause::Gate(gate));
                    let state = &mut self.states[node];
                    state.status = Status::Leaving;
                    state.version += 1;
                    let version = state.version;
                    self.at(again, Happening::End(node, version));
                    return;
                }
                Verdict::RollBack => return self.roll_back(node, Some(gate)),
                Verdict::Hold | Verdict::NoGo => return self.attempt_fails(node),
            }
        }
        self.waited(node);
        if let Some(breaker) = self.setup.breaker[node] {
            self.breakers[breaker] = Breaker { failures: 0, open_until: None, trial: None };
        }
        self.done(node, Status::Done);
    }

    pub(super) fn done(&mut self, node: usize, status: Status) {
        self.waited(node);
        let state = &mut self.states[node];
        state.status = status;
        state.ended = Some(self.now);
        state.why_end = state.why_end.or(Some(Because { node, at_start: true }));
        if let Origin::Fallback(worker) = self.setup.net.nodes[node].origin
            && self.states[worker].status == Status::Replaced
            && status != Status::Skipped
        {
            self.states[worker].why_end = Some(Because { node, at_start: false });
            self.done(worker, status);
        }
    }

    pub(super) fn attempt_fails(&mut self, node: usize) {
        self.waited(node);
        self.states[node].held_since = None;
        self.trace.failures += 1;
        if let Some(at) = self.setup.breaker[node] {
            let rules = &self.setup.file.breaker[at];
            let breaker = &mut self.breakers[at];
            breaker.failures += 1;
            let was_trial = breaker.trial == Some(node);
            if was_trial || breaker.failures >= rules.failures {
                breaker.open_until = Some(self.now + rules.cool_down.as_millis());
                breaker.trial = None;
                self.trace.opened += 1;
            }
        }
        let Some(worker) = self.setup.worker(node).filter(|worker| self.states[node].attempt <= worker.retries) else {
            return self.fails(node);
        };
        let again = self.now + worker.retry_delay.as_millis();
        self.states[node].status = Status::Ready;
        self.states[node].hold_until = again;
        self.wait(node, Cause::Retry);
        self.at(again, Happening::Wake);
    }

    /// A step has failed for good, or can't even be tried.
    pub(super) fn fails(&mut self, node: usize) {
        self.waited(node);
        if self.rolling_back {
            return self.done(node, Status::Failed);
        }
        if let Some(fallback) = self.setup.fallback[node].filter(|other| self.states[*other].status == Status::Dormant) {
            self.states[node].status = Status::Replaced;
            self.states[fallback].status = Status::Waiting;
            self.states[fallback].why_start = Some(Because { node, at_start: true });
            self.trace.fallbacks += 1;
            return;
        }
        // Who took another's place fails in its name.
        let origin = self.setup.net.nodes[node].origin;
        if let Origin::Fallback(worker) = origin
            && self.states[worker].status == Status::Replaced
        {
            let state = &mut self.states[node];
            state.status = Status::Failed;
            state.ended = Some(self.now);
            self.states[worker].why_end = Some(Because { node, at_start: false });
            return self.fails(worker);
        }
        self.states[node].has_failed = true;
        match self.consequence(node) {
            OnFail::Continue => self.done(node, Status::Failed),
            OnFail::Abort => self.outcome = Some(Outcome::Failed(node)),
            OnFail::Pause => self.outcome = Some(Outcome::Paused(node)),
            OnFail::RollBack => self.roll_back(node, None),
        }
    }

    /// What a failure means: for a member of populations, whether enough are left.
    pub(super) fn consequence(&mut self, node: usize) -> OnFail {
        let mut tolerated = false;
        for (at, members) in self.setup.populations.iter().enumerate() {
            if members.contains(&node) {
                let left = members.iter().filter(|member| !self.states[**member].has_failed).count();
                let population = &self.setup.file.population[at];
                if left < population.minimum as usize {
                    return population.on_below;
                }
                tolerated = true;
            }
        }
        if tolerated {
            self.trace.degraded = true;
            return OnFail::Continue;
        }
        self.setup.on_fail[node]
    }

    /// Back: everything else ends, and only what belongs to the rollback runs.
    pub(super) fn roll_back(&mut self, node: usize, gate: Option<usize>) {
        self.outcome = Some(Outcome::RolledBack(node));
        if std::mem::replace(&mut self.rolling_back, true) {
            return;
        }
        let called = self.setup.rollback(node, gate);
        self.stop();
        for other in called {
            self.states[other].status = Status::Waiting;
            self.states[other].why_start = Some(Because { node, at_start: false });
        }
    }

    /// Ends whatever has not ended.
    pub(super) fn stop(&mut self) {
        for node in 0..self.states.len() {
            self.waited(node);
            if self.states[node].status == Status::Running {
                self.release(node);
            }
            if !self.states[node].status.has_ended() && self.states[node].status != Status::Dormant {
                self.states[node].status = Status::Cancelled;
                self.states[node].ended = self.states[node].started.map(|_| self.now);
            }
        }
        self.triggers.fill(Armed::Spent);
        self.queue.clear();
    }
}
