//! The runner with real threads on the real clock.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "counts are whole")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Barrier};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dsmil_gate::{Measurement, is_stale};
use dsmil_sample::{CallbackResult, CallbackSampler, Runner, SampleError, SamplerReport, Scheduled};

const SOON: Duration = Duration::from_secs(10);

fn scheduled(name: &str, interval_ms: u64, callback: impl FnMut() -> CallbackResult + Send + 'static) -> Scheduled {
    Scheduled {
        name: name.to_owned(),
        interval: Duration::from_millis(interval_ms),
        timeout: SOON,
        identity: String::new(),
        sampler: Box::new(CallbackSampler::new([format!("{name}_value")], callback)),
    }
}

fn one(name: &'static str) -> impl FnMut() -> CallbackResult + Send {
    let mut count = 0.0;
    move || {
        count += 1.0;
        Ok(vec![Measurement::new(format!("{name}_value"), 0, count)])
    }
}

fn next_of(reports: &Receiver<SamplerReport>, name: &str) -> SamplerReport {
    loop {
        let report = reports.recv_timeout(SOON).unwrap();
        if &*report.sampler == name {
            return report;
        }
    }
}

fn meter(report: &SamplerReport, metric: &str) -> f64 {
    let of_metric = report.meter.iter().find(|measurement| measurement.metric == metric).unwrap();
    assert_eq!(of_metric.labels.get("sampler"), &*report.sampler);
    of_metric.value
}

#[test]
fn each_runs_at_its_own_pace_and_from_the_start() {
    let (runner, reports) =
        Runner::start(vec![scheduled("fast", 50, one("fast")), scheduled("slow", 400, one("slow"))], 64).unwrap();
    let mut ticks = BTreeMap::from([("fast", Vec::new()), ("slow", Vec::new())]);
    while ticks["slow"].len() < 3 {
        let report = reports.recv_timeout(SOON).unwrap();
        assert!(report.errors.is_empty() && report.unreadable.is_empty(), "{report:?}");
        assert!(report.scheduled_at <= report.started && report.started <= report.finished);
        ticks.get_mut(&*report.sampler).unwrap().push((report.scheduled_at, report.missed));
    }
    for (name, interval) in [("fast", 50), ("slow", 400)] {
        for pair in ticks[name].windows(2) {
            let (passed, ticks) = (pair[1].0 - pair[0].0, 1 + pair[1].1.cast_signed());
            assert!((passed - interval * ticks).abs() <= 2, "{name}: {passed} ms in {ticks} ticks");
        }
    }
    assert!(ticks["fast"].len() > 3, "{ticks:?}");
    runner.stop(SOON);
    assert!(reports.into_iter().count() < 4, "after the stop nothing begins");
}

#[test]
fn one_that_hangs_is_left_behind_and_the_others_go_on() {
    let (held, begun) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let (hold, begins) = (Arc::clone(&held), Arc::clone(&begun));
    let hangs = move || {
        if begins.fetch_add(1, Ordering::Relaxed) == 1 {
            hold.wait();
        }
        Ok(vec![Measurement::new("stuck_value", 0, 1.0)])
    };
    let stuck = Scheduled { timeout: Duration::from_millis(400), ..scheduled("stuck", 100, hangs) };
    let samplers = vec![stuck, scheduled("well", 100, one("well"))];
    let (runner, reports) = Runner::start(samplers, 1024).unwrap();
    assert!(next_of(&reports, "stuck").errors.is_empty());
    let late = next_of(&reports, "stuck");
    assert!(matches!(late.errors[..], [SampleError::Timeout { .. }]), "{late:?}");
    assert_eq!(late.unreadable, ["stuck_value"]);
    assert_eq!((meter(&late, "sampler_up"), meter(&late, "sampler_failures_total")), (0.0, 1.0));
    let missed = next_of(&reports, "stuck");
    assert!(matches!(missed.errors[..], [SampleError::Hangs { .. }]), "{missed:?}");
    assert!(missed.missed >= 1 && meter(&missed, "sampler_missed_total") >= 1.0, "{missed:?}");
    assert!(next_of(&reports, "well").errors.is_empty());
    assert_eq!(begun.load(Ordering::Relaxed), 2, "it is not begun again while it hangs");
    held.wait();
    let back = loop {
        let report = next_of(&reports, "stuck");
        if report.errors.is_empty() {
            break report;
        }
    };
    assert_eq!(meter(&back, "sampler_up"), 1.0);
    assert!(back.started > late.finished, "what it saw when nobody waited is not given out");
    runner.stop(SOON);
}

#[test]
fn a_stop_ends_in_time_though_one_hangs() {
    let release = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&release);
    let hangs = move || {
        while !held.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(5));
        }
        Ok(Vec::new())
    };
    let (runner, reports) = Runner::start(vec![scheduled("stuck", 1000, hangs)], 8).unwrap();
    sleep(Duration::from_millis(50));
    let begun = Instant::now();
    runner.stop(Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(reports.recv().is_err(), "the channel has ended");
    release.store(true, Ordering::Relaxed);
}

#[test]
fn a_panic_is_a_failure_and_no_more() {
    let mut count = 0;
    let panics = move || {
        count += 1;
        assert!(count != 2, "out of luck");
        Ok(vec![Measurement::new("shaky_value", 0, f64::from(count))])
    };
    let (runner, reports) = Runner::start(vec![scheduled("shaky", 50, panics)], 64).unwrap();
    assert!(reports.recv_timeout(SOON).unwrap().errors.is_empty());
    let failed = reports.recv_timeout(SOON).unwrap();
    assert_eq!(failed.why().unwrap(), "sampler shaky: the sampler panicked: out of luck");
    assert_eq!(reports.recv_timeout(SOON).unwrap().measurements[0].value, 3.0);
    runner.stop(SOON);
}

#[test]
fn a_consumer_that_is_slow_loses_nothing() {
    let (runner, reports) = Runner::start(vec![scheduled("fast", 50, one("fast"))], 2).unwrap();
    sleep(Duration::from_secs(1));
    let mut last = 0.0;
    let (mut ticks, mut missed) = (0, 0);
    while missed == 0 {
        let report = reports.recv_timeout(SOON).unwrap();
        assert_eq!(report.measurements[0].value, last + 1.0, "each sample that was taken comes, in order");
        last += 1.0;
        (ticks, missed) = (ticks + 1, missed + report.missed);
    }
    assert!(missed >= 10, "held up for most of a second: {missed} missed, {ticks} seen");
    runner.stop(SOON);
}

#[test]
fn a_new_configuration_keeps_what_is_the_same_and_ends_what_is_gone() {
    let pair = || Ok(["a", "b"].map(|metric| Measurement::new(metric, 1, 1.0)).into());
    let only_a = || Ok(vec![Measurement::new("a", 1, 1.0)]);
    let start = vec![scheduled("same", 100, one("same")), scheduled("changed", 100, pair), scheduled("gone", 100, one("gone"))];
    let (runner, reports) = Runner::start(start, 64).unwrap();
    for _ in 0..3 {
        reports.recv_timeout(SOON).unwrap();
    }
    let mut changed = scheduled("changed", 100, only_a);
    changed.identity = "without b".to_owned();
    runner.replace(vec![scheduled("same", 100, one("same")), changed]).unwrap();
    let gone = loop {
        let report = next_of(&reports, "gone");
        if report.retired {
            break report;
        }
    };
    let ended: Vec<_> =
        gone.measurements.iter().chain(&gone.meter).map(|ended| (&*ended.metric, is_stale(ended.value))).collect();
    assert_eq!(ended.len(), 6, "its one series and its five metrics: {ended:?}");
    assert!(ended.contains(&("gone_value", true)) && ended.iter().all(|(_, stale)| *stale));
    let changed = loop {
        let report = next_of(&reports, "changed");
        if report.measurements.iter().any(|measurement| is_stale(measurement.value)) {
            break report;
        }
    };
    let stale: Vec<_> = changed.measurements.iter().map(|seen| (&*seen.metric, is_stale(seen.value))).collect();
    assert_eq!(stale, [("a", false), ("b", true)]);
    let same = next_of(&reports, "same");
    assert!(same.measurements[0].value > 1.0, "it goes on counting: {same:?}");
    runner.stop(SOON);
    assert!(reports.into_iter().all(|report| &*report.sampler != "gone"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let twice = vec![scheduled("one", 100, one("one")), scheduled("one", 100, one("one"))];
    let error = Runner::start(twice, 1).unwrap_err();
    assert_eq!(error.to_string(), "one: there are two samplers of this name; name each one differently");
    let (runner, _reports) = Runner::start(Vec::new(), 1).unwrap();
    let many = (0..65).map(|number| scheduled(&format!("s{number}"), 100, one("s"))).collect();
    assert_eq!(runner.replace(many).unwrap_err().kind(), "config");
    let mut none = scheduled("none", 100, one("none"));
    none.interval = Duration::ZERO;
    assert_eq!(runner.replace(vec![none]).unwrap_err().kind(), "config");
}
