//! The engine: gates and the states of their rules, carried on from one time to the next.

use serde::Serialize;

use crate::decide::{Outcome, Standing, gate_outcome, zone_outcome};
use crate::evidence::{self, Evaluation};
use crate::gate_file::GateFile;
use crate::machine::{Machine, Phase};
use crate::rule::{Condition, Function, OnNoData, Rule, Verdict};
use crate::samples::{Labels, Sample, Samples, SeriesId, is_stale};
use crate::window::{Observation, observe};

/// More series than this for one rule is a mistake in its labels, and an error of the rule.
pub const MAX_SERIES_PER_RULE: usize = 10_000;

/// One series of one rule.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) labels: Labels,
    /// `None` when there is no such series any more.
    pub(crate) series: Option<SeriesId>,
    pub(crate) machine: Machine,
    pub(crate) seen: Option<Observation>,
}

/// Why a rule could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Unreadable,
    TooManySeries,
}

/// A rule, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// Ordered by labels.
    pub(crate) instances: Vec<Instance>,
    /// The alert on missing evidence; for `absent` the only one.
    pub(crate) no_data: Machine,
    pub(crate) missing: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) standing: Standing,
    too_many: bool,
}

/// An alert that changed its phase. From firing to inactive is what Prometheus calls resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The rule.
    pub rule: String,
    /// The labels of the series.
    pub labels: Labels,
    /// Whether it is about missing evidence and not about a value.
    pub no_data: bool,
    /// From which phase.
    pub from: Phase,
    /// To which.
    pub to: Phase,
}

impl Event {
    /// Whether an alert that fired has ended.
    pub fn is_resolved(&self) -> bool {
        self.from == Phase::Firing && self.to == Phase::Inactive
    }
}

/// Gates, and where their rules stand. It reads no clock and keeps no samples: both are arguments.
#[derive(Clone, Debug)]
pub struct Engine {
    file: GateFile,
    pub(crate) live: Vec<Live>,
    pub(crate) zones: Vec<(usize, Verdict)>,
    pub(crate) gates: Vec<Outcome>,
    events: Vec<Event>,
    /// The last time that was evaluated.
    pub(crate) at: Option<i64>,
    /// Which layout of the samples the instances are bound to.
    bound: Option<u64>,
    standings: Vec<Standing>,
    scratch: Vec<f64>,
}

impl Engine {
    /// An engine that has seen nothing yet.
    pub fn new(file: GateFile) -> Self {
        let rules = file.rules().len();
        let mut engine = Self {
            live: Vec::with_capacity(rules),
            zones: Vec::new(),
            gates: Vec::new(),
            events: Vec::new(),
            at: None,
            bound: None,
            standings: Vec::with_capacity(rules),
            scratch: Vec::new(),
            file,
        };
        engine.reset();
        engine
    }

    pub(crate) fn reset(&mut self) {
        let nothing = Live {
            instances: Vec::new(),
            no_data: Machine::new(0),
            missing: true,
            failure: None,
            standing: Standing { verdict: Verdict::Hold, ..Standing::default() },
            too_many: false,
        };
        self.live = vec![nothing; self.file.rules().len()];
        (self.at, self.bound) = (None, None);
        self.events.clear();
    }

    /// The gate file.
    pub fn file(&self) -> &GateFile {
        &self.file
    }

    /// Carries all states on to `now` and says what the gates decide, in the order of the file. Allocates nothing as long
    /// as no series is new and no alert changes its phase. What it decides on is told by [`Engine::evaluate`].
    ///
    /// `now` is in milliseconds since the Unix epoch. Samples from after `now` are not seen.
    pub fn advance(&mut self, samples: &Samples, now: i64) -> &[Outcome] {
        self.events.clear();
        if self.bound != Some(samples.layout()) {
            self.bind(samples, now);
        }
        let first = self.at.is_none();
        let back = self.at.is_some_and(|last| now < last);
        self.at = Some(now);
        for (rule, live) in self.file.rules().iter().zip(&mut self.live) {
            if first {
                live.no_data = Machine::new(now);
            }
            if back {
                live.no_data.clock_went_back(now);
                live.instances.iter_mut().for_each(|instance| instance.machine.clock_went_back(now));
            }
            if !live.stays_well(rule, samples, now) {
                live.advance(rule, samples, now, &mut self.scratch, &mut self.events);
            }
        }
        self.standings.clear();
        self.standings.extend(self.live.iter().map(|live| live.standing));
        self.zones.clear();
        self.zones.extend(self.file.zones().iter().map(|zone| zone_outcome(zone, &self.standings)));
        self.gates.clear();
        let gates = self.file.gates().iter();
        self.gates.extend(gates.map(|gate| gate_outcome(gate, self.file.rules(), &self.standings, &self.zones)));
        &self.gates
    }

    /// Carries all states on to `now`, and tells what the gates decide and on what evidence.
    pub fn evaluate(&mut self, samples: &Samples, now: i64) -> Evaluation {
        self.advance(samples, now);
        evidence::collect(self, samples, now)
    }

    /// The alerts that changed their phase when time was last carried on.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Finds the series of each rule, and keeps the states of those that it knew.
    fn bind(&mut self, samples: &Samples, now: i64) {
        for (rule, live) in self.file.rules().iter().zip(&mut self.live) {
            let mut known = std::mem::take(&mut live.instances).into_iter().peekable();
            let mut found = samples.matching(&rule.metric, &rule.labels).take(MAX_SERIES_PER_RULE + 1).peekable();
            let mut count = 0;
            // Both are ordered by labels: merge them.
            loop {
                let order = match (known.peek(), found.peek()) {
                    (None, None) => break,
                    (Some(_), None) => std::cmp::Ordering::Less,
                    (None, Some(_)) => std::cmp::Ordering::Greater,
                    (Some(old), Some((labels, _))) => old.labels.cmp(labels),
                };
                let old = if order.is_le() { known.next() } else { None };
                let new = if order.is_ge() { found.next() } else { None };
                count += usize::from(new.is_some());
                match (old, new) {
                    (Some(old), Some((_, id))) => live.instances.push(Instance { series: Some(id), ..old }),
                    (Some(old), None) if old.machine.phase != Phase::Inactive => {
                        live.instances.push(Instance { series: None, ..old });
                    }
                    (None, Some((labels, id))) => live.instances.push(Instance {
                        labels: labels.clone(),
                        series: Some(id),
                        machine: Machine::new(now),
                        seen: None,
                    }),
                    (_, None) => {}
                }
            }
            live.too_many = count > MAX_SERIES_PER_RULE;
        }
        self.bound = Some(samples.layout());
    }
}

impl Live {
    /// Whether all is well and stays so, which is nearly always. Then nothing is to be done but to remember what was seen;
    /// [`Live::advance`] would come to the same, more slowly.
    #[inline]
    fn stays_well(&mut self, rule: &Rule, samples: &Samples, now: i64) -> bool {
        if self.standing != Standing::WELL || self.instances.is_empty() || self.too_many || samples.has_errors() {
            return false;
        }
        if rule.window.is_some() || matches!(rule.condition, Condition::Absent) {
            return false;
        }
        let oldest = now.saturating_sub(rule.staleness);
        self.instances.iter_mut().all(|instance| {
            let newest = instance.series.and_then(|id| samples.get(id)).and_then(|series| series.newest(now));
            // A stale marker is a NaN, too.
            let Some(Sample { at, value }) = newest.filter(|newest| newest.at >= oldest && !newest.value.is_nan()) else {
                return false;
            };
            instance.seen = Some(Observation { value, from: at, to: at, count: 1 });
            !rule.condition.fails(value)
        })
    }

    fn advance(&mut self, rule: &Rule, samples: &Samples, now: i64, scratch: &mut Vec<f64>, events: &mut Vec<Event>) {
        self.failure = if self.too_many {
            Some(Failure::TooManySeries)
        } else if samples.error(&rule.metric).is_some() {
            Some(Failure::Unreadable)
        } else {
            None
        };
        if self.failure.is_some() {
            // As in Prometheus the states stay as they are; the verdict doesn't wait for them.
            self.missing = true;
            self.instances.iter_mut().for_each(|instance| instance.seen = None);
            let of_series = self.instances.iter().map(|instance| instance.machine.phase).max().unwrap_or_default();
            let phase = self.phase(rule, of_series);
            self.standing = Standing { verdict: rule.on_fail.verdict(), phase, missing: true, failing: true };
            return;
        }
        let absent = matches!(rule.function, Function::Absent);
        let mut ended = false;
        let (mut any, mut unsure) = (false, false);
        let mut worst = Phase::Inactive;
        for instance in &mut self.instances {
            let series = instance.series.and_then(|id| samples.get(id));
            let seen = series.and_then(|series| observe(rule, series, now, scratch));
            instance.seen = seen;
            match seen {
                Some(seen) => {
                    any = true;
                    unsure |= seen.value.is_nan();
                }
                // Ended by a stale marker is ended; silent without one is evidence that is missing.
                None => unsure |= series.is_some_and(|series| series.newest(now).is_none_or(|last| !is_stale(last.value))),
            }
            if absent {
                continue;
            }
            let firing = instance.machine.phase == Phase::Firing;
            let failing = seen.is_some_and(|seen| rule.fails(seen.value, firing));
            if let Some(from) = instance.machine.step(failing, now, rule.hold_for, rule.keep_firing_for) {
                changed(rule, instance, from, now, events);
                ended |= instance.machine.phase == Phase::Inactive && instance.series.is_none();
            }
            worst = worst.max(instance.machine.phase);
        }
        if ended {
            self.instances.retain(|instance| instance.series.is_some() || instance.machine.phase != Phase::Inactive);
        }
        self.missing = !any || (unsure && !absent);
        self.step_no_data(rule, now, events);
        self.stand(rule, worst);
    }

    fn step_no_data(&mut self, rule: &Rule, now: i64, events: &mut Vec<Event>) {
        // What only holds never fires; the machine then remembers since when nothing was seen.
        let fires = rule.on_no_data != Some(OnNoData::Hold);
        let (hold_for, keep) = if fires { (rule.hold_for, rule.keep_firing_for) } else { (i64::MAX, 0) };
        if let Some(from) = self.no_data.step(self.missing, now, hold_for, keep).filter(|_| fires) {
            let labels = if rule.on_no_data.is_none() { rule.labels.present() } else { Labels::default() };
            let no_data = rule.on_no_data.is_some();
            events.push(Event { at: now, rule: rule.name.clone(), labels, no_data, from, to: self.no_data.phase });
        }
    }

    /// The worst phase of the rule's alerts, of which that of its series is given.
    fn phase(&self, rule: &Rule, of_series: Phase) -> Phase {
        if rule.on_no_data == Some(OnNoData::Hold) { of_series } else { of_series.max(self.no_data.phase) }
    }

    fn stand(&mut self, rule: &Rule, of_series: Phase) {
        let phase = self.phase(rule, of_series);
        let by_phase = match phase {
            Phase::Inactive => Verdict::Go,
            Phase::Pending => Verdict::Hold,
            Phase::Firing => rule.on_fail.verdict(),
        };
        let missing = self.missing && rule.on_no_data.is_some();
        let verdict = if missing { by_phase.max(Verdict::Hold) } else { by_phase };
        self.standing = Standing { verdict, phase, missing, failing: phase == Phase::Firing };
    }
}

/// Out of the way of the steady state, in which nothing changes.
#[cold]
fn changed(rule: &Rule, instance: &Instance, from: Phase, now: i64, events: &mut Vec<Event>) {
    let (labels, to) = (instance.labels.clone(), instance.machine.phase);
    events.push(Event { at: now, rule: rule.name.clone(), labels, no_data: false, from, to });
}
