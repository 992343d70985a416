//! What must hold for any rules and any series.

#![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect)]

mod common;

use common::{Limits, MINUTE, RandomSeries, Rng, random_rule, random_series, rule_toml};
use dsmil_gate::{Engine, GateFile, Labels, Samples, State, Verdict};
use proptest::prelude::*;

const LIMITS: Limits = Limits { hysteresis: true, staleness: true };

fn gates(rng: &mut Rng, rules: usize) -> String {
    let mut text = "version = 1\n".to_owned();
    for index in 0..rules {
        text += &rule_toml(&random_rule(rng, format!("r{index}"), &LIMITS));
    }
    let names: Vec<String> = (0..rules).map(|index| format!("\"r{index}\"")).collect();
    let names = names.join(", ");
    text += "[[zone]]\nname = \"z\"\n[[zone.band]]\nname = \"green\"\nverdict = \"go\"\n[[zone.band]]\nname = \"red\"\n";
    text += &format!("verdict = \"no-go\"\nrules = [{names}]\n");
    for (kind, more) in [("all", "zones = [\"z\"]"), ("any", "recheck = \"5m\""), ("score", "threshold = 0.5")] {
        text += &format!("[[gate]]\nname = \"{kind}\"\nkind = \"{kind}\"\nrules = [{names}]\n{more}\n");
    }
    text
}

fn samples(series: &[RandomSeries]) -> Samples {
    let mut samples = Samples::new();
    for series in series {
        let labels: Labels = series.labels.iter().cloned().collect();
        series.samples.iter().for_each(|(at, value)| _ = samples.record(&series.metric, &labels, *at, *value));
    }
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_restart_at_any_point_changes_nothing(seed: u64, stop in 0usize..40) {
        let mut rng = Rng(seed);
        let file = GateFile::parse(&gates(&mut rng, 5), "random.toml").unwrap();
        let samples = samples(&random_series(&mut rng, MINUTE, 50));
        let mut whole = Engine::new(file.clone());
        let mut parts = Engine::new(file.clone());
        for step in 0..45 {
            // The clock goes back once, too.
            let now = if step < 30 { step * MINUTE } else { (step - 7) * MINUTE };
            prop_assert_eq!(whole.evaluate(&samples, now).to_json(), parts.evaluate(&samples, now).to_json());
            if step >= i64::try_from(stop).unwrap() {
                let written = serde_json::to_string(&parts.save()).unwrap();
                let read: State = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(&read, &parts.save());
                parts = Engine::new(file.clone());
                parts.restore(&read).unwrap();
            }
        }
    }

    #[test]
    fn the_same_samples_give_the_same_bytes_in_any_order_of_arrival(seed: u64) {
        let mut rng = Rng(seed);
        let file = GateFile::parse(&gates(&mut rng, 4), "random.toml").unwrap();
        let mut series = random_series(&mut rng, MINUTE, 40);
        let first = samples(&series);
        // Series and samples arrive in another order.
        series.reverse();
        for series in &mut series {
            for index in (1..series.samples.len()).rev() {
                let other = usize::try_from(rng.below(index as u64 + 1)).unwrap();
                series.samples.swap(index, other);
            }
        }
        let second = samples(&series);
        let (mut a, mut b) = (Engine::new(file.clone()), Engine::new(file));
        for now in (0..40).map(|step| step * MINUTE) {
            let (a, b) = (a.evaluate(&first, now), b.evaluate(&second, now));
            prop_assert_eq!(a.to_json(), b.to_json());
            prop_assert_eq!(a.to_string(), b.to_string());
        }
    }

    #[test]
    fn a_worse_answer_never_makes_a_better_verdict(seed: u64) {
        // The same rules, of which some ask for more when they fail.
        let mut rng = Rng(seed);
        let mild = gates(&mut rng, 5);
        let harsher = |word: &str, worse: &str| mild.replace(&format!("on_fail = {word:?}"), &format!("on_fail = {worse:?}"));
        let harsh = match rng.below(3) {
            0 => harsher("hold", "no-go"),
            1 => harsher("no-go", "roll-back"),
            _ => mild.replace("escalate", "roll-back"),
        };
        let samples = samples(&random_series(&mut rng, MINUTE, 40));
        let mut mild = Engine::new(GateFile::parse(&mild, "mild.toml").unwrap());
        let mut harsh = Engine::new(GateFile::parse(&harsh, "harsh.toml").unwrap());
        for now in (0..40).map(|step| step * MINUTE) {
            let mild: Vec<Verdict> = mild.advance(&samples, now).iter().map(|outcome| outcome.verdict).collect();
            for (mild, harsh) in mild.iter().zip(harsh.advance(&samples, now)) {
                prop_assert!(harsh.verdict >= *mild);
            }
        }
    }

    #[test]
    fn what_is_taken_away_never_opens_a_gate_that_demands_all(seed: u64) {
        let mut rng = Rng(seed);
        // Without `for` and memory, so that a verdict is a matter of this moment's evidence alone.
        let text: String = gates(&mut rng, 3).lines()
            .filter(|line| !line.starts_with("for") && !line.starts_with("keep") && !line.starts_with("clear"))
            .map(|line| format!("{line}\n")).collect();
        let file = GateFile::parse(&text, "random.toml").unwrap();
        let series = random_series(&mut rng, MINUTE, 30);
        let full = samples(&series);
        let now = 29 * MINUTE;
        let blocked = Engine::new(file.clone()).evaluate(&full, now).gates[0].verdict > Verdict::Go;
        // Every series falls silent long ago, one by one.
        let metric = &series.first().map_or("load", |series| series.metric.as_str()).to_owned();
        let silent: Vec<RandomSeries> = series.into_iter().filter(|series| &series.metric != metric).collect();
        let verdict = Engine::new(file.clone()).evaluate(&samples(&silent), now).gates[0].verdict;
        let demanded = file.rules().iter().any(|rule| &rule.metric == metric);
        prop_assert!(!demanded || verdict > Verdict::Go);
        prop_assert!(demanded || (verdict > Verdict::Go) == blocked);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}|(\\[\\[(rule|gate|zone)\\]\\]\n|[a-z_]{1,9} = (1|\"[a-z0-9<>. ]{0,6}\"|\\[\"a\"\\])\n|version = 1\n){0,12}") {
        _ = GateFile::parse(&text, "any.toml");
    }
}
