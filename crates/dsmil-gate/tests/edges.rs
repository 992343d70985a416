//! The edges: gaps, stale markers, NaN, a clock that jumps, samples out of order, errors.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use dsmil_gate::{Engine, GateFile, Labels, Phase, Pushed, Samples, StateError, Verdict};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

fn gates(rule: &str) -> GateFile {
    let text = format!(
        "version = 1\n[[rule]]\nname = \"r\"\nmetric = \"m\"\non_fail = \"no-go\"\n{rule}\n[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"r\"]\n"
    );
    GateFile::parse(&text, "edge.toml").unwrap()
}

fn samples(values: &[(i64, f64)]) -> Samples {
    let mut samples = Samples::new();
    for (at, value) in values {
        samples.record("m", &Labels::default(), *at, *value);
    }
    samples
}

/// Its name, the rule, the samples, the time, the verdict.
type Case = (&'static str, &'static str, &'static [(i64, f64)], i64, Verdict);

const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
const REQUIRE: &str = "require = \"< 75\"\non_no_data = \"hold\"";
const FAIL: &str = "fail_when = \"> 75\"\non_no_data = \"fail\"";
const AVG: &str = "function = \"avg\"\nwindow = \"5m\"\nrequire = \"< 75\"\non_no_data = \"hold\"";
const RATE: &str = "function = \"rate\"\nwindow = \"5m\"\nrequire = \"< 75\"\non_no_data = \"hold\"";
const ABSENT: &str = "function = \"absent\"";

#[test]
fn each_edge_has_its_verdict() {
    use Verdict::{Go, Hold, NoGo};
    let cases: &[Case] = &[
        ("a good value", REQUIRE, &[(0, 40.0)], 0, Go),
        ("the bound itself is not below it", REQUIRE, &[(0, 75.0)], 0, NoGo),
        ("the bound itself is not above it", FAIL, &[(0, 75.0)], 0, Go),
        ("nothing at all", REQUIRE, &[], 0, Hold),
        ("nothing at all, where that fails", FAIL, &[], 0, NoGo),
        ("five minutes old to the millisecond", REQUIRE, &[(0, 40.0)], 5 * MINUTE, Go),
        ("a millisecond too old", REQUIRE, &[(0, 40.0)], 5 * MINUTE + 1, Hold),
        ("too old, where that fails", FAIL, &[(0, 40.0)], 5 * MINUTE + 1, NoGo),
        ("NaN", REQUIRE, &[(0, f64::NAN)], 0, Hold),
        ("NaN, where that fails", FAIL, &[(0, f64::NAN)], 0, NoGo),
        ("a good value after NaN", REQUIRE, &[(0, f64::NAN), (1, 40.0)], 1, Go),
        ("a bad value before NaN doesn't count", REQUIRE, &[(0, 90.0), (1, f64::NAN)], 1, Hold),
        ("infinity is a value", REQUIRE, &[(0, f64::INFINITY)], 0, NoGo),
        ("minus infinity is a value", REQUIRE, &[(0, f64::NEG_INFINITY)], 0, Go),
        ("ended by a stale marker", REQUIRE, &[(0, 40.0), (1, STALE)], 1, Hold),
        ("begun again after a stale marker", REQUIRE, &[(0, 90.0), (1, STALE), (2, 40.0)], 2, Go),
        ("a sample from the future is not seen", REQUIRE, &[(1, 40.0)], 0, Hold),
        ("nor does it hide the one before", REQUIRE, &[(0, 40.0), (1, 90.0)], 0, Go),
        ("both ends belong to the window", AVG, &[(0, 140.0), (5 * MINUTE, 20.0)], 5 * MINUTE, NoGo),
        ("a millisecond later the first doesn't", AVG, &[(0, 140.0), (5 * MINUTE, 20.0)], 5 * MINUTE + 1, Go),
        ("a gap in the window is no zero", AVG, &[(0, 80.0), (4 * MINUTE, 80.0)], 4 * MINUTE, NoGo),
        ("a stale marker in the window is no value", AVG, &[(0, 40.0), (1, STALE), (2, 40.0)], 2, Go),
        ("a NaN in the window spoils the average", AVG, &[(0, 40.0), (1, f64::NAN), (2, 40.0)], 2, Hold),
        ("an empty window", AVG, &[(0, 40.0)], 10 * MINUTE, Hold),
        ("one sample has no rate", RATE, &[(0, 40.0)], 0, Hold),
        ("two samples have one", RATE, &[(0, 40.0), (MINUTE, 41.0)], MINUTE, Go),
        ("a counter that began anew didn't fall", RATE, &[(0, 1e6), (MINUTE, 5.0)], MINUTE, Go),
        ("absent", ABSENT, &[], 0, NoGo),
        ("not absent", ABSENT, &[(0, 1.0)], 0, Go),
        ("NaN is there", ABSENT, &[(0, f64::NAN)], 0, Go),
        ("absent after a stale marker", ABSENT, &[(0, 1.0), (1, STALE)], 1, NoGo),
        ("absent after five minutes", ABSENT, &[(0, 1.0)], 5 * MINUTE + 1, NoGo),
        ("the earliest time there is", REQUIRE, &[(i64::MIN, 40.0)], i64::MIN, Go),
        ("the latest time there is", REQUIRE, &[(0, 40.0)], i64::MAX, Hold),
    ];
    for (name, rule, values, now, verdict) in cases {
        let evaluation = Engine::new(gates(rule)).evaluate(&samples(values), *now);
        assert_eq!(evaluation.gates[0].verdict, *verdict, "{name}\n{evaluation}");
        assert_eq!(evaluation.verdict == Verdict::Go, evaluation.gates[0].reasons.is_empty(), "{name}");
    }
}

#[test]
fn samples_are_kept_in_order_and_the_first_of_two_stays() {
    let mut samples = Samples::new();
    let id = samples.series("m", &Labels::default());
    assert_eq!(samples.push(id, 10, 1.0), Pushed::Newest);
    assert_eq!(samples.push(id, 30, 3.0), Pushed::Newest);
    assert_eq!(samples.push(id, 20, 2.0), Pushed::Late);
    assert_eq!(samples.push(id, 20, 2.0), Pushed::Duplicate);
    assert_eq!(samples.push(id, 20, 9.0), Pushed::Conflict);
    assert_eq!(samples.push(id, 40, f64::NAN), Pushed::Newest);
    assert_eq!(samples.push(id, 40, f64::NAN), Pushed::Duplicate);
    assert_eq!(samples.push_stale(id, 40), Pushed::Conflict);
    let other = Samples::new();
    assert!(other.get(id).is_none());
    assert_eq!(other.clone().push(id, 0, 0.0), Pushed::NoSuchSeries);
    let times: Vec<i64> = samples.get(id).unwrap().samples().iter().map(|sample| sample.at).collect();
    assert_eq!(times, [10, 20, 30, 40]);
    samples.prune(25);
    assert_eq!(samples.push(id, 26, 5.0), Pushed::Late);
    let times: Vec<i64> = samples.get(id).unwrap().samples().iter().map(|sample| sample.at).collect();
    assert_eq!(times, [26, 30, 40]);
}

#[test]
fn pruning_never_hides_that_a_series_fell_silent() {
    let labels = |host: &str| Labels::from_iter([("host", host)]);
    let mut samples = Samples::new();
    samples.record("m", &labels("a"), 0, 1.0);
    samples.record("m", &labels("b"), 0, 1.0);
    samples.record("m", &labels("b"), 10 * MINUTE, 1.0);
    let mut engine = Engine::new(gates(REQUIRE));
    assert_eq!(engine.evaluate(&samples, 10 * MINUTE).verdict, Verdict::Hold);
    samples.prune(9 * MINUTE);
    assert_eq!(engine.evaluate(&samples, 10 * MINUTE).verdict, Verdict::Hold);
    // Only on purpose is it forgotten, or when its source ends it.
    let forgotten = samples.clone().without_silent(9 * MINUTE);
    assert_eq!(forgotten.len(), 1);
    assert_eq!(engine.evaluate(&forgotten, 10 * MINUTE).verdict, Verdict::Go);
    let ended = samples.series("m", &labels("a"));
    samples.push_stale(ended, 10 * MINUTE);
    assert_eq!(engine.evaluate(&samples, 10 * MINUTE).verdict, Verdict::Go);
}

#[test]
fn a_metric_that_cannot_be_read_fails_at_once_and_freezes_the_states() {
    let mut samples = samples(&[(0, 90.0)]);
    let mut engine = Engine::new(gates(&format!("{REQUIRE}\nfor = \"2m\"")));
    assert_eq!(engine.evaluate(&samples, 0).verdict, Verdict::Hold);
    samples.set_error("m", Some("the server answered 503"));
    let evaluation = engine.evaluate(&samples, MINUTE);
    assert_eq!((evaluation.verdict, evaluation.rules[0].state), (Verdict::NoGo, Phase::Pending));
    assert!(evaluation.gates[0].reasons[0].contains("the server answered 503"));
    samples.set_error("m", None);
    let evaluation = engine.evaluate(&samples, 2 * MINUTE);
    assert_eq!((evaluation.rules[0].state, evaluation.rules[0].series[0].since), (Phase::Firing, 0));
}

#[test]
fn a_clock_that_goes_back_starts_the_waiting_anew() {
    let samples = samples(&[(0, 90.0), (60 * MINUTE, 90.0)]);
    let mut engine = Engine::new(gates(&format!("{REQUIRE}\nfor = \"2m\"\nkeep_firing_for = \"3m\"")));
    assert_eq!(engine.evaluate(&samples, 60 * MINUTE).rules[0].state, Phase::Pending);
    // An hour back: the sample from then counts, and the two minutes begin again.
    let back = engine.evaluate(&samples, 0);
    assert_eq!((back.rules[0].state, back.rules[0].series[0].since), (Phase::Pending, 0));
    assert_eq!(engine.evaluate(&samples, 2 * MINUTE - 1).rules[0].state, Phase::Pending);
    assert_eq!(engine.evaluate(&samples, 2 * MINUTE).rules[0].state, Phase::Firing);
    // A leap ahead: the value is too old, the alert is kept, and ends when its time is over.
    assert_eq!(engine.evaluate(&samples, 10 * MINUTE).rules[0].series[0].kept_since, Some(10 * MINUTE));
    assert_eq!(engine.evaluate(&samples, 9 * MINUTE).rules[0].series[0].kept_since, Some(9 * MINUTE));
    let ended = engine.evaluate(&samples, 12 * MINUTE);
    assert_eq!(ended.rules[0].state, Phase::Inactive);
    assert!(ended.events[0].is_resolved());
}

#[test]
fn hysteresis_clears_where_it_says() {
    let rule = "fail_when = \"> 85\"\nclear_at = 75\non_no_data = \"hold\"";
    let mut engine = Engine::new(gates(rule));
    let values = [80.0, 86.0, 80.0, 75.1, 75.0, 80.0, 85.0, 85.1];
    let firing: Vec<bool> = (values.iter().enumerate())
        .map(|(step, value)| {
            let now = i64::try_from(step).unwrap() * MINUTE;
            engine.evaluate(&samples(&[(now, *value)]), now).rules[0].state == Phase::Firing
        })
        .collect();
    assert_eq!(firing, [false, true, true, true, false, false, false, true]);
}

#[test]
fn too_many_series_are_an_error_of_the_rule() {
    let mut many = Samples::new();
    for index in 0..=dsmil_gate::MAX_SERIES_PER_RULE {
        many.record("m", &Labels::from_iter([("pod", index.to_string())]), 0, 1.0);
    }
    let evaluation = Engine::new(gates(REQUIRE)).evaluate(&many, 0);
    assert_eq!(evaluation.verdict, Verdict::NoGo);
    assert!(evaluation.rules[0].error.as_ref().unwrap().contains("more than 10000 series"));
}

#[test]
fn a_roll_back_is_never_outvoted() {
    let text = "version = 1\n[[rule]]\nname = \"good\"\nmetric = \"m\"\nfail_when = \"> 9\"\non_fail = \"hold\"\non_no_data = \"hold\"\n\
                weight = 99\n[[rule]]\nname = \"health\"\nmetric = \"h\"\nfail_when = \"< 80\"\non_fail = \"roll-back\"\non_no_data = \"hold\"\n\
                [[gate]]\nname = \"any\"\nkind = \"any\"\nrules = [\"good\", \"health\"]\n\
                [[gate]]\nname = \"score\"\nkind = \"score\"\nthreshold = 0.5\nrules = [\"good\", \"health\"]\n";
    let mut engine = Engine::new(GateFile::parse(text, "g.toml").unwrap());
    let mut samples = samples(&[(0, 1.0)]);
    assert_eq!(engine.evaluate(&samples, 0).verdict, Verdict::Go);
    samples.record("h", &Labels::default(), 0, 79.0);
    let evaluation = engine.evaluate(&samples, 0);
    assert!(evaluation.gates.iter().all(|gate| gate.verdict == Verdict::RollBack), "{evaluation}");
    assert_eq!(evaluation.gates[1].score, Some(0.99));
}

#[test]
fn a_state_of_other_gates_or_a_damaged_one_is_refused() {
    let mut engine = Engine::new(gates(REQUIRE));
    engine.evaluate(&samples(&[(0, 90.0)]), 0);
    let good = serde_json::to_string(&engine.save()).unwrap();
    let before = engine.save();
    let mut refused = |text: String| {
        let error = engine.restore(&serde_json::from_str(&text).unwrap()).unwrap_err();
        assert_eq!(engine.save(), before);
        error
    };
    let other = serde_json::to_string(&Engine::new(gates(FAIL)).save()).unwrap();
    assert!(matches!(refused(other), StateError::OtherGates { .. }));
    assert!(matches!(refused(good.replace("\"version\":1", "\"version\":2")), StateError::Version { found: 2 }));
    let times = good.replace("\"fired_at\":0", "\"fired_at\":null");
    assert_ne!(times, good);
    assert!(matches!(refused(times), StateError::Damaged { .. }));
    let future = good.replace("\"fired_at\":0", "\"fired_at\":5");
    assert!(matches!(refused(future), StateError::Damaged { .. }));
    // A comment is not another gate file.
    let text = "version = 1 # as ever\n[[rule]]\nmetric = \"m\"\nname = \"r\"\nfail_when = \"> 1\"\non_fail = \"hold\"\non_no_data = \"hold\"";
    let (one, two) = (GateFile::parse(text, "a").unwrap(), GateFile::parse(&text.replace("# as ever", ""), "b").unwrap());
    assert_eq!(one.fingerprint(), two.fingerprint());
}

#[test]
fn the_evidence_reads_like_this() {
    let rule = "labels = { host = \"a\" }\nfail_when = \"> 85\"\nclear_at = 75\nunit = \"percent\"\non_no_data = \"hold\"";
    let mut engine = Engine::new(gates(rule));
    let mut samples = Samples::new();
    samples.record("m", &Labels::from_iter([("host", "a"), ("disk", "x")]), 0, 91.5);
    let evaluation = engine.evaluate(&samples, 30 * SECOND);
    let text = "no-go at 1970-01-01T00:00:30Z\n\
        gate g: no-go\n  \
          no-go: rule r {disk=\"x\",host=\"a\"} is firing since 1970-01-01T00:00:30Z: 91.5 percent, fail when > 85 percent\n\
        rule r: firing, no-go: m{host=\"a\"} fail when > 85 percent\n  \
          {disk=\"x\",host=\"a\"} 91.5 percent at 1970-01-01T00:00:00Z, clears when <= 75, firing since 1970-01-01T00:00:30Z\n";
    assert_eq!(evaluation.to_string(), text);
    let json: serde_json::Value = serde_json::from_str(&evaluation.to_json()).unwrap();
    assert_eq!(json["verdict"], "no-go");
    assert_eq!(json["rules"][0]["series"][0]["value"], 91.5);
    assert_eq!(json["rules"][0]["series"][0]["labels"]["disk"], "x");
    let nothing = Engine::new(gates(rule)).evaluate(&Samples::new(), 0);
    assert_eq!(
        nothing.gates[0].reasons,
        ["hold: rule r: no evidence since 1970-01-01T00:00:00Z: m{host=\"a\"} fail when > 85 percent"]
    );
}

#[test]
fn the_reasons_are_those_of_the_gates_that_do_not_go() {
    let two = "version = 1\n[[rule]]\nname = \"r\"\nmetric = \"m\"\nrequire = \"< 75\"\non_fail = \"no-go\"\non_no_data = \"hold\"\n\
        [[rule]]\nname = \"s\"\nmetric = \"m\"\nrequire = \"< 90\"\non_fail = \"hold\"\non_no_data = \"hold\"\n";
    let gates = "[[gate]]\nname = \"g\"\nkind = \"all\"\nrules = [\"r\"]\n[[gate]]\nname = \"h\"\nkind = \"any\"\nrules = [\"r\", \"s\"]\n\
        [[gate]]\nname = \"i\"\nkind = \"all\"\nrules = [\"r\"]\n";
    let with_gates = GateFile::parse(&format!("{two}{gates}"), "edge.toml").unwrap();
    let seen = Engine::new(with_gates).evaluate(&samples(&[(0, 80.0)]), 0);
    // Of h, which goes, nothing; of g and i the same reason, once.
    assert_eq!(seen.gate("h").unwrap().reasons.len(), 1);
    assert_eq!(seen.reasons(), seen.gate("g").unwrap().reasons);
    let without = Engine::new(GateFile::parse(two, "edge.toml").unwrap()).evaluate(&samples(&[(0, 95.0)]), 0);
    assert_eq!(without.reasons().len(), 2, "a file without gates has the reasons of its rules");
    assert!(Engine::new(GateFile::parse(two, "edge.toml").unwrap()).evaluate(&samples(&[(0, 40.0)]), 0).reasons().is_empty());
}
