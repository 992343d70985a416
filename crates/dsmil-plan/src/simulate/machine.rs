//! One run of a plan in virtual time: discrete events, no clock. What happens at one moment is settled in a fixed order: what
//! has ended, then triggers, then what may start, by priority and then by the order of the plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use dsmil_gate::Verdict;

use super::body::{Body, Ending, body};
use super::draw::{Chance, For};
use super::setup::Setup;
use super::trace::{Bar, BarKind, Because, Cause, Outcome, Trace};
use super::{Mode, setup};
use crate::model::OnFail;
use crate::net::{Origin, What};

/// More events than this in one run and it is stuck: a gate that never goes.
const MAX_EVENTS: usize = 200_000;
/// The pace of whoever is not helped, in millionths.
const PACE: i128 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Waits to be called: by a trigger, a failure, a rollback.
    Dormant,
    /// Waits for what comes before it.
    Waiting,
    /// Could start, but for limits, gates, an approval, a delay.
    Ready,
    Running,
    /// Its work is done, and its gate holds.
    Leaving,
    /// Another one has taken its place.
    Replaced,
    Done,
    /// Failed, and the run goes on.
    Failed,
    /// Was never called.
    Skipped,
    /// The run ended before it did.
    Cancelled,
}

impl Status {
    pub(super) const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

/// What may happen at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// An attempt ends, unless its end has been put off or brought forward since.
    End(usize, u32),
    /// An attempt has taken too long.
    TimeOut(usize, u32),
    /// Somebody has approved.
    Approved(usize),
    /// A trigger is set off by the time, or asks its gate again.
    Trigger(usize),
    /// Something may have become possible.
    Wake,
}

pub(super) struct State {
    pub(super) status: Status,
    /// Since when it waits, and for what.
    waits: Option<(i64, Cause)>,
    hold_until: i64,
    /// Since when its gate holds.
    held_since: Option<i64>,
    asked: u64,
    approved: Option<bool>,
    attempt: u32,
    pub(super) started: Option<i64>,
    pub(super) ended: Option<i64>,
    attempt_start: i64,
    /// Work that is left, in milliseconds times [`PACE`], as of `paced_at`.
    left: i128,
    paced_at: i64,
    pace: i128,
    /// Which end is the valid one.
    version: u32,
    body: Option<Body>,
    has_failed: bool,
    pub(super) why_start: Option<Because>,
    pub(super) why_end: Option<Because>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Armed {
    /// Nothing has set it off.
    Yes,
    /// Set off; its gate is asked again.
    Off(i64),
    /// It has fired, or can't any more.
    Spent,
}

struct Breaker {
    failures: u32,
    open_until: Option<i64>,
    trial: Option<usize>,
}

pub(super) struct Machine<'a> {
    setup: &'a Setup<'a>,
    mode: Mode,
    chance: Chance,
    now: i64,
    queue: BinaryHeap<Reverse<(i64, Happening)>>,
    pub(super) states: Vec<State>,
    triggers: Vec<Armed>,
    trigger_asked: Vec<u64>,
    breakers: Vec<Breaker>,
    /// The workers that run, and their load in millionths.
    workers: u32,
    load: u64,
    /// Whoever has given room back last.
    released: Option<usize>,
    rolling_back: bool,
    outcome: Option<Outcome>,
    trace: Trace,
}

impl<'a> Machine<'a> {
    pub(super) fn new(setup: &'a Setup<'a>, mode: Mode, chance: Chance) -> Self {
        let state = |node: usize| State {
            status: if setup.net.nodes[node].origin == Origin::Plan { Status::Waiting } else { Status::Dormant },
            waits: None,
            hold_until: 0,
            held_since: None,
            asked: 0,
            approved: None,
            attempt: 0,
            started: None,
            ended: None,
            attempt_start: 0,
            left: 0,
            paced_at: 0,
            pace: PACE,
            version: 0,
            body: None,
            has_failed: false,
            why_start: None,
            why_end: None,
        };
        let mut machine = Self {
            setup,
            mode,
            chance,
            now: 0,
            queue: BinaryHeap::new(),
            states: (0..setup.net.nodes.len()).map(state).collect(),
            triggers: vec![Armed::Yes; setup.file.trigger.len()],
            trigger_asked: vec![0; setup.file.trigger.len()],
            breakers: setup.file.breaker.iter().map(|_| Breaker { failures: 0, open_until: None, trial: None }).collect(),
            workers: 0,
            load: 0,
            released: None,
            rolling_back: false,
            outcome: None,
            trace: Trace::default(),
        };
        for (at, trigger) in setup.file.trigger.iter().enumerate() {
            if let crate::model::On::Time(time) = &trigger.on {
                machine.at(time.as_millis(), Happening::Trigger(at));
            }
        }
        machine
    }

    pub(super) fn run(mut self) -> Trace {
        let mut events = 0;
        loop {
            self.settle();
            if let Some(outcome) = self.finished() {
                return self.close(outcome);
            }
            let Some(Reverse((time, _))) = self.queue.peek().copied() else {
                if self.quiet() {
                    continue;
                }
                return self.close(Outcome::Stuck);
            };
            self.now = time;
            while let Some(Reverse((_, happening))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at == time) {
                self.queue.pop();
                events += 1;
                self.happens(happening);
            }
            if events > MAX_EVENTS {
                return self.close(Outcome::Stuck);
            }
        }
    }

    fn at(&mut self, time: i64, happening: Happening) {
        self.queue.push(Reverse((time, happening)));
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::End(node, version) if self.states[node].version == version => match self.states[node].status {
                Status::Running => self.work_ends(node),
                Status::Leaving => self.leave(node),
                _ => {}
            },
            Happening::TimeOut(node, attempt) => {
                let state = &self.states[node];
                if state.status == Status::Running && state.attempt == attempt {
                    self.release(node);
                    self.attempt_fails(node);
                }
            }
            Happening::Approved(node) => self.states[node].approved = Some(true),
            Happening::Trigger(at) => {
                if self.triggers[at] == Armed::Yes {
                    self.triggers[at] = Armed::Off(self.now);
                }
                if self.triggers[at] != Armed::Spent && self.mode == Mode::Dynamic {
                    self.pull(at);
                }
            }
            Happening::End(..) | Happening::Wake => {}
        }
    }

    /// Everything that follows at this moment.
    fn settle(&mut self) {
        loop {
            let mut changed = self.endings();
            changed |= self.set_off();
            changed |= self.promote();
            changed |= self.dispatch();
            if !changed || (self.outcome.is_some() && !self.rolling_back) {
                return;
            }
        }
    }

    fn finished(&self) -> Option<Outcome> {
        if let Some(outcome) = &self.outcome {
            let open =
                self.rolling_back && self.states.iter().any(|state| !state.status.has_ended() && state.status != Status::Dormant);
            return (!open).then(|| outcome.clone());
        }
        let pending = self.triggers.iter().any(|armed| matches!(armed, Armed::Off(_)));
        let open = self.states.iter().any(|state| !state.status.has_ended() && state.status != Status::Dormant);
        (!open && !pending).then_some(Outcome::Completed)
    }

    /// Phases whose members have ended, and whatever goes on until others have.
    fn endings(&mut self) -> bool {
        let mut changed = false;
        for node in 0..self.states.len() {
            let own = &self.setup.net.nodes[node];
            if self.states[node].status != Status::Running || !own.is_background {
                continue;
            }
            let awaited = || own.until.iter().chain(&own.members).copied();
            if awaited().all(|other| self.states[other].status.has_ended()) {
                let last = awaited().filter(|other| self.states[*other].ended.is_some()).max_by_key(|other| {
                    (self.states[*other].ended, Reverse(self.setup.net.nodes[*other].is_background), Reverse(*other))
                });
                self.states[node].why_end = last.map(|node| Because { node, at_start: false });
                self.work_ends(node);
                changed = true;
            }
        }
        changed
    }

    /// What waits for nothing any more is ready.
    fn promote(&mut self) -> bool {
        let mut changed = false;
        for node in 0..self.states.len() {
            if self.states[node].status != Status::Waiting {
                continue;
            }
            let own = &self.setup.net.nodes[node];
            let after = own.needs.iter().all(|other| self.states[*other].status.has_ended());
            let begun = |other: usize| self.states[other].started.is_some() || self.states[other].status.has_ended();
            let is_free = self.rolling_back || own.phase.is_none_or(begun);
            if after && is_free && own.alongside.iter().all(|other| begun(*other)) {
                let ends = own.needs.iter().map(|other| (self.states[*other].ended, *other, false));
                let starts = own.alongside.iter().chain(&own.phase).map(|other| (self.states[*other].started, *other, true));
                let last = ends.chain(starts).filter(|(time, ..)| time.is_some());
                let last = last
                    .max_by_key(|(time, other, _)| (*time, Reverse(self.setup.net.nodes[*other].is_background), Reverse(*other)));
                let state = &mut self.states[node];
                state.why_start = state.why_start.or(last.map(|(_, node, at_start)| Because { node, at_start }));
                state.status = Status::Ready;
                changed = true;
            }
        }
        changed
    }

    /// Starts what can start.
    fn dispatch(&mut self) -> bool {
        let mut ready: Vec<usize> = (0..self.states.len()).filter(|node| self.states[*node].status == Status::Ready).collect();
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
    fn try_start(&mut self, node: usize) -> bool {
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

    fn is_approved(&mut self, node: usize) -> bool {
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
    fn no_room(&self, node: usize) -> Option<Cause> {
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
    fn is_open(&self, breaker: usize) -> Option<i64> {
        let state = &self.breakers[breaker];
        let until = state.open_until?;
        (self.now < until || state.trial.is_some()).then_some(until)
    }

    fn ask(&mut self, node: usize, gate: usize) -> Verdict {
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

    /// A verdict may set off triggers.
    fn said(&mut self, gate: usize, verdict: Verdict) {
        for at in 0..self.triggers.len() {
            if self.triggers[at] == Armed::Yes && self.setup.on_verdict[at] == Some((gate, verdict)) {
                self.triggers[at] = Armed::Off(self.now);
                self.at(self.now, Happening::Trigger(at));
            }
        }
    }

    fn has_given_up(&self, node: usize) -> bool {
        let Some(since) = self.states[node].held_since else { return false };
        self.setup.give_up[node].is_some_and(|most| self.now - since >= most.as_millis())
    }

    /// Notes what a step waits for from now on.
    fn wait(&mut self, node: usize, cause: Cause) {
        match &self.states[node].waits {
            Some((_, before)) if *before == cause => {}
            _ => {
                self.waited(node);
                self.states[node].waits = Some((self.now, cause));
            }
        }
    }

    /// A step waits no longer.
    fn waited(&mut self, node: usize) -> Option<Cause> {
        let (since, cause) = self.states[node].waits.take()?;
        if self.now > since {
            *self.trace.waits.entry(cause).or_insert(0) += self.now - since;
            *self.trace.waits_of.entry(node).or_insert(0) += self.now - since;
            self.trace.bars.push(Bar { node, from: since, to: self.now, kind: BarKind::Waits });
        }
        Some(cause)
    }

    fn start(&mut self, node: usize) {
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

    fn take(&mut self, node: usize) {
        let own = &self.setup.net.nodes[node];
        if let What::Worker(_) = own.what {
            self.workers += 1;
        }
        self.load += u64::from(own.load.millionths());
        self.trace.peak_workers = self.trace.peak_workers.max(self.workers);
        self.trace.peak_load = self.trace.peak_load.max(self.load);
    }

    fn release(&mut self, node: usize) {
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
    fn pace(&mut self, node: usize) {
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

    /// An attempt's work is done: well or not.
    fn work_ends(&mut self, node: usize) {
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
    fn leave(&mut self, node: usize) {
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

    fn done(&mut self, node: usize, status: Status) {
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

    fn attempt_fails(&mut self, node: usize) {
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
    fn fails(&mut self, node: usize) {
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
    fn consequence(&mut self, node: usize) -> OnFail {
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
    fn roll_back(&mut self, node: usize, gate: Option<usize>) {
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
    fn stop(&mut self) {
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

    /// Triggers that what has ended sets off, or makes impossible.
    fn set_off(&mut self) -> bool {
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
    fn pull(&mut self, at: usize) {
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
    fn spend(&mut self, at: usize) {
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
    fn quiet(&mut self) -> bool {
        let held: Vec<usize> = (0..self.triggers.len()).filter(|at| matches!(self.triggers[*at], Armed::Off(_))).collect();
        if self.mode != Mode::Dynamic && !held.is_empty() {
            held.into_iter().for_each(|at| self.pull(at));
            return true;
        }
        let idle: Vec<usize> = (0..self.triggers.len()).filter(|at| self.triggers[*at] == Armed::Yes).collect();
        let any = !idle.is_empty();
        idle.into_iter().for_each(|at| self.spend(at));
        any
    }

    fn close(mut self, outcome: Outcome) -> Trace {
        if outcome != Outcome::Completed && !self.rolling_back {
            self.stop();
        }
        self.trace.end = self.now;
        self.trace.outcome = outcome;
        let times: BTreeMap<usize, (i64, i64)> =
            self.states.iter().enumerate().filter_map(|(node, state)| Some((node, (state.started?, state.ended?)))).collect();
        self.trace.path = super::trace::path(self.setup, &self.states);
        self.trace.times = times;
        self.trace
    }
}
