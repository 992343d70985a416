//! Held against Prometheus: random rules and random series through this crate and through Debian's `promtool`, the
//! states of all alerts compared exactly. Prometheus 2.42 has `for` and `keep_firing_for`; hysteresis is exported as an
//! expression over the alert's own state and so is compared too.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod common;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{Limits, MINUTE, RandomRule, RandomSeries, Rng, STALE, random_rule, random_series, rule_toml};
use dsmil_gate::{Engine, GateFile, Phase, Samples};

const FILES: u64 = 16;
const TESTS: u64 = 8;
const RULES: usize = 20;
const STEPS: i64 = 45;

fn rules(rng: &mut Rng) -> Vec<RandomRule> {
    let limits = Limits { hysteresis: true, staleness: false };
    let mut rules: Vec<RandomRule> = (0..RULES).map(|index| random_rule(rng, format!("r{index}"), &limits)).collect();
    for rule in &mut rules {
        // Where several series are asked for, one that falls silent is missing evidence here and not in Prometheus.
        rule.no_data_fails &= rule.labels.iter().any(|(name, _)| name == "host");
    }
    rules
}

fn notation(series: &RandomSeries, interval: i64) -> String {
    let mut words = Vec::new();
    let mut next = 0;
    for (at, value) in &series.samples {
        words.resize((at / interval) as usize, "_".to_owned());
        next = next.max(at + interval);
        words.push(match *value {
            stale if stale.to_bits() == STALE.to_bits() => "stale".to_owned(),
            f64::INFINITY => "Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            value => format!("{value}"),
        });
    }
    if words.is_empty() { "_".to_owned() } else { words.join(" ") }
}

fn series_name(series: &RandomSeries) -> String {
    let labels: Vec<String> = series.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}{{{}}}", series.metric, labels.join(","))
}

/// The alerts that the engine has, in the words of Prometheus: labels and since when in seconds.
fn alerts(engine: &mut Engine, samples: &Samples, now: i64) -> Vec<(String, String, i64)> {
    let evaluation = engine.evaluate(samples, now);
    let state = engine.save();
    let state = serde_json::to_value(&state).unwrap();
    let mut alerts = Vec::new();
    for (index, rule) in engine.file().rules().iter().enumerate() {
        let on_fail = serde_json::to_value(rule.on_fail).unwrap();
        let on_fail = on_fail.as_str().unwrap();
        let mut add = |name: &str, labels: &dsmil_gate::Labels, phase: Phase, since: i64| {
            if phase != Phase::Inactive {
                let mut text = format!("alertname={name:?},severity=\"warning\",on_fail={on_fail:?}");
                labels.iter().for_each(|(name, value)| write!(text, ",{name}={value:?}").unwrap());
                alerts.push((text, phase.to_string(), since / 1000));
            }
        };
        for series in &evaluation.rules[index].series {
            add(&rule.name, &series.labels, series.state, series.since);
        }
        let machine: dsmil_gate::Machine = serde_json::from_value(state["rules"][index]["no_data"].clone()).unwrap();
        let present = rule.labels.iter().filter(|(_, value)| !value.is_empty()).collect();
        match rule.on_no_data {
            None => add(&rule.name, &present, machine.phase, machine.since),
            Some(dsmil_gate::OnNoData::Fail) => {
                add(&format!("{}:no_data", rule.name), &dsmil_gate::Labels::default(), machine.phase, machine.since);
            }
            Some(dsmil_gate::OnNoData::Hold) => {}
        }
    }
    alerts
}

/// One test of promtool; how many states it compares.
fn write_test(yaml: &mut String, rng: &mut Rng, file: &GateFile, pace: i64) -> (usize, usize) {
    let interval = rng.pick(&[MINUTE, MINUTE, 45_000]);
    let all = random_series(rng, interval, STEPS as usize);
    let mut samples = Samples::new();
    write!(yaml, "- interval: {}s\n  input_series:\n", interval / 1000).unwrap();
    for series in &all {
        let id = samples.series(&series.metric, &series.labels.iter().cloned().collect());
        series.samples.iter().for_each(|(at, value)| _ = samples.push(id, *at, *value));
        writeln!(yaml, "  - series: '{}'\n    values: '{}'", series_name(series), notation(series, interval)).unwrap();
    }
    yaml.push_str("  promql_expr_test:\n");
    let mut engine = Engine::new(file.clone());
    let (mut compared, mut active) = (0, 0);
    for step in 0..STEPS {
        let now = step * pace;
        let alerts = alerts(&mut engine, &samples, now);
        if rng.chance(60) {
            continue;
        }
        let expr = |yaml: &mut String, expr: &str| {
            writeln!(
                yaml,
                "  - expr: {expr}\n    eval_time: {}s\n    exp_samples:{}",
                now / 1000,
                if alerts.is_empty() { " []" } else { "" }
            )
            .unwrap();
        };
        expr(yaml, "ALERTS");
        for (labels, phase, _) in &alerts {
            writeln!(yaml, "    - labels: 'ALERTS{{{labels},alertstate={phase:?}}}'\n      value: 1").unwrap();
        }
        expr(yaml, "ALERTS_FOR_STATE");
        for (labels, _, since) in &alerts {
            writeln!(yaml, "    - labels: 'ALERTS_FOR_STATE{{{labels}}}'\n      value: {since}").unwrap();
        }
        compared += file.rules().len();
        active += alerts.len();
    }
    (compared, active)
}

fn start_promtool(files: &[PathBuf]) -> Child {
    // `wait_with_output` reads both pipes; the second process waits at most until the first is done.
    Command::new("promtool").args(["test", "rules"]).args(files).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn prometheus_has_the_same_alerts_at_the_same_times() {
    let version = Command::new("promtool").arg("--version").output();
    assert!(version.is_ok(), "promtool is missing: install Debian's package prometheus (apt-get install prometheus)");
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let (mut compared, mut active) = (0, 0);
    for seed in 0..FILES {
        let mut rng = Rng(seed + 1);
        let rules = rules(&mut rng);
        let text = rules.iter().fold("version = 1\n".to_owned(), |text, rule| text + &rule_toml(rule));
        let file = GateFile::parse(&text, "random.toml").unwrap();
        fs::write(folder.path().join(format!("rules-{seed}.yml")), file.to_prometheus("random").yaml).unwrap();
        let pace = rng.pick(&[MINUTE, 30_000]);
        let mut yaml = format!("rule_files: [rules-{seed}.yml]\nevaluation_interval: {}s\ntests:\n", pace / 1000);
        for _ in 0..TESTS {
            let (more, alive) = write_test(&mut yaml, &mut rng, &file, pace);
            compared += more;
            active += alive;
        }
        let path = folder.path().join(format!("test-{seed}.yml"));
        fs::write(&path, yaml).unwrap();
        files.push(path);
    }
    // Two at a time: one process uses one core.
    let runs: Vec<_> = files.chunks(files.len().div_ceil(2)).map(start_promtool).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            let kept = folder.keep();
            panic!("promtool disagrees, see {}:\n{}", kept.display(), said.chars().take(6000).collect::<String>());
        }
    }
    // Rules times series sets, and what was compared of them; an empty comparison proves nothing.
    assert!(FILES * TESTS * RULES as u64 >= 2500 && compared >= 40_000 && active >= 15_000, "{compared} {active}");
}
