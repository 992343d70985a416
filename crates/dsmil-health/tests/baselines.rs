//! What is usual for a device: scripted lives of devices, and a restart in the middle of each.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use common::{labels, sample};
use dsmil_gate::{Measurement, Period, is_stale};
use dsmil_health::{Assessment, BaselineConfig, Baselines, Judgement, Reason, SavedBaselines, Unusual};
use proptest::prelude::*;

const TICK: i64 = 30_000;
const DEVICE: [(&str, &str); 1] = [("device", "0x8003")];

/// Noise that is the same each time, -1 to 1.
fn noise(n: i64) -> f64 {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()).rotate_left(31).wrapping_mul(0x1234_5678_9ABC_DEF1);
    (mixed >> 11) as f64 / (1_i64 << 52) as f64
}

fn new() -> Baselines {
    Baselines::new(BaselineConfig::default()).unwrap()
}

/// A life of latencies: what each was judged to be.
fn live(baselines: &mut Baselines, ticks: std::ops::Range<i64>, latency: impl Fn(i64) -> f64) -> Vec<Option<Assessment>> {
    let judged = ticks.map(|n| baselines.observe(&sample("device_latency_ms", &DEVICE, n * TICK, latency(n))).pop());
    judged.collect()
}

/// The ticks at which something was unusual.
fn unusual(judged: &[Option<Assessment>]) -> Vec<usize> {
    let at = judged.iter().enumerate().filter(|(_, one)| one.as_ref().is_some_and(Assessment::is_anomalous));
    at.map(|(index, _)| index).collect()
}

#[test]
fn nothing_is_judged_before_enough_is_known() {
    let judged = live(&mut new(), 0..40, |n| if n == 12 { 5000.0 } else { 10.0 + noise(n) });
    assert!(judged[..30].iter().all(Option::is_none), "not even 5 seconds at tick 12");
    assert!(judged[30..].iter().all(Option::is_some));
    assert!(unusual(&judged).is_empty());
}

#[test]
fn a_spike_is_unusual_once() {
    let mut baselines = new();
    let judged = live(&mut baselines, 0..200, |n| if n == 150 { 60.0 } else { 10.0 + noise(n) });
    assert_eq!(unusual(&judged), [150]);
    let spike = judged[150].as_ref().unwrap();
    assert_eq!(spike.judgement, Judgement::Unusual(Reason::Jump));
    assert!((9.5..10.5).contains(&spike.expected) && spike.deviation > 50.0, "{spike}");
    assert_eq!((spike.since, spike.at), (Some(150 * TICK), 150 * TICK));
    assert_eq!(baselines.anomalies().count(), 0);
    let one = spike.measurement();
    assert_eq!((one.metric.as_ref(), one.at), ("device_anomaly", 150 * TICK));
    assert_eq!(one.labels, labels(&[("device", "0x8003"), ("kind", "latency")]));
    assert!((one.value - 1.0).abs() < f64::EPSILON);
    assert!(judged[151].as_ref().unwrap().measurement().value.abs() < f64::EPSILON);
    assert!(spike.to_string().starts_with("latency of {device=\"0x8003\"} unusual: 60.000, expected 9.99"), "{spike}");
}

#[test]
fn a_step_is_unusual_until_it_ends_and_is_never_learnt_before_its_time() {
    let mut baselines = new();
    let judged = live(&mut baselines, 0..1000, |n| if (150..900).contains(&n) { 40.0 } else { 10.0 } + noise(n));
    assert_eq!(unusual(&judged), (150..900).collect::<Vec<_>>());
    let last = judged[899].as_ref().unwrap();
    assert_eq!(last.since, Some(150 * TICK));
    assert!((9.5..10.5).contains(&last.expected), "six hours of it have taught nothing: {last}");
}

#[test]
fn a_step_that_stays_for_a_day_is_the_usual() {
    let day = 24 * 3_600_000 / TICK;
    let mut baselines = new();
    let judged = live(&mut baselines, 0..(day + 400), |n| if n >= 150 { 40.0 } else { 10.0 } + noise(n));
    let first = usize::try_from(150 + day).unwrap();
    assert_eq!(unusual(&judged), (150..first).collect::<Vec<_>>());
    let end = judged[first].as_ref().unwrap();
    assert_eq!(end.judgement, Judgement::Ended);
    assert!(is_stale(end.measurement().value), "its series ends: nobody is told that all is well");
    assert!(judged[first + 1..first + 30].iter().all(Option::is_none), "learning");
    assert!((39.0..41.0).contains(&judged[first + 60].as_ref().unwrap().expected));
}

#[test]
fn a_slow_drift_is_found_when_it_has_gone_far() {
    let mut baselines = new();
    // 10 ms, and 1 ms more each hour from tick 200 on.
    let judged = live(&mut baselines, 0..2000, |n| 10.0 + (n - 200).max(0) as f64 / 120.0 + noise(n));
    let found = unusual(&judged);
    let first = found[0];
    let evidence = judged[first].as_ref().unwrap();
    assert_eq!(evidence.judgement, Judgement::Unusual(Reason::Drift));
    assert!((9.5..10.5).contains(&evidence.expected), "held against what was learnt at first: {evidence}");
    // Half as much again as at first: 5 hours, and half a window until the median follows.
    assert!((700..1100).contains(&first), "found at tick {first}");
    assert_eq!(found, (first..2000).collect::<Vec<_>>());
    let back = live(&mut baselines, 2000..2200, |n| 10.0 + noise(n));
    assert!(!unusual(&back).is_empty() && !unusual(&back).contains(&199), "over when the median is back");
}

#[test]
fn a_drift_that_stays_for_a_day_is_the_usual() {
    let day = usize::try_from(24 * 3_600_000 / TICK).unwrap();
    let mut baselines = new();
    let judged = live(&mut baselines, 0..5000, |n| 10.0 + (n - 200).clamp(0, 1200) as f64 / 120.0 + noise(n));
    let found = unusual(&judged);
    assert_eq!(found, (found[0]..found[0] + day).collect::<Vec<_>>());
    let after = judged[found[0] + day].as_ref().unwrap();
    assert!(after.judgement == Judgement::Usual && (19.5..20.5).contains(&after.expected), "{after}");
}

#[test]
fn a_noisy_device_is_not_unusual_for_being_noisy() {
    let loud = |n: i64| 50.0 + 30.0 * noise(n) * noise(n + 7919).abs();
    let mut baselines = new();
    assert!(unusual(&live(&mut baselines, 0..20_000, loud)).is_empty());
    // What would be far off for a quiet one is usual here; what is far off here is found.
    assert!(unusual(&live(&mut baselines, 20_000..20_001, |_| 90.0)).is_empty());
    assert_eq!(unusual(&live(&mut baselines, 20_001..20_002, |_| 400.0)), [0]);
}

#[test]
fn a_constant_device_allows_a_little() {
    let mut baselines = new();
    assert!(unusual(&live(&mut baselines, 0..300, |_| 10.0)).is_empty());
    // The least scale is 0.5 ms, of which 8 are allowed.
    assert!(unusual(&live(&mut baselines, 300..301, |_| 14.0)).is_empty());
    assert_eq!(unusual(&live(&mut baselines, 301..302, |_| 14.1)), [0]);
    assert!(unusual(&live(&mut baselines, 302..303, |_| 0.1)).is_empty(), "faster is no anomaly");
    // 2 % of a large median is more than 0.5.
    let mut slow = new();
    live(&mut slow, 0..60, |_| 1000.0);
    assert!(unusual(&live(&mut slow, 60..61, |_| 1160.0)).is_empty());
    assert_eq!(unusual(&live(&mut slow, 61..62, |_| 1161.0)), [0]);
}

/// Everything that is sampled of one device at one time: requests, errors, temperature.
fn moment(n: i64, requests: f64, errors: f64, celsius: f64) -> Vec<Measurement> {
    let at = n * TICK + (n % 3);
    let mut all = vec![
        sample("device_latency_ms", &DEVICE, at, 10.0 + noise(n)),
        sample("device_temperature_celsius", &DEVICE, at, celsius),
        sample("device_errors_total", &DEVICE, at, errors),
        sample("device_requests_total", &DEVICE, at, requests),
    ];
    // Of one time in any order.
    all.rotate_left(usize::try_from(n.rem_euclid(4)).unwrap());
    all
}

/// A life in which errors, temperature and accesses go wrong, each at its time.
fn troubled(n: i64, counters: &mut (f64, f64)) -> Vec<Measurement> {
    counters.0 += if (400..410).contains(&n) { 600.0 } else { 30.0 };
    counters.1 += if (200..220).contains(&n) { 6.0 } else { 0.0 };
    let celsius = 40.0 + noise(n) / 4.0 + if n >= 300 { ((n - 300).min(10) * 3) as f64 } else { 0.0 };
    moment(n, counters.0, counters.1, celsius)
}

#[test]
fn errors_temperature_and_accesses_are_judged_too() {
    let mut baselines = new();
    let mut counters = (0.0, 0.0);
    let mut found = std::collections::BTreeMap::<Unusual, Vec<i64>>::new();
    for n in 0..500 {
        for one in troubled(n, &mut counters) {
            for judged in baselines.observe(&one).into_iter().filter(Assessment::is_anomalous) {
                found.entry(judged.kind).or_default().push(n);
            }
        }
    }
    assert_eq!(baselines.len(), 4);
    assert_eq!(found[&Unusual::ErrorRate], (200..220).collect::<Vec<_>>());
    assert_eq!(found[&Unusual::AccessRate], (400..410).collect::<Vec<_>>());
    // 6 degrees a minute for 5 minutes, seen for as long as the window holds some of it.
    let slope = &found[&Unusual::TemperatureSlope];
    assert!((301..306).contains(&slope[0]) && (310..325).contains(slope.last().unwrap()), "{slope:?}");
    assert!(!found.contains_key(&Unusual::Latency), "{found:?}");
}

#[test]
fn a_restart_at_any_moment_changes_nothing() {
    let run = |restart_every: i64| {
        let (mut baselines, mut counters, mut judged) = (new(), (0.0, 0.0), Vec::new());
        for n in 0..450 {
            for one in troubled(n, &mut counters) {
                judged.extend(baselines.observe(&one));
                if restart_every == 1 {
                    baselines = again(&baselines);
                }
            }
            if n % restart_every == 0 {
                baselines = again(&baselines);
            }
        }
        (judged, baselines.save())
    };
    let never = run(1_000_000);
    for every in [1, 37, 205] {
        assert!(run(every) == never, "restarted every {every}");
    }
}

fn again(baselines: &Baselines) -> Baselines {
    let text = serde_json::to_string(&baselines.save()).unwrap();
    Baselines::restore(BaselineConfig::default(), serde_json::from_str(&text).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_comes_nothing_breaks_and_a_restart_is_not_felt(
        values in prop::collection::vec((any::<f64>(), -3i64..40), 1..150),
        metrics in prop::collection::vec(0usize..4, 150),
        cut in any::<prop::sample::Index>(),
    ) {
        let names = ["device_latency_ms", "device_errors_total", "device_requests_total", "temperature_celsius"];
        let config = || BaselineConfig { window: 16, warm_up: 8, adopt_after: Period::from_millis(600_000), ..BaselineConfig::default() };
        let mut whole = Baselines::new(config()).unwrap();
        let mut parted = Baselines::new(config()).unwrap();
        let cut = cut.index(values.len());
        let mut at = 0;
        for (index, (value, step)) in values.iter().enumerate() {
            at += step * 10_000;
            let one = sample(names[metrics[index]], &DEVICE, at, *value);
            if index == cut {
                let text = serde_json::to_string(&parted.save()).unwrap();
                parted = Baselines::restore(config(), serde_json::from_str(&text).unwrap()).unwrap();
            }
            prop_assert_eq!(whole.observe(&one), parted.observe(&one));
        }
        prop_assert_eq!(whole.save(), parted.save());
    }
}

#[test]
fn what_is_late_twice_or_no_number_teaches_nothing() {
    let mut baselines = new();
    live(&mut baselines, 0..100, |n| 10.0 + noise(n));
    let before = baselines.save();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e101] {
        assert!(baselines.observe(&sample("device_latency_ms", &DEVICE, 100 * TICK, value)).is_empty());
    }
    for n in [99, 98, 90] {
        assert!(baselines.observe(&sample("device_latency_ms", &DEVICE, n * TICK, 500.0)).is_empty());
    }
    let external = sample("device_latency_ms", &[("device", "0x8003"), ("source", "external")], 200 * TICK, 500.0);
    assert!(baselines.observe(&external).is_empty());
    assert!(baselines.observe(&sample("device_latency_ms", &[], 200 * TICK, 500.0)).is_empty(), "of no device");
    assert!(baselines.observe(&sample("cpu_percent", &DEVICE, 200 * TICK, 500.0)).is_empty());
    assert_eq!(baselines.save(), before);
    // A clock that was set back by more is believed.
    assert_eq!(baselines.observe(&sample("device_latency_ms", &DEVICE, 10 * TICK, 500.0)).len(), 1);
}

#[test]
fn a_counter_that_begins_anew_is_no_anomaly() {
    let mut baselines = new();
    let mut found = 0;
    for n in 0..300 {
        let requests = if n < 150 { n * 30 } else { (n - 150) * 30 } as f64;
        for one in moment(n, requests, 0.0, 40.0) {
            found += baselines.observe(&one).iter().filter(|one| one.is_anomalous()).count();
        }
    }
    assert_eq!(found, 0);
}

#[test]
fn a_device_that_goes_ends_its_series_and_is_known_when_it_returns() {
    let mut baselines = new();
    live(&mut baselines, 0..100, |n| if n >= 90 { 80.0 } else { 10.0 });
    assert_eq!(baselines.anomalies().count(), 1);
    let gone = baselines.observe(&Measurement::stale("device_latency_ms", labels(&DEVICE), 100 * TICK));
    assert_eq!(gone[0].judgement, Judgement::Ended);
    assert!(is_stale(gone[0].measurement().value));
    assert_eq!(baselines.anomalies().count(), 0);
    let back = live(&mut baselines, 200..201, |_| 80.0);
    let back = back[0].as_ref().unwrap();
    assert!(back.is_anomalous());
    assert_eq!(back.since, Some(200 * TICK), "a break");
}

#[test]
fn a_repaired_device_can_be_forgotten() {
    let mut baselines = new();
    live(&mut baselines, 0..100, |_| 10.0);
    assert_eq!(unusual(&live(&mut baselines, 100..101, |_| 40.0)), [0]);
    let ended = baselines.forget(&labels(&DEVICE), 101 * TICK);
    assert_eq!(ended.iter().map(|one| one.judgement).collect::<Vec<_>>(), [Judgement::Ended]);
    assert!(baselines.forget(&labels(&[("device", "0x8042")]), 0).is_empty());
    let judged = live(&mut baselines, 102..140, |_| 40.0);
    assert!(judged[0].is_none() && unusual(&judged).is_empty());
}

#[test]
fn memory_has_its_bounds() {
    let config = BaselineConfig { max_series: 10, ..BaselineConfig::default() };
    let mut baselines = Baselines::new(config).unwrap();
    for n in 0..3000 {
        let device = format!("0x{:04x}", n % 100);
        baselines.observe(&sample("device_latency_ms", &[("device", &device)], n * TICK, 10.0));
        baselines.observe(&sample("temperature_celsius", &[("sensor", "one")], n, 40.0));
    }
    assert_eq!(baselines.len(), 10);
    assert!(baselines.left_out() > 2000);
    let mut one = new();
    let text = |one: &Baselines| serde_json::to_string(&one.save()).unwrap().len();
    for n in 0..100_000 {
        one.observe(&sample("temperature_celsius", &[("sensor", "one")], n, 40.0 + noise(n)));
    }
    assert!(text(&one) < 40_000, "{} bytes", text(&one));
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let mut baselines = new();
    let mut counters = (0.0, 0.0);
    for n in 0..200 {
        for one in troubled(n, &mut counters) {
            baselines.observe(&one);
        }
    }
    let good = serde_json::to_value(baselines.save()).unwrap();
    let restore = |state: serde_json::Value| {
        let saved: SavedBaselines = serde_json::from_value(state).map_err(|error| error.to_string())?;
        Baselines::restore(BaselineConfig::default(), saved).map_err(|error| {
            assert_eq!(error.kind(), "state");
            error.to_string()
        })
    };
    restore(good.clone()).unwrap();
    let infinite = format!("{:016x}", f64::INFINITY.to_bits());
    let edits: [(&str, serde_json::Value); 9] = [
        ("/version", 2.into()),
        ("/series/0/values", "12".into()),
        ("/series/0/values", "zzzzzzzzzzzzzzzz".into()),
        ("/series/0/values", infinite.into()),
        ("/series/0/kind", "access-rate".into()),
        ("/series/0/kind", "smell".into()),
        ("/series/0/labels", serde_json::json!({})),
        ("/series/0/reference", serde_json::json!([0, 0])),
        ("/series/1", good["series"][0].clone()),
    ];
    for (pointer, value) in edits {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        assert!(restore(bad).is_err(), "{pointer} = {value}");
    }
    // A smaller window takes the newest of what there is.
    let small = BaselineConfig { window: 40, ..BaselineConfig::default() };
    let saved = baselines.save();
    assert_eq!(Baselines::restore(small, saved).unwrap().len(), 4);
}

#[test]
fn what_can_not_be_configured_is_named() {
    for (json, key) in [
        (r#"{"window": 10}"#, "baselines.window"),
        (r#"{"window": 100000}"#, "baselines.window"),
        (r#"{"warm_up": 3}"#, "baselines.warm_up"),
        (r#"{"window": 50, "warm_up": 60}"#, "baselines.warm_up"),
        (r#"{"factor": 1}"#, "baselines.factor"),
        (r#"{"drift_percent": 0}"#, "baselines.drift_percent"),
        (r#"{"slope_window": "500ms"}"#, "baselines.slope_window"),
        (r#"{"adopt_after": "1s"}"#, "baselines.adopt_after"),
        (r#"{"max_series": 0}"#, "baselines.max_series"),
    ] {
        let error = Baselines::new(serde_json::from_str(json).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with(key), "{error}");
    }
    assert!(serde_json::from_str::<BaselineConfig>(r#"{"k": 1}"#).is_err());
}
