//! A second evaluator, as plain as it can be written, held against the real one on random rules and series.

#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::cast_sign_loss)]

mod common;

use common::{Limits, MINUTE, RandomRule, RandomSeries, Rng, STALE, random_rule, random_series, rule_toml};
use dsmil_gate::{Engine, GateFile, Labels, Samples};

/// One alert: its phase, since when it fails, since when it is only kept.
#[derive(Clone, Copy)]
struct Alert {
    phase: &'static str,
    since: i64,
    kept: Option<i64>,
}

const QUIET: Alert = Alert { phase: "inactive", since: 0, kept: None };

struct Reference {
    rule: RandomRule,
    alerts: Vec<Alert>,
    no_data: Alert,
}

fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

fn visible(series: &RandomSeries, from: i64, now: i64) -> Vec<(i64, f64)> {
    series.samples.iter().copied().filter(|(at, _)| *at >= from && *at <= now).collect()
}

fn value(rule: &RandomRule, series: &RandomSeries, now: i64) -> Option<f64> {
    let Some(window) = rule.window else {
        let (at, value) = *visible(series, i64::MIN, now).last()?;
        return (now - at <= rule.staleness && !is_stale(value)).then_some(value);
    };
    let mut points = visible(series, now - window, now);
    points.retain(|(_, value)| !is_stale(*value));
    let numbers: Vec<f64> = points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
    let last = points.last()?.1;
    Some(match rule.function {
        "last" => last,
        "absent" => 1.0,
        "avg" => points.iter().map(|(_, value)| value).sum::<f64>() / points.len() as f64,
        "min" => numbers.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
        "max" => numbers.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
        "quantile" => {
            let mut sorted = vec![f64::NAN; points.len() - numbers.len()];
            let mut numbers = numbers;
            numbers.sort_by(f64::total_cmp);
            sorted.extend(numbers);
            let rank = rule.quantile * (sorted.len() - 1) as f64;
            let part = rank.fract();
            sorted[rank as usize] * (1.0 - part) + sorted[(rank as usize + 1).min(sorted.len() - 1)] * part
        }
        _ => {
            if points.len() < 2 {
                return None;
            }
            let grown =
                points.windows(2).fold(last - points[0].1, |sum, pair| if pair[1].1 < pair[0].1 { sum + pair[0].1 } else { sum });
            let seen = (points[points.len() - 1].0 - points[0].0) as f64;
            let step = seen / (points.len() - 1) as f64;
            let mut before = (points[0].0 - (now - window)) as f64;
            let after = (now - points[points.len() - 1].0) as f64;
            let zero = seen * (points[0].1 / grown);
            if grown > 0.0 && points[0].1 >= 0.0 && zero < before {
                before = zero;
            }
            let reach = |gap: f64| if gap < step * 1.1 { gap } else { step / 2.0 };
            let increase = grown * (seen + reach(before) + reach(after)) / seen;
            if rule.function == "rate" { increase * 1000.0 / window as f64 } else { increase }
        }
    })
}

fn fails(rule: &RandomRule, value: f64, firing: bool) -> bool {
    let bound = if firing { rule.clear.unwrap_or(rule.bound) } else { rule.bound };
    if value.is_nan() {
        // `!=` is the only comparison that a NaN satisfies; required `==` means that `!=` fails.
        return (rule.op == "!=" && !rule.require) || (rule.op == "==" && rule.require);
    }
    let holds = match rule.op {
        "<" => value < bound,
        "<=" => value <= bound,
        ">" => value > bound,
        ">=" => value >= bound,
        "==" => value == bound,
        "!=" => value != bound,
        _ => value >= rule.bound && value <= rule.high,
    };
    holds != rule.require
}

fn step(alert: Alert, failing: bool, now: i64, rule: &RandomRule) -> Alert {
    if failing {
        let since = if alert.phase == "inactive" { now } else { alert.since };
        let fires = alert.phase == "firing" || now - since >= rule.hold;
        return Alert { phase: if fires { "firing" } else { "pending" }, since, kept: None };
    }
    let kept = alert.kept.unwrap_or(now);
    if alert.phase == "firing" && now - kept < rule.keep {
        return Alert { kept: Some(kept), ..alert };
    }
    QUIET
}

impl Reference {
    /// The rule's verdict as a number from 0 (go) to 3 (roll back), and whether evidence is missing.
    fn step(&mut self, all: &[RandomSeries], now: i64) -> (usize, bool) {
        let rule = &self.rule;
        let mut missing = true;
        let mut doubt = false;
        for (series, alert) in all.iter().zip(&mut self.alerts) {
            let label =
                |name: &str| series.labels.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str());
            if series.metric != rule.metric || rule.labels.iter().any(|(name, value)| label(name) != value) {
                continue;
            }
            let value = value(rule, series, now);
            missing &= value.is_none();
            let ended = visible(series, i64::MIN, now).last().is_some_and(|(_, value)| is_stale(*value));
            doubt |= value.map_or(!ended, f64::is_nan);
            if rule.function != "absent" {
                let failing = value.is_some_and(|value| fails(rule, value, alert.phase == "firing"));
                *alert = step(*alert, failing, now, rule);
            }
        }
        let on_fail = ["hold", "no-go", "roll-back"].iter().position(|word| *word == rule.on_fail).unwrap_or(0) + 1;
        let absent = rule.function == "absent";
        let lacking = missing || (doubt && !absent);
        let mut worst = 0;
        if absent || rule.no_data_fails {
            self.no_data = step(self.no_data, lacking, now, rule);
        } else if lacking {
            worst = 1;
        }
        for alert in self.alerts.iter().chain([&self.no_data]) {
            worst = worst.max(match alert.phase {
                "pending" => 1,
                "firing" => on_fail,
                _ => 0,
            });
        }
        (worst, lacking)
    }
}

fn gate_toml(rules: &[RandomRule], kind: &str, more: &str) -> String {
    let names: Vec<String> = rules.iter().map(|rule| format!("{:?}", rule.name)).collect();
    format!("[[gate]]\nname = \"{kind}\"\nkind = \"{kind}\"\n{more}\nrules = [{}]\n", names.join(", "))
}

fn run(seed: u64) -> usize {
    let mut rng = Rng(seed);
    let limits = Limits { hysteresis: true, staleness: true };
    let rules: Vec<RandomRule> = (0..8).map(|index| random_rule(&mut rng, format!("r{index}"), &limits)).collect();
    let series = random_series(&mut rng, MINUTE, 60);
    let mut text = "version = 1\n".to_owned();
    for rule in &rules {
        text += &rule_toml(rule);
    }
    for (kind, more) in [("all", ""), ("any", ""), ("score", "threshold = 0.6")] {
        text += &gate_toml(&rules, kind, more);
    }
    let mut engine = Engine::new(GateFile::parse(&text, "random.toml").unwrap_or_else(|error| panic!("{error}\n{text}")));
    let mut samples = Samples::new();
    for series in &series {
        let id = samples.series(&series.metric, &series.labels.iter().cloned().collect());
        series.samples.iter().for_each(|(at, value)| _ = samples.push(id, *at, *value));
    }
    let empty = || vec![QUIET; series.len()];
    let mut references: Vec<Reference> =
        rules.iter().map(|rule| Reference { rule: rule.clone(), alerts: empty(), no_data: QUIET }).collect();
    let pace = rng.pick(&[MINUTE, 30_000, 70_000]);
    let times = (0..55).map(|index| index * pace);
    let mut evaluations = 0;
    for now in times {
        let evaluation = engine.evaluate(&samples, now);
        let (mut goes, mut all, mut worst) = (0.0, 0.0, 0);
        for (reference, found) in references.iter_mut().zip(&evaluation.rules) {
            let (verdict, lacking) = reference.step(&series, now);
            let context = || format!("seed {seed}, at {now}: {:?}\n{found:?}", reference.rule);
            assert_eq!(found.verdict as usize, verdict, "{}", context());
            assert_eq!(found.missing, lacking, "{}", context());
            for (series, alert) in
                series.iter().zip(&reference.alerts).filter(|(series, _)| series.metric == reference.rule.metric)
            {
                let labels: Labels = series.labels.iter().cloned().collect();
                let Some(found) = found.series.iter().find(|found| found.labels == labels) else { continue };
                assert_eq!(found.state.to_string(), alert.phase, "{}", context());
                assert!(alert.phase == "inactive" || found.since == alert.since, "{}", context());
                assert_eq!(found.kept_since, alert.kept, "{}", context());
            }
            all += reference.rule.weight;
            goes += if verdict == 0 { reference.rule.weight } else { 0.0 };
            worst = worst.max(verdict);
            evaluations += 1;
        }
        let outvoted = |enough: bool| if enough && worst < 3 { 0 } else { worst };
        let expected = [worst, outvoted(goes > 0.0), outvoted(goes / all + 1e-9 >= 0.6)];
        let found: Vec<usize> = evaluation.gates.iter().map(|gate| gate.verdict as usize).collect();
        assert_eq!(found, expected, "seed {seed}, at {now}");
    }
    evaluations
}

#[test]
fn a_million_evaluations_agree_with_the_reference() {
    let evaluations: usize = (0..2400).map(run).sum();
    assert!(evaluations >= 1_000_000, "{evaluations}");
}
