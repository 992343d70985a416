//! The plan in virtual time.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test says what it expects")]

use dsmil_gate::is_stale;
use proptest::prelude::*;

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
    let null = || SampleError::NoValue { origin: "file".to_owned(), metric: "value".to_owned() };
    assert_eq!(tick(4000, (seen("value").0, vec![null()])).unreadable, ["extra", "value"], "one of its series can't be read");
    assert!(tick(5000, seen("value")).unreadable.is_empty(), "silent, and nothing failed: that is for the gates");
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

#[test]
fn one_that_ends_after_its_time_out_has_failed_and_what_it_saw_counts() {
    let mut plan = Plan::default();
    let id = plan.add(spec("s", 1000, 300), now(0));
    plan.due(now(0));
    let late = plan.ended(id, seen("value"), now(301)).unwrap();
    assert!(matches!(late.errors[..], [SampleError::Timeout { .. }]));
    assert_eq!((late.measurements.len(), late.unreadable.len()), (1, 0));
    assert_eq!(total(&late, "sampler_up"), 0.0);
    plan.due(now(1000));
    assert!(plan.ended(id, seen("value"), now(1300)).unwrap().errors.is_empty());
}

/// Lets the samplers take as long as they are told, and the machine sleep; gives the reports.
fn simulate(plan: &mut Plan, ids: &[Id], took_ms: &[u64], asleep_ms: &[u64], until: u64) -> Vec<SamplerReport> {
    let (mut time, mut found) = (0u64, Vec::new());
    let mut going_on: Vec<(Id, u64)> = Vec::new();
    let (mut took, mut asleep) = (took_ms.iter().cycle(), asleep_ms.iter().cycle());
    while time < until {
        let ending = going_on.iter().filter(|(_, ends)| *ends <= time).copied().collect::<Vec<_>>();
        going_on.retain(|(_, ends)| *ends > time);
        for (id, _) in ending {
            found.extend(plan.ended(id, seen("value"), now(time)));
        }
        for action in plan.due(now(time)) {
            match action {
                Action::Begin(id) => {
                    assert!(ids.contains(&id) && going_on.iter().all(|(other, _)| *other != id), "it is going on");
                    going_on.push((id, time + took.next().unwrap()));
                }
                Action::Report(report) => found.push(*report),
                Action::GiveUp(_) => {}
            }
        }
        let wake_at = u64::try_from(plan.wake_at().unwrap().as_millis()).unwrap();
        let next_end = going_on.iter().map(|(_, ends)| *ends).min().unwrap_or(u64::MAX);
        time = wake_at.min(next_end).max(time + 1) + asleep.next().unwrap();
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However long samples take and however long the machine sleeps: every tick is the beginning of one sample, or missed.
    #[test]
    fn every_tick_is_one_sample_or_missed(
        took in prop::collection::vec(prop_oneof![0u64..300, 0u64..5000], 1..20),
        asleep in prop::collection::vec(prop_oneof![9 => Just(0u64), 1 => 0u64..20_000], 1..20),
    ) {
        let mut plan = Plan::default();
        let ids = [("a", 1000, 200), ("b", 2500, 2500)].map(|(name, interval, timeout)| plan.add(spec(name, interval, timeout), now(0)));
        let found = simulate(&mut plan, &ids, &took, &asleep, 60_000);
        for (name, interval) in [("a", 1000), ("b", 2500)] {
            let of_one: Vec<_> = found.iter().filter(|report| &*report.sampler == name).collect();
            // A report that says that one still hangs is of a missed tick, and of no sample.
            let samples = of_one.iter().filter(|report| !matches!(report.errors[..], [SampleError::Hangs { .. }])).count() as u64;
            let missed: u64 = of_one.iter().map(|report| report.missed).sum();
            let last = of_one.last().unwrap();
            prop_assert_eq!(total(last, "sampler_missed_total"), missed as f64);
            let entry = plan.entries.iter().find(|entry| &*entry.spec.name == name).unwrap();
            let going_on = u64::from(entry.run.is_some_and(|run| !run.given_up));
            let ticks = u64::try_from(entry.ticker.due().as_millis()).unwrap() / interval;
            prop_assert_eq!(samples + going_on + missed + entry.missed, ticks);
            prop_assert!(of_one.windows(2).all(|pair| pair[0].finished <= pair[1].finished));
        }
    }
}
