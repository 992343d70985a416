//! Random rules and series, for the tests that hold the engine against something else.

#![allow(dead_code, clippy::unwrap_used, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use std::fmt::Write;

/// SplitMix64: small, and the same on every machine.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `below` - 1.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }
}

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A rule as the tests know it: nothing of the crate's own types.
#[derive(Clone, Debug)]
pub(crate) struct RandomRule {
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) function: &'static str,
    pub(crate) quantile: f64,
    pub(crate) window: Option<i64>,
    pub(crate) require: bool,
    /// `..` stands for a range.
    pub(crate) op: &'static str,
    pub(crate) bound: f64,
    pub(crate) high: f64,
    pub(crate) hold: i64,
    pub(crate) keep: i64,
    pub(crate) clear: Option<f64>,
    pub(crate) on_fail: &'static str,
    pub(crate) no_data_fails: bool,
    pub(crate) weight: f64,
    pub(crate) staleness: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct RandomSeries {
    pub(crate) metric: String,
    pub(crate) labels: Vec<(String, String)>,
    /// Ordered by time.
    pub(crate) samples: Vec<(i64, f64)>,
}

pub(crate) struct Limits {
    pub(crate) hysteresis: bool,
    pub(crate) staleness: bool,
}

const METRICS: [&str; 3] = ["load", "errors_total", "temperature"];

pub(crate) fn random_rule(rng: &mut Rng, name: String, limits: &Limits) -> RandomRule {
    let function = rng.pick(&["last", "last", "last", "avg", "min", "max", "quantile", "rate", "increase", "absent"]);
    let needs_window = !matches!(function, "last" | "absent");
    let window = (needs_window || rng.chance(20)).then(|| rng.pick(&[90_000, 2 * MINUTE, 5 * MINUTE, 7 * MINUTE, 10 * MINUTE]));
    let op = rng.pick(&["<", "<=", ">", ">=", "<", ">", "==", "!=", ".."]);
    // Off the grid where rounding could decide, on it where it can't.
    let exact = matches!(function, "last" | "min" | "max");
    let mut bound = rng.between(-3, 12) as f64 + if exact { 0.0 } else { 0.123_457 };
    if function == "rate" {
        bound /= 100.0;
    }
    let high = bound + rng.between(0, 5) as f64;
    let require = rng.chance(40);
    let directed = !matches!(op, "==" | "!=" | "..") && function != "absent";
    let clear = (limits.hysteresis && directed && rng.chance(40)).then(|| {
        let upwards = op.starts_with('>') != require;
        bound + if upwards { -1.0 } else { 1.0 } * rng.between(0, 4) as f64
    });
    RandomRule {
        name,
        metric: rng.pick(&METRICS).to_owned(),
        labels: rng
            .pick(&[vec![], vec![], vec![("host", "a")], vec![("host", "b"), ("disk", "x")], vec![("disk", "")]])
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        function,
        quantile: rng.pick(&[0.0, 0.25, 0.5, 0.9, 0.95, 1.0]),
        window,
        require,
        op,
        bound,
        high,
        hold: rng.pick(&[0, 0, MINUTE, 2 * MINUTE, 5 * MINUTE, 90_000]),
        keep: rng.pick(&[0, 0, 0, MINUTE, 3 * MINUTE, 150_000]),
        clear,
        on_fail: rng.pick(&["hold", "no-go", "roll-back", "escalate"]),
        no_data_fails: rng.chance(50),
        weight: rng.between(1, 4) as f64,
        staleness: if limits.staleness && window.is_none() && rng.chance(30) { rng.pick(&[MINUTE, 150_000]) } else { 5 * MINUTE },
    }
}

pub(crate) fn random_values(rng: &mut Rng, count: usize, counter: bool) -> Vec<Option<f64>> {
    let (mut value, mut gap) = (rng.between(-2, 10), 0);
    (0..count)
        .map(|_| {
            if gap > 0 {
                gap -= 1;
                return None;
            }
            match rng.below(100) {
                0..3 => return Some(STALE),
                3..5 => return Some(f64::NAN),
                5 => return Some(rng.pick(&[f64::INFINITY, f64::NEG_INFINITY])),
                6..12 => {
                    gap = rng.below(9);
                    return None;
                }
                12..17 => value = rng.between(0, 2),
                _ if counter => value += rng.between(0, 3),
                _ => value = (value + rng.between(-3, 3)).clamp(-6, 16),
            }
            Some(value as f64)
        })
        .collect()
}

pub(crate) fn random_series(rng: &mut Rng, interval: i64, count: usize) -> Vec<RandomSeries> {
    let all = [vec![], vec![("host", "a")], vec![("host", "b")], vec![("host", "b"), ("disk", "x")]];
    let mut series = Vec::new();
    for metric in METRICS {
        for labels in &all {
            if rng.chance(40) {
                continue;
            }
            let values = random_values(rng, count, metric == "errors_total");
            let samples = values.iter().enumerate().filter_map(|(i, value)| value.map(|value| (i as i64 * interval, value)));
            series.push(RandomSeries {
                metric: metric.to_owned(),
                labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                samples: samples.collect(),
            });
        }
    }
    series
}

/// The rule as the gate file has it.
pub(crate) fn rule_toml(rule: &RandomRule) -> String {
    let mut text = format!("[[rule]]\nname = {:?}\nmetric = {:?}\nfunction = {:?}\n", rule.name, rule.metric, rule.function);
    let labels: Vec<String> = rule.labels.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    writeln!(text, "labels = {{ {} }}", labels.join(", ")).unwrap();
    if rule.function == "quantile" {
        writeln!(text, "quantile = {:?}", rule.quantile).unwrap();
    }
    if let Some(window) = rule.window {
        writeln!(text, "window = \"{window}ms\"").unwrap();
    } else {
        writeln!(text, "staleness = \"{}ms\"", rule.staleness).unwrap();
    }
    if rule.function != "absent" {
        let key = if rule.require { "require" } else { "fail_when" };
        let condition =
            if rule.op == ".." { format!("{}..{}", rule.bound, rule.high) } else { format!("{} {}", rule.op, rule.bound) };
        writeln!(text, "{key} = {condition:?}\non_no_data = {:?}", if rule.no_data_fails { "fail" } else { "hold" }).unwrap();
    }
    if let Some(clear) = rule.clear {
        writeln!(text, "clear_at = {clear:?}").unwrap();
    }
    writeln!(text, "for = \"{}ms\"\nkeep_firing_for = \"{}ms\"", rule.hold, rule.keep).unwrap();
    writeln!(text, "on_fail = {:?}\nweight = {:?}\n", rule.on_fail, rule.weight).unwrap();
    text
}
