//! Whatever comes in whatever order: queries, roll-ups and refills equal those of a model in a few plain lines.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::float_cmp)]

mod common;

use std::collections::BTreeMap;

use common::{Bits, HOUR, MINUTE, START, ask, bits, open, options, quick_dir, sample, settle};
use dsmil_gate::{Measurement, Period};
use dsmil_history::{Batch, Resolution, Retention, Store};
use proptest::prelude::*;

/// By series: what was accepted, by time.
type Model = BTreeMap<(String, dsmil_gate::Labels), BTreeMap<i64, f64>>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Measurement>),
    /// One call at a time, in minutes from the start.
    Maintain(i64),
    /// All that there is to do at that time.
    Settle(i64),
    Reopen,
}

fn value() -> impl Strategy<Value = f64> {
    let odd =
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::from_bits(0x7ff0_0000_0000_0002), f64::MIN_POSITIVE, 5e-324];
    prop_oneof![4 => (-50i32..50).prop_map(f64::from), 2 => any::<f64>(), 1 => proptest::sample::select(odd.to_vec())]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    // Few series and times, so that there are duplicates and late ones.
    let at = (0i64..720, 0i64..4).prop_map(|(minute, part)| START + minute * MINUTE + part * 15_001);
    (proptest::sample::select(vec!["a", "b"]), proptest::sample::select(vec!["", "1", "2"]), at, value())
        .prop_map(|(metric, device, at, value)| sample(metric, device, at, value))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => proptest::collection::vec(measurement(), 1..40).prop_map(Step::Commit),
        2 => (0i64..900).prop_map(Step::Maintain),
        2 => (0i64..900).prop_map(Step::Settle),
        1 => Just(Step::Reopen),
    ]
}

fn model_bits(model: &Model, metric: &str, from: i64, to: i64, length: Option<i64>) -> Bits {
    let mut all = Vec::new();
    for ((name, labels), samples) in model.iter().filter(|((name, _), _)| name == metric) {
        let mut points: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, value) in samples {
            let unit = length.map_or(*at, |length| at - at.rem_euclid(length));
            if unit + length.unwrap_or(1) > from && unit <= to && (length.is_none() || !value.is_nan()) {
                points.entry(unit).or_default().push(*value);
            }
        }
        let points: Vec<(i64, Vec<u64>)> = points
            .into_iter()
            .map(|(at, values)| match length {
                None => (at, vec![values[0].to_bits()]),
                Some(_) => (at, roll(&values).into_iter().map(f64::to_bits).collect()),
            })
            .collect();
        if !points.is_empty() {
            all.push((format!("{name}{labels}"), points));
        }
    }
    all
}

fn roll(values: &[f64]) -> Vec<f64> {
    let (mut sum, mut min, mut max) = (values[0], values[0], values[0]);
    for value in &values[1..] {
        sum += value;
        if *value < min {
            min = *value;
        }
        if *value > max {
            max = *value;
        }
    }
    let count = values.len() as f64;
    vec![count, sum, min, max, values[values.len() - 1], sum / count]
}

fn compare(store: &Store, model: &Model, raw: &Model, from: i64, to: i64) {
    for metric in ["a", "b"] {
        assert_eq!(bits(&ask(store, metric, from, to, Resolution::Raw)), model_bits(raw, metric, from, to, None), "raw");
        for (resolution, length) in [(Resolution::Minute, MINUTE), (Resolution::Hour, HOUR)] {
            let expected = model_bits(model, metric, from, to, Some(length));
            assert_eq!(bits(&ask(store, metric, from, to, resolution)), expected, "{resolution:?}");
        }
    }
    let refill = store.recent(from).unwrap();
    for ((metric, labels), samples) in raw {
        let expected: Vec<(i64, u64)> = samples.range(from..).map(|(at, value)| (*at, value.to_bits())).collect();
        let found: Vec<(i64, u64)> = refill
            .matching(metric, labels)
            .filter(|(found, _)| *found == labels)
            .flat_map(|(_, id)| refill.get(id).unwrap().samples().iter().map(|sample| (sample.at, sample.value.to_bits())))
            .collect();
        assert_eq!(found, expected);
    }
    let spans: Vec<(String, i64, i64)> = store
        .series(None)
        .unwrap()
        .into_iter()
        .map(|info| (format!("{}{}", info.metric, info.labels), info.first, info.last))
        .collect();
    let expected: Vec<(String, i64, i64)> = model
        .iter()
        .filter_map(|((metric, labels), samples)| {
            Some((format!("{metric}{labels}"), *samples.first_key_value()?.0, *samples.last_key_value()?.0))
        })
        .collect();
    assert_eq!(spans, expected);
}

/// Runs the steps; `raw` is how long raw samples are kept, in hours.
fn run(steps: Vec<Step>, raw_hours: i64, from: i64, to: i64) {
    let parent = quick_dir();
    let path = parent.path().join("state");
    let retention = Retention { raw: Period::from_millis(raw_hours * HOUR), ..Retention::default() };
    let options = dsmil_history::StoreOptions { retention, ..options() };
    let mut held = open(&path, &options);
    let (mut model, mut floor) = (Model::new(), i64::MIN);
    for step in steps {
        match step {
            Step::Commit(samples) => {
                let committed = held.store.commit(&Batch { samples: &samples, ..Batch::default() }).unwrap();
                assert_eq!(committed.refused, samples.iter().filter(|sample| sample.at < floor).count());
                for sample in samples.into_iter().filter(|sample| sample.at >= floor) {
                    let name = (sample.metric.to_string(), sample.labels.clone());
                    model.entry(name).or_default().entry(sample.at).or_insert(sample.value);
                }
            }
            Step::Maintain(_) if raw_hours < 24 => {}
            Step::Maintain(minute) => _ = held.store.maintain(START + minute * MINUTE).unwrap(),
            Step::Settle(minute) => {
                let now = START + minute * MINUTE;
                settle(&mut held.store, now);
                floor = floor.max((now - raw_hours * HOUR).div_euclid(HOUR) * HOUR);
            }
            Step::Reopen => {
                drop(held);
                held = open(&path, &options);
            }
        }
    }
    let raw =
        model.iter().map(|(name, samples)| (name.clone(), samples.range(floor..).map(|(at, v)| (*at, *v)).collect())).collect();
    compare(&held.store, &model, &raw, from, to);
    compare(&held.store, &model, &raw, START - HOUR, START + 30 * HOUR);
    held.store.check().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_store_equals_the_model(
        steps in proptest::collection::vec(step(), 1..16),
        raw_hours in proptest::sample::select(vec![200i64, 2, 5]),
        from in 0i64..800,
        length in 0i64..800,
    ) {
        let from = START + from * MINUTE - 7;
        run(steps, raw_hours, from, from + length * MINUTE);
    }
}
