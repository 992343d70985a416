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
    pub(super) fn ended(&mut self, id: Id, outcome: Outcome, now: Now) -> Option<SamplerReport> {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id)?;
        let run = entry.run.take()?;
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
        let error = SampleError::Timeout { what: "the sample".to_owned(), limit: self.spec.timeout };
        let report = self.report(run.tick, run.begun, now, (Vec::new(), vec![error]));
        actions.extend([Action::GiveUp(self.id), Action::Report(Box::new(report))]);
    }

    fn count(&mut self, tick: Tick) {
        self.meter.missed += tick.missed;
        self.missed += tick.missed;
        self.meter.late += u64::from(tick.late_by > self.ticker.tolerance());
    }

    fn report(&mut self, tick: Tick, begun: Now, now: Now, (mut measurements, errors): Outcome) -> SamplerReport {
        let up = errors.is_empty();
        self.meter.failures += u64::from(!up);
        let unreadable = if up { Vec::new() } else { self.unseen(&measurements) };
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

    /// The metrics that it should give and of which nothing was seen.
    fn unseen(&self, seen: &[Measurement]) -> Vec<Cow<'static, str>> {
        let seen: BTreeSet<&str> = seen.iter().map(|measurement| measurement.metric.as_ref()).collect();
        let should: BTreeSet<&Cow<'static, str>> = self.spec.metrics.iter().chain(self.known.metrics()).collect();
        should.into_iter().filter(|metric| !seen.contains(metric.as_ref())).cloned().collect()
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test says what it expects")]

    use dsmil_gate::is_stale;

    use super::*;

    /// So long after the boot, on a wall clock that may be set.
    fn at(ms: u64, wall: i64) -> Now {
        Now { steady: Duration::from_millis(ms), unix_ms: wall }
    }

    fn now(ms: u64) -> Now {
        at(ms, ms.cast_signed())
    }

    fn spec(name: &str, interval_ms: u64, timeout_ms: u64) -> Spec {
        Spec {
            name: name.into(),
            identity: String::new(),
            interval: Duration::from_millis(interval_ms),
            timeout: Duration::from_millis(timeout_ms),
            metrics: vec!["value".into()],
        }
    }

    fn seen(metric: &'static str) -> Outcome {
        (vec![Measurement::new(metric, 0, 1.0)], Vec::new())
    }

    fn reports(actions: Vec<Action>) -> Vec<SamplerReport> {
        let report = |action| if let Action::Report(report) = action { Some(*report) } else { None };
        actions.into_iter().filter_map(report).collect()
    }

    fn total(report: &SamplerReport, metric: &str) -> f64 {
        report.meter.iter().find(|measurement| measurement.metric == metric).unwrap().value
    }

    #[test]
    fn late_and_missed_ticks_are_told_and_counted() {
        let mut plan = Plan::default();
        let id = plan.add(spec("s", 1000, 500), now(5000));
        assert!(matches!(plan.due(now(5000))[..], [Action::Begin(_)]));
        assert_eq!(plan.wake_at(), Some(Duration::from_secs(6)), "its next tick and the end of its patience");
        let first = plan.ended(id, seen("value"), now(5100)).unwrap();
        assert_eq!((first.scheduled_at, first.started, first.finished), (5000, 5000, 5100));
        assert_eq!((first.late, first.missed, total(&first, "sampler_duration_ms")), (false, 0, 100.0));
        plan.due(now(6150));
        let late = plan.ended(id, seen("value"), now(6160)).unwrap();
        assert_eq!((late.late, late.late_by.as_millis(), late.scheduled_at), (true, 150, 6000));
        // The machine sleeps for ten seconds; the tick of 16 s is the newest.
        plan.due(now(16_050));
        let missed = plan.ended(id, seen("value"), now(16_060)).unwrap();
        assert_eq!((missed.missed, missed.late, missed.scheduled_at), (9, false, 16_000));
        assert_eq!((total(&missed, "sampler_late_total"), total(&missed, "sampler_missed_total")), (1.0, 9.0));
        assert_eq!(plan.wake_at(), Some(Duration::from_secs(17)), "the ticks stand where they stood");
    }

    #[test]
    fn a_wall_clock_that_jumps_moves_no_tick() {
        let mut plan = Plan::default();
        let id = plan.add(spec("s", 1000, 500), at(0, 1_000_000));
        plan.due(at(0, 1_000_000));
        plan.ended(id, seen("value"), at(1, 1_000_001)).unwrap();
        for (ms, wall) in [(1000, -5_000_000), (2000, 9_000_000_000_000)] {
            assert!(matches!(plan.due(at(ms, wall))[..], [Action::Begin(_)]));
            let report = plan.ended(id, seen("value"), at(ms + 1, wall + 1)).unwrap();
            assert_eq!((report.scheduled_at, report.missed, report.late), (wall, 0, false));
            assert_eq!(total(&report, "sampler_duration_ms"), 1.0);
        }
    }

    #[test]
    fn one_that_hangs_is_given_up_once_and_not_begun_again() {
        let mut plan = Plan::default();
        let id = plan.add(spec("s", 1000, 300), now(0));
        plan.due(now(0));
        assert_eq!(plan.wake_at(), Some(Duration::from_millis(800)), "time-out and grace");
        assert!(plan.due(now(799)).is_empty());
        let given_up = plan.due(now(800));
        assert!(matches!(given_up[..], [Action::GiveUp(_), Action::Report(_)]), "{given_up:?}");
        let report = &reports(given_up)[0];
        assert_eq!(report.why().unwrap(), "sampler s: the sample took longer than 300ms; see why, or set a longer `timeout`");
        assert_eq!(report.unreadable, ["value"]);
        for tick in 1..=3 {
            let again = reports(plan.due(now(tick * 1000)));
            assert!(matches!(again[..], [SamplerReport { missed: 1, .. }]), "{again:?}");
            assert!(matches!(again[0].errors[..], [SampleError::Hangs { .. }]));
        }
        assert!(plan.ended(id, seen("value"), now(3500)).is_none(), "nobody waited for this");
        assert!(matches!(plan.due(now(4000))[..], [Action::Begin(_)]));
        let back = plan.ended(id, seen("value"), now(4001)).unwrap();
        assert!(back.unreadable.is_empty());
        assert_eq!((total(&back, "sampler_failures_total"), total(&back, "sampler_missed_total")), (4.0, 3.0));
    }

    #[test]
    fn what_was_seen_once_and_is_not_seen_now_is_unreadable() {
        let mut plan = Plan::default();
        let id = plan.add(spec("s", 1000, 500), now(0));
        let mut tick = |ms, outcome| {
            plan.due(now(ms));
            plan.ended(id, outcome, now(ms)).unwrap()
        };
        let fails = |seen: &[&'static str]| {
            let seen = seen.iter().map(|metric| Measurement::new(*metric, 0, 1.0)).collect();
            (seen, vec![SampleError::Callback("no".to_owned())])
        };
        assert_eq!(tick(0, fails(&[])).unreadable, ["value"], "what it said that it would give");
        assert!(tick(1000, (seen("value").0.into_iter().chain(seen("extra").0).collect(), Vec::new())).unreadable.is_empty());
        assert_eq!(tick(2000, fails(&[])).unreadable, ["extra", "value"]);
        assert_eq!(tick(3000, fails(&["value"])).unreadable, ["extra"], "the rest was seen");
        assert!(tick(4000, seen("value")).unreadable.is_empty(), "silent, and nothing failed: that is for the gates");
    }

    #[test]
    fn several_that_give_one_metric_each_have_their_say() {
        let mut plan = Plan::default();
        let ids = ["a", "b"].map(|name| plan.add(spec(name, 1000, 500), now(0)));
        let mut unreadable = crate::Unreadable::new();
        let mut tick = |ms: u64, fails: [bool; 2]| {
            plan.due(now(ms));
            let mut changes = Vec::new();
            for (id, fails) in ids.into_iter().zip(fails) {
                let errors = if fails { vec![SampleError::Callback("no".to_owned())] } else { Vec::new() };
                let seen = if fails { Vec::new() } else { seen("value").0 };
                let report = plan.ended(id, (seen, errors), now(ms)).unwrap();
                changes.extend(unreadable.update(&report).into_iter().map(|(_, why)| why.is_some()));
            }
            (changes, unreadable.iter().count())
        };
        assert_eq!(tick(0, [true, true]), (vec![true, true], 1));
        assert_eq!(tick(1000, [true, true]), (Vec::new(), 1), "nothing new");
        assert_eq!(tick(2000, [false, true]), (vec![true], 1), "one still can't");
        assert_eq!(tick(3000, [false, false]), (vec![false], 0));
        assert_eq!(tick(4000, [false, false]), (Vec::new(), 0));
    }

    #[test]
    fn a_replacement_goes_on_counting_and_ends_what_it_no_longer_gives() {
        let mut plan = Plan::default();
        let old = plan.add(spec("s", 1000, 500), now(0));
        plan.due(now(0));
        let both = (seen("value").0.into_iter().chain(seen("extra").0).collect(), Vec::new());
        plan.ended(old, both, now(1)).unwrap();
        plan.due(now(3000));
        plan.ended(old, seen("value"), now(3001)).unwrap();
        let (ids, actions) = plan.replace(&[], vec![spec("s", 2000, 500)], now(3500));
        assert!(actions.is_empty(), "of one that is replaced there is no last report");
        plan.due(now(3500));
        let failing = (Vec::new(), vec![SampleError::Callback("no".to_owned())]);
        let failed = plan.ended(ids[0], failing, now(3501)).unwrap();
        assert!(failed.measurements.is_empty(), "what a failing one would give isn't known");
        plan.due(now(5500));
        let first = plan.ended(ids[0], seen("value"), now(5501)).unwrap();
        let names: Vec<_> = first.measurements.iter().map(|seen| (&*seen.metric, is_stale(seen.value))).collect();
        assert_eq!(names, [("value", false), ("extra", true)]);
        assert_eq!(total(&first, "sampler_missed_total"), 2.0);
        plan.due(now(7500));
        assert_eq!(plan.ended(ids[0], seen("value"), now(7501)).unwrap().measurements.len(), 1, "once");
        assert!(plan.ended(old, seen("value"), now(7502)).is_none());
    }
}
