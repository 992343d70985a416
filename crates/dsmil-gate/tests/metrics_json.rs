//! Metrics as JSON text: what is read, and what is said of the rest.

#![allow(clippy::unwrap_used)]

use dsmil_gate::{Engine, GateFile, Labels, MetricsText, Samples, Verdict};

#[test]
fn every_form_is_read() {
    let text = r#"{
        "cpu_percent": 40,
        "disk_free_bytes": [{"labels": {"path": "/"}, "value": 1e9, "at": "1970-01-01T00:00:05Z"}, {"value": "NaN", "at": 7}],
        "temperature_celsius": {"labels": {"sensor": "a"}, "samples": [[1, 61.5], [2, "+Inf"]]},
        "health_score": null
    }"#;
    let read = MetricsText::parse(text, 9000).unwrap();
    assert_eq!(read.unreadable, ["health_score"]);
    let mut samples = Samples::new();
    read.pour(&mut samples);
    let newest = |metric: &str, labels: &[(&str, &str)]| {
        let labels: Labels = labels.iter().copied().collect();
        let (_, id) = samples.matching(metric, &labels).find(|(of, _)| **of == labels).unwrap();
        let sample = samples.get(id).unwrap().newest(i64::MAX).unwrap();
        (sample.at, sample.value)
    };
    assert_eq!(newest("cpu_percent", &[]), (9000, 40.0));
    assert_eq!(newest("disk_free_bytes", &[("path", "/")]), (5000, 1e9));
    assert!(newest("disk_free_bytes", &[]).1.is_nan());
    assert_eq!(newest("temperature_celsius", &[("sensor", "a")]), (2, f64::INFINITY));
    assert!(samples.error("health_score").is_some());
}

#[test]
fn what_could_not_be_read_fails_its_rule_at_once() {
    let file = "version = 1\n[[rule]]\nname = \"h\"\nmetric = \"health_score\"\nrequire = \"> 95\"\non_fail = \"roll-back\"\non_no_data = \"hold\"";
    let verdict = |text: &str| {
        let mut samples = Samples::new();
        MetricsText::parse(text, 0).unwrap().pour(&mut samples);
        Engine::new(GateFile::parse(file, "h.toml").unwrap()).evaluate(&samples, 0).verdict
    };
    assert_eq!(verdict(r#"{"health_score": 96}"#), Verdict::Go);
    assert_eq!(verdict(r#"{"health_score": null}"#), Verdict::RollBack);
    assert_eq!(verdict(r#"{"health_score": "NaN"}"#), Verdict::Hold);
    assert_eq!(verdict("{}"), Verdict::Hold);
}

#[test]
fn what_is_wrong_is_named() {
    for (text, expected) in [
        ("", "this is no JSON: EOF while parsing a value at line 1 column 0"),
        ("[1]", "a list where an object of metrics should be: {\"cpu_percent\": 40.0}"),
        (r#"{"cpu-percent": 1}"#, "\"cpu-percent\" is no metric's name: write letters, digits, _ and :, not a digit first"),
        (r#"{"a": true}"#, "a: true where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or null)"),
        (r#"{"a": "40"}"#, "a: the text \"40\" where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or null)"),
        (r#"{"a": [1, [2]]}"#, "a: element 1: a list where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or null)"),
        (r#"{"a": {}}"#, "a: exactly one of the keys value and samples must be there; samples have times of their own"),
        (r#"{"a": {"value": 1, "unit": "s"}}"#, "a: unknown key \"unit\": there are value, labels, at and samples"),
        (
            r#"{"a": {"value": 1, "at": 1.5}}"#,
            "a: at: 1.5 is neither a time (\"2026-01-31T12:00:00Z\") nor milliseconds since 1970",
        ),
        (r#"{"a": {"value": 1, "labels": {"x": 1}}}"#, "a: label x: the number 1 where a text should be"),
        (
            r#"{"a": {"value": 1, "labels": {"1": "x"}}}"#,
            "a: \"1\" is no label's name: write letters, digits and _, not a digit first",
        ),
        (r#"{"a": {"samples": [[1]]}}"#, "a: samples: element 0 is no [time, value]"),
        (r#"{"a": [10, 99]}"#, "there are two values for a at 0 ms: keep the one that is true"),
        (
            r#"{"a": [{"labels": {"p": "x"}, "value": 1, "at": 7}, {"labels": {"p": "x"}, "samples": [[7, 2]]}]}"#,
            "there are two values for a{p=\"x\"} at 7 ms: keep the one that is true",
        ),
    ] {
        assert_eq!(MetricsText::parse(text, 0).unwrap_err().to_string(), format!("metrics: {expected}"), "{text}");
    }
}

#[test]
fn what_is_said_twice_and_the_same_is_no_contradiction() {
    for text in [r#"{"a": [1, 1, 1.0]}"#, r#"{"a": ["NaN", "NaN"]}"#, r#"{"a": [0, -0.0]}"#, r#"{"a": [null, 1]}"#] {
        assert!(MetricsText::parse(text, 0).is_ok(), "{text}");
    }
}

/// Were it turned round sample by sample, this would take minutes.
#[test]
fn a_long_series_may_stand_there_backwards() {
    let pairs: Vec<String> = (0..400_000).rev().map(|at| format!("[{at},{at}]")).collect();
    let read = MetricsText::parse(&format!("{{\"a\":{{\"samples\":[{}]}}}}", pairs.join(",")), 0).unwrap();
    let mut samples = Samples::new();
    assert_eq!(read.pour(&mut samples), None);
    let series = samples.all().next().unwrap();
    assert!(series.samples().len() == 400_000 && series.samples().is_sorted_by_key(|sample| sample.at));
}
