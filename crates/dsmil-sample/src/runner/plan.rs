//! Which sampler is to begin when, which one hangs, and what is reported of it: pure, the time is an argument.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dsmil_gate::Measurement;

use super::report::{Known, Meter, SamplerReport};
use crate::ticker::Tick;
use crate::{SampleError, Ticker};

/// A sampler that ends at its time-out by itself is given so much time to say so, before it is left behind.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) steady: Duration,
    pub(super) unix_ms: i64,
}

/// Tells a sampler of the plan from all others, also from one of the same name that it replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u64);

/// What a sampler gave: what it saw, and its errors.
pub(super) type Outcome = (Vec<Measurement>, Vec<SampleError>);

/// What the plan wants done.
#[derive(Debug)]
pub(super) enum Action {
    /// Let it begin.
    Begin(Id),
    /// It hangs: tell it that nobody waits any more.
    GiveUp(Id),
    /// Send this.
    Report(Box<SamplerReport>),
}

/// What the plan knows of a sampler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) name: Arc<str>,
    pub(super) identity: String,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) metrics: Vec<Cow<'static, str>>,
}

#[derive(Debug)]
struct Entry {
    id: Id,
    spec: Spec,
    ticker: Ticker,
    run: Option<Run>,
    meter: Meter,
    /// Missed ticks that no report has named yet.
    missed: u64,
    known: Known,
    /// What the sampler gave that it replaced.
    before: Known,
}

/// A sample that is going on.
#[derive(Clone, Copy, Debug)]
struct Run {
    tick: Tick,
    begun: Now,
    given_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    entries: Vec<Entry>,
    last_id: u64,
}

impl Plan {
    /// Adds a sampler; its first tick is due at once.
    pub(super) fn add(&mut self, spec: Spec, now: Now) -> Id {
        self.last_id += 1;
        let id = Id(self.last_id);
        let (ticker, meter) = (Ticker::new(now.steady, spec.interval), Meter::new(&spec.name));
        let (known, before) = (Known::default(), Known::default());
        self.entries.push(Entry { id, spec, ticker, run: None, meter, missed: 0, known, before });
        id
    }

    /// The sampler that runs on as it is if `spec` is wanted.
    pub(super) fn same(&self, spec: &Spec) -> Option<Id> {
        self.entries.iter().find(|entry| entry.spec == *spec).map(|entry| entry.id)
    }

    /// Takes out every sampler that isn't kept and adds these. One that takes the place of another of its name goes on
    /// counting, and ends the series that it no longer gives; of one that is gone all series end.
    pub(super) fn replace(&mut self, keep: &[Id], new: Vec<Spec>, now: Now) -> (Vec<Id>, Vec<Action>) {
        let (kept, mut gone): (Vec<_>, Vec<_>) = self.entries.drain(..).partition(|entry| keep.contains(&entry.id));
        self.entries = kept;
        let mut added = Vec::new();
        for spec in new {
            let old = gone.iter().position(|entry| entry.spec.name == spec.name).map(|index| gone.swap_remove(index));
            added.push(self.add(spec, now));
            if let (Some(old), Some(entry)) = (old, self.entries.last_mut()) {
                entry.meter = old.meter;
                entry.missed = old.missed;
                entry.before = old.known;
                entry.before.learn(&old.before.ended(&Known::default(), 0));
            }
        }
        (added, gone.into_iter().map(|entry| Action::Report(Box::new(entry.retire(now)))).collect())
    }

    /// What is to be done now.
    pub(super) fn due(&mut self, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        for entry in &mut self.entries {
            entry.give_up(now, &mut actions);
            let Some(tick) = entry.ticker.tick(now.steady) else { continue };
            entry.count(tick);
            match entry.run {
                None => {
                    entry.run = Some(Run { tick, begun: now, given_up: false });
                    actions.push(Action::Begin(entry.id));
                }
                Some(run) => {
                    entry.meter.missed += 1;
                    entry.missed += 1;
                    if run.given_up {
                        let since = now.steady.saturating_sub(run.begun.steady);
                        let report = entry.report(tick, now, now, (Vec::new(), vec![SampleError::Hangs { since }]));
                        actions.push(Action::Report(Box::new(report)));
                    }
                }
            }
        }
        actions
    }

    /// A sample has ended. `None` for one that was given up, or whose sampler is gone: that has been reported.
    pub(super) fn ended(&mut self, id: Id, mut outcome: Outcome, now: Now) -> Option<SamplerReport> {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id)?;
        let run = entry.run.take()?;
        // What it saw is true all the same, and has its time.
        if outcome.1.is_empty() && now.steady.saturating_sub(run.begun.steady) > entry.spec.timeout {
            outcome.1.push(entry.timed_out());
        }
        (!run.given_up).then(|| entry.report(run.tick, run.begun, now, outcome))
    }

    /// When there will be something to do, if no sample ends before.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.entries.iter().map(Entry::wake_at).min()
    }
}

impl Entry {
    fn hangs_at(&self, run: &Run) -> Duration {
        run.begun.steady.saturating_add(self.spec.timeout).saturating_add(GRACE)
    }

    fn wake_at(&self) -> Duration {
        let hangs_at = self.run.filter(|run| !run.given_up).map_or(Duration::MAX, |run| self.hangs_at(&run));
        self.ticker.due().min(hangs_at)
    }

    fn give_up(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Some(run) = self.run.filter(|run| !run.given_up && now.steady >= self.hangs_at(run)) else { return };
        self.run = Some(Run { given_up: true, ..run });
        let outcome = (Vec::new(), vec![self.timed_out()]);
        let report = self.report(run.tick, run.begun, now, outcome);
        actions.extend([Action::GiveUp(self.id), Action::Report(Box::new(report))]);
    }

    fn timed_out(&self) -> SampleError {
        SampleError::Timeout { what: "the sample".to_owned(), limit: self.spec.timeout }
    }

    fn count(&mut self, tick: Tick) {
        self.meter.missed += tick.missed;
        self.missed += tick.missed;
        self.meter.late += u64::from(tick.late_by > self.ticker.tolerance());
    }

    fn report(&mut self, tick: Tick, begun: Now, now: Now, (mut measurements, errors): Outcome) -> SamplerReport {
        let up = errors.is_empty();
        self.meter.failures += u64::from(!up);
        let unreadable = if up { Vec::new() } else { self.unseen(&measurements, &errors) };
        self.known.learn(&measurements);
        if up && !self.before.is_empty() {
            measurements.extend(std::mem::take(&mut self.before).ended(&self.known, now.unix_ms));
        }
        let took = now.steady.saturating_sub(begun.steady);
        SamplerReport {
            sampler: Arc::clone(&self.spec.name),
            scheduled_at: begun.unix_ms - i64::try_from(tick.late_by.as_millis()).unwrap_or(0),
            started: begun.unix_ms,
            finished: now.unix_ms,
            late_by: tick.late_by,
            late: tick.late_by > self.ticker.tolerance(),
            missed: std::mem::take(&mut self.missed),
            measurements,
            meter: self.meter.measurements(now.unix_ms, took, up),
            errors,
            unreadable,
            retired: false,
        }
    }

    /// The metrics that it should give and of which nothing was seen, and those of which an error says so.
    fn unseen(&self, seen: &[Measurement], errors: &[SampleError]) -> Vec<Cow<'static, str>> {
        let seen: BTreeSet<&str> = seen.iter().map(|measurement| measurement.metric.as_ref()).collect();
        let should = self.spec.metrics.iter().chain(self.known.metrics());
        let mut unseen: BTreeSet<Cow<'static, str>> = should.filter(|metric| !seen.contains(metric.as_ref())).cloned().collect();
        unseen.extend(errors.iter().filter_map(SampleError::metric).map(|metric| Cow::Owned(metric.to_owned())));
        unseen.into_iter().collect()
    }

    /// The last report: everything that it gave has ended.
    fn retire(self, now: Now) -> SamplerReport {
        let mut measurements = self.known.ended(&Known::default(), now.unix_ms);
        measurements.extend(self.before.ended(&Known::default(), now.unix_ms));
        SamplerReport {
            sampler: self.spec.name,
            scheduled_at: now.unix_ms,
            started: now.unix_ms,
            finished: now.unix_ms,
            late_by: Duration::ZERO,
            late: false,
            missed: self.missed,
            measurements,
            meter: self.meter.retired(now.unix_ms),
            errors: Vec::new(),
            unreadable: Vec::new(),
            retired: true,
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
