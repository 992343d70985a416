//! One run of a plan in virtual time: discrete events, no clock. What happens at one moment is settled in a fixed order: what
//! has ended, then triggers, then what may start, by priority and then by the order of the plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Mode;
use super::body::Body;
use super::draw::Chance;
use super::setup::Setup;
use super::trace::{Because, Cause, Outcome, Trace};
use crate::net::Origin;

mod begin;
mod end;
mod trigger;

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
            // Phases need no room. Once they have begun, all that could start now is there, and priorities decide.
            changed |= self.dispatch(true);
            let is_over = self.outcome.is_some() && !self.rolling_back;
            if is_over || (!changed && !self.dispatch(false)) {
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
