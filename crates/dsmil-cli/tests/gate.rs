//! `dsmil gate` through the binary: the example gate files, malformed ones, and metrics of every wrong type.

#![allow(clippy::unwrap_used)]

mod common;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Ran;
use serde_json::{Value, json};
use watch::Place;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/gates");
const NOON: &str = "2026-11-21T12:00:00Z";

/// The gate files that the sources have become; without their tests.
fn examples() -> Vec<PathBuf> {
    let all = std::fs::read_dir(EXAMPLES).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.retain(|path| !path.to_str().unwrap().ends_with(".test.toml"));
    files.sort();
    assert_eq!(files.len(), 7);
    files
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Metrics with which a rule, or all rules but one, are as they must be: as the words of each example have it.
fn good(file: &str) -> Value {
    let series = |from: f64, to: f64| {
        let noon = 1_795_262_400_000_i64;
        let at = |step: i64| json!([noon - 600_000 + step * 30_000, from + (to - from) * step as f64 / 20.0]);
        json!({ "samples": (0..=20).map(at).collect::<Vec<Value>>() })
    };
    let with = |label: &str, name: &str, value: f64| json!([{ "labels": { label: name }, "value": value }]);
    match file {
        "deploy" => json!({ "cpu_percent": 10, "memory_percent": 20, "active_workers": 1 }),
        "alerts" => json!({
            "cpu_percent": series(40.0, 40.0), "memory_percent": series(50.0, 50.0), "temperature_celsius": with("sensor", "a", 60.0),
            "device_error_percent": series(1.0, 1.0),
            "disk_free_bytes": [
                { "labels": { "path": "/a", "use": "backup" }, "value": 3e9 },
                { "labels": { "path": "/b", "use": "log" }, "value": 2e9 },
                { "labels": { "path": "/c", "use": "monitoring" }, "value": 6e8 },
            ],
        }),
        "quality" => json!({
            "security_percent": 100, "test_success_percent": 99, "budget_violation_percent": 0.1, "endpoint_success_percent": 99,
            "compliance_percent": 99,
        }),
        other => panic!("{other}"),
    }
}

fn check(place: &Place, file: &str, metrics: &Value, more: &[&str]) -> Ran {
    place.write("m.json", &metrics.to_string());
    let path = format!("{EXAMPLES}/{file}.toml");
    place.run(&[&["gate", "check", &path, "--metrics", &place.text("m.json"), "--at", NOON], more].concat())
}

#[test]
fn every_example_is_without_fault_and_passes_its_tests() {
    let place = Place::new();
    let files = examples();
    let paths: Vec<&str> = files.iter().map(|path| text(path)).collect();
    let lint = place.run(&[&["gate", "lint", "--strict"], &paths[..]].concat()).expect(0);
    assert_eq!(lint.out.lines().last(), Some("7 files, 0 errors, 0 warnings"));
    let tests: Vec<String> = paths.iter().map(|path| path.replace(".toml", ".test.toml")).collect();
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    let (status, report) = place.json(&[&["gate", "test"], &tests[..]].concat());
    assert_eq!((status, &report["failed"]), (0, &json!(0)), "{report}");
    assert!(report["held"].as_u64().unwrap() >= 200, "{report}");
    for path in paths {
        // No evidence at all: nothing may go on.
        let metrics = place.path("none.json");
        std::fs::write(&metrics, "{}").unwrap();
        let ran = place.run(&["gate", "check", path, "--metrics", text(&metrics), "--at", NOON]);
        assert!(matches!(ran.status, 7 | 8), "{ran:?}");
        assert!(ran.out.contains("no evidence since 2026-11-21T12:00:00Z"), "{}", ran.out);
    }
}

#[test]
fn a_test_that_does_not_hold_is_a_failure() {
    let place = Place::new();
    place.write("deploy.toml", &std::fs::read_to_string(format!("{EXAMPLES}/deploy.toml")).unwrap());
    let tests = "version = 1\ngates = \"deploy.toml\"\n[[test]]\nname = \"wrong\"\nseries = { cpu_percent = \"90x5\" }\n\
                 [[test.expect]]\nat = \"2m\"\ngates = { deploy = \"go\" }\n";
    place.write("wrong.test.toml", tests);
    let ran = place.run(&["gate", "test", &place.text("wrong.test.toml")]).expect(1);
    assert!(ran.out.contains("deploy") && ran.out.contains("0 held, 1 failed"), "{}", ran.out);
    place.write("broken.test.toml", "version = 1\ngates = \"nothing.toml\"\n[[test]]\nname = \"x\"\n");
    let ran = place.run(&["gate", "test", &place.text("broken.test.toml")]).expect(1);
    assert!(ran.err.contains("broken.test.toml"), "{ran:?}");
}

#[test]
fn what_is_exported_is_good_for_promtool() {
    let place = Place::new();
    for path in examples() {
        let ran = place.run(&["gate", "export", "--prometheus", text(&path)]).expect(0);
        place.write("rules.yml", &ran.out);
        let promtool = Command::new("promtool").args(["check", "rules", &place.text("rules.yml")]).output();
        let promtool = promtool.expect("promtool, of Debian's package prometheus");
        assert!(promtool.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&promtool.stderr));
        assert!(ran.err.contains("Prometheus can't express") && ran.out.starts_with('#'), "{}", ran.err);
        let (status, document) = place.json(&["gate", "export", "--prometheus", text(&path), "--group", "mine"]);
        assert_eq!(status, 0);
        assert!(
            document["yaml"].as_str().unwrap().contains("name: \"mine\"")
                || document["yaml"].as_str().unwrap().contains("name: mine")
        );
        assert!(!document["not_expressed"].as_array().unwrap().is_empty());
    }
}

#[test]
fn each_verdict_has_its_exit_status() {
    let place = Place::new();
    for file in ["deploy", "alerts", "quality"] {
        let ran = check(&place, file, &good(file), &[]);
        assert_eq!(ran.status, 0, "{file}: {ran:?}");
        assert!(ran.out.starts_with("go at 2026-11-21T12:00:00Z\n"), "{}", ran.out);
    }
    let changed = |file: &str, metric: &str, value: Value| {
        let mut metrics = good(file);
        metrics[metric] = value;
        let ran = check(&place, file, &metrics, &["--json"]);
        (ran.status, ran.json()["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(changed("deploy", "cpu_percent", json!(75)), (7, "hold".to_owned()));
    assert_eq!(changed("deploy", "cpu_percent", json!(74.9)), (0, "go".to_owned()), "yellow, but not red");
    assert_eq!(changed("deploy", "cpu_percent", json!("NaN")), (7, "hold".to_owned()));
    assert_eq!(changed("deploy", "cpu_percent", Value::Null), (7, "hold".to_owned()), "it can't be read");
    assert_eq!(changed("quality", "security_percent", json!(99.9)), (7, "no-go".to_owned()));
    let hot = json!([{ "labels": { "sensor": "a" }, "value": 96 }]);
    assert_eq!(changed("alerts", "temperature_celsius", hot), (8, "roll-back".to_owned()));
}

#[test]
fn two_runs_give_the_same_bytes() {
    let place = Place::new();
    for file in ["deploy", "alerts", "quality"] {
        for more in [&["--json"][..], &[]] {
            let one = check(&place, file, &good(file), more);
            let two = check(&place, file, &good(file), more);
            assert!(one.out == two.out && !one.out.is_empty() && one.err.is_empty(), "{file}: {one:?}");
        }
    }
    let at = check(&place, "deploy", &good("deploy"), &["--json"]).json();
    assert_eq!(at["at"], 1_795_262_400_000_i64);
    let metrics = place.text("m.json");
    let ran = place.run(&["gate", "check", &format!("{EXAMPLES}/deploy.toml"), "--metrics", &metrics, "--at", "1795262400000"]);
    assert!(ran.expect(0).out.contains("at 2026-11-21T12:00:00Z"), "a time in milliseconds");
    let ran = place.run(&["gate", "check", &format!("{EXAMPLES}/deploy.toml"), "--metrics", &metrics, "--at", "noon"]).expect(2);
    assert!(ran.err.contains("write it as 2026-11-21T12:00:00Z, or in milliseconds since 1970"), "{}", ran.err);
}

#[test]
fn metrics_come_from_the_standard_input() {
    let place = Place::new();
    let mut command = place.command(&["gate", "check", &format!("{EXAMPLES}/deploy.toml"), "--metrics", "-", "--at", NOON]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(good("deploy").to_string().as_bytes()).unwrap();
    Ran::of(&child.wait_with_output().unwrap()).expect(0);
}

#[test]
fn metrics_of_a_wrong_type_are_refused_with_their_place() {
    let place = Place::new();
    let gates = format!("{EXAMPLES}/deploy.toml");
    let number = "where a number should be (or \"NaN\", \"+Inf\", \"-Inf\", or null)";
    for (metrics, message) in [
        ("", "this is no JSON: EOF while parsing a value at line 1 column 0".to_owned()),
        ("{\"cpu_percent\": 1", "this is no JSON: EOF while parsing an object at line 1 column 17".to_owned()),
        ("{\n\"cpu_percent\": 0x1}", "this is no JSON: expected `,` or `}` at line 2 column 17".to_owned()),
        ("{\"cpu_percent\": 1e999}", "this is no JSON: number out of range at line 1 column 21".to_owned()),
        ("{\"cpu_percent\": 1} {}", "this is no JSON: trailing characters at line 1 column 20".to_owned()),
        ("null", "null where an object of metrics should be: {\"cpu_percent\": 40.0}".to_owned()),
        ("[]", "a list where an object of metrics should be: {\"cpu_percent\": 40.0}".to_owned()),
        ("7", "the number 7 where an object of metrics should be: {\"cpu_percent\": 40.0}".to_owned()),
        ("{\"cpu_percent\": \"40\"}", format!("cpu_percent: the text \"40\" {number}")),
        ("{\"cpu_percent\": true}", format!("cpu_percent: true {number}")),
        ("{\"cpu_percent\": {\"value\": []}}", format!("cpu_percent: a list {number}")),
        ("{\"cpu_percent\": {\"v\": 1}}", "cpu_percent: unknown key \"v\": there are value, labels, at and samples".to_owned()),
        (
            "{\"cpu_percent\": [{\"labels\": {\"a\": 1}, \"value\": 1}]}",
            "cpu_percent: element 0: label a: the number 1 where a text should be".to_owned(),
        ),
        (
            "{\"cpu_percent\": {\"value\": 1, \"at\": \"x\"}}",
            "cpu_percent: at: \"x\" is neither a time (\"2026-01-31T12:00:00Z\") nor milliseconds since 1970".to_owned(),
        ),
        ("{\"cpu_percent\": {\"samples\": [[1]]}}", "cpu_percent: samples: element 0 is no [time, value]".to_owned()),
        (
            "{\"cpu percent\": 1}",
            "\"cpu percent\" is no metric's name: write letters, digits, _ and :, not a digit first".to_owned(),
        ),
        ("\u{feff}{}", "this is no JSON: expected value at line 1 column 1".to_owned()),
    ] {
        place.write("m.json", metrics);
        let ran = place.run(&["gate", "check", &gates, "--metrics", &place.text("m.json"), "--at", NOON]).expect(1);
        assert_eq!(ran.err.trim_end(), format!("dsmil: {}: metrics: {message}", place.text("m.json")), "{metrics}");
        assert_eq!(ran.out, "");
    }
    place.write("m.json", &"[".repeat(100_000));
    place.run(&["gate", "check", &gates, "--metrics", &place.text("m.json")]).expect(1);
    std::fs::write(place.path("m.json"), b"{\"cpu_percent\": \"\xff\"}").unwrap();
    place.run(&["gate", "check", &gates, "--metrics", &place.text("m.json")]).expect(1);
    let ran = place.run(&["gate", "check", &gates, "--metrics", &place.text("nowhere.json")]).expect(1);
    assert!(ran.err.contains("nowhere.json can't be read: No such file"), "{}", ran.err);
    let (status, error) = place.json(&["gate", "check", &gates, "--metrics", &place.text("nowhere.json")]);
    assert_eq!((status, &error["error"]["kind"]), (1, &json!("file")));
}

#[test]
fn a_source_without_end_is_not_read_for_ever() {
    let place = Place::new();
    let gates = format!("{EXAMPLES}/deploy.toml");
    let said = "the file is 1048577 bytes long, at most 1048576 are read";
    let lint = place.run(&["gate", "lint", "/dev/zero"]).expect(1);
    assert!(lint.out.contains(said), "{lint:?}");
    for arguments in [&["gate", "check", "/dev/zero", "--metrics", "-"][..], &["gate", "test", "/dev/zero"]] {
        assert!(place.run(arguments).expect(1).err.contains(said));
    }
    let ran = place.run(&["gate", "check", &gates, "--metrics", "/dev/zero"]).expect(1);
    assert!(ran.err.contains("/dev/zero is too long: at most 16777216 bytes of metrics are read"), "{ran:?}");
    let endless = std::fs::File::open("/dev/zero").unwrap();
    let ran = Ran::of(&place.command(&["gate", "check", &gates, "--metrics", "-"]).stdin(endless).output().unwrap()).expect(1);
    assert!(ran.err.contains("the standard input is too long"), "{ran:?}");
}

#[test]
fn a_verdict_is_recorded_when_asked_for() {
    let place = Place::new();
    check(&place, "deploy", &good("deploy"), &["--audit"]).expect(0);
    check(&place, "deploy", &json!({}), &["--audit"]).expect(7);
    check(&place, "deploy", &good("deploy"), &["--audit", "--dry-run"]);
    let (_, tail) = place.json(&["audit", "tail"]);
    let records: Vec<&Value> =
        tail["records"].as_array().unwrap().iter().filter(|record| record["action"] == "verdict").collect();
    assert_eq!(records.len(), 2, "{tail}");
    assert_eq!((&records[0]["target"], &records[0]["new"]["verdict"]), (&json!("deploy"), &json!("go")));
    assert_eq!(records[1]["new"]["evidence"]["verdict"], "hold");
    assert_eq!(place.run(&["audit", "verify"]).status, 0);
}

#[test]
fn without_metrics_it_is_what_the_monitor_has_seen() {
    let place = Place::new();
    let gates = format!("{EXAMPLES}/deploy.toml");
    let ran = place.run(&["gate", "check", &gates]).expect(2);
    assert!(ran.err.contains("name the metrics with --metrics FILE, or start the monitor"), "{}", ran.err);
    place.configure("version = 1\n[[rule]]\nname = \"a\"\nmetric = \"cpu_percent\"\nfail_when = \"> 99\"\nunit = \"percent\"\non_fail = \"hold\"\non_no_data = \"hold\"\n", "");
    place.write("metrics.json", &good("deploy").to_string());
    place.run(&["monitor", "--once"]);
    place.run(&["gate", "check", &gates]).expect(0);
    let (_, found) = place.json(&["gate", "check", &gates]);
    assert_eq!(found["gates"][0]["verdict"], "go");
}

macro_rules! cases {
    ($($name:ident: $from:literal => $to:literal, [$($message:literal),* $(,)?];)*) => {
        /// Name, what is replaced, by what, and what is said of it.
        const CASES: &[(&str, &str, &str, &[&str])] = &[$((stringify!($name), $from, $to, &[$($message),*])),*];
    };
}

include!("../../dsmil-gate/tests/malformed_cases.in");

/// The rule that the cases start from.
const RULE: &str = r#"version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
on_fail = "hold"
on_no_data = "hold"
"#;

#[test]
fn every_kind_of_mistake_is_told_with_file_line_and_key() {
    let place = Place::new();
    let mut expected = 0;
    let mut arguments = vec!["gate".to_owned(), "lint".to_owned()];
    for (name, from, to, messages) in CASES {
        let text = match *from {
            "*" => (*to).to_owned(),
            "" => format!("{RULE}{to}\n"),
            from => RULE.replacen(from, to, 1),
        };
        place.write(&format!("{name}.toml"), &text);
        arguments.push(place.text(&format!("{name}.toml")));
        expected += messages.iter().filter(|message| **message != "accepted").count();
    }
    assert!(CASES.len() >= 70);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (status, report) = place.json(&arguments);
    assert_eq!((status, report["errors"].as_u64()), (1, Some(expected as u64)), "{report}");
    let said = place.run(&arguments).expect(1).out;
    for ((name, _, _, messages), file) in CASES.iter().zip(report["files"].as_array().unwrap()) {
        let errors: Vec<&Value> = file["found"].as_array().unwrap().iter().filter(|found| found["severity"] == "error").collect();
        let wanted: Vec<&&str> = messages.iter().filter(|message| **message != "accepted").collect();
        assert_eq!(errors.len(), wanted.len(), "{name}: {file}");
        for (error, message) in errors.iter().zip(wanted) {
            let place_of = match (&error["line"], &error["column"]) {
                (Value::Null, _) => String::new(),
                (line, column) => format!(", line {line}, column {column}"),
            };
            let key = error["key"].as_str().map(|key| format!(", {key}")).unwrap_or_default();
            let words = |key: &str| error[key].as_str().unwrap().to_owned();
            assert_eq!(format!("{place_of}{key}: {}; {}", words("what"), words("remedy")), **message, "{name}");
            let line = format!("error: gate file {}{message}", place.text(&format!("{name}.toml")));
            assert!(said.contains(&line), "{name}: {line}\n{said}");
        }
        // What is wrong is not evaluated.
        if !errors.is_empty() && name.len() % 4 == 0 {
            let ran = place.run(&["gate", "check", &place.text(&format!("{name}.toml")), "--metrics", "/dev/null"]).expect(1);
            assert!(ran.err.contains(messages[0]) && ran.out.is_empty(), "{name}: {ran:?}");
        }
    }
}
