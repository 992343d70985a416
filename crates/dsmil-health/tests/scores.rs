//! The formula, the form of a score, what can be configured, and checks that others add.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod common;

use std::path::Path;

use common::{Fixture, NOW, expect, labels, one, sample, samples, well};
use dsmil_gate::{Labels, Samples};
use dsmil_health::{
    BaselineConfig, Check, CheckFn, CheckResult, Checks, Context, FORMULA, Found, HealthError, Kind, Score, ScoresConfig, Source,
};
use proptest::prelude::*;

fn result(name: &str, weight: f64, found: Found) -> CheckResult {
    CheckResult::new(&Check::new(name, Kind::Health, weight), found, NOW, 0.5)
}

fn score(parts: &[(f64, f64)]) -> Score {
    let of = |(weight, share): &(f64, f64)| result("a", *weight, Found::partly(*share, ""));
    Score::new(Kind::Health, parts.iter().map(of).collect(), Vec::new())
}

proptest! {
    #[test]
    fn a_score_is_the_formula_within_its_bounds(parts in prop::collection::vec((0.001f64..1000.0, 0.0f64..=1.0), 1..30)) {
        let all: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let plain = 100.0 * parts.iter().map(|(weight, share)| weight * share).sum::<f64>() / all;
        let value = score(&parts).value;
        prop_assert!((0.0..=100.0).contains(&value));
        prop_assert!((value - plain).abs() < 1e-9);
        let full: Vec<_> = parts.iter().map(|(weight, _)| (*weight, 1.0)).collect();
        prop_assert!((100.0 - score(&full).value).abs() < f64::EPSILON, "all is well: exactly 100");
    }

    #[test]
    fn a_larger_share_never_makes_a_smaller_score(
        parts in prop::collection::vec((0.001f64..1000.0, 0.0f64..=1.0), 1..30),
        at in any::<prop::sample::Index>(),
        more in 0.0f64..=1.0,
    ) {
        let mut better = parts.clone();
        let part = at.index(parts.len());
        better[part].1 = parts[part].1.max(more);
        prop_assert!(score(&better).value >= score(&parts).value);
    }

    #[test]
    fn a_share_is_from_0_to_1_whatever_is_said(share in any::<f64>()) {
        let found = Found::partly(share, "");
        prop_assert!((0.0..=1.0).contains(&found.share()));
        prop_assert_eq!(found.outcome().name() == "passed", found.share() >= 1.0);
    }
}

#[test]
fn a_score_without_checks_is_0() {
    let empty = score(&[]);
    assert!(empty.value.abs() < f64::EPSILON && !empty.is_full());
    let config = || {
        let all = Checks::new(ScoresConfig::default()).unwrap().list().map(|check| check.name.clone()).collect();
        ScoresConfig { disabled: all, ..ScoresConfig::default() }
    };
    let samples = Samples::new();
    let scores = Checks::new(config()).unwrap().run(&Context::new(&samples, "/nonexistent"), NOW);
    assert!(scores.security.value.abs() < f64::EPSILON && !scores.security.is_full());
    assert_eq!(scores.security.disabled.len(), 9);
}

fn example() -> Score {
    let external = Check { source: Source::External, ..Check::new("external-audit", Kind::Health, 2.0) };
    let found = Found::partly(0.75, "3 of 4").with("devices", 4).with("bad", f64::NAN).with("down", vec!["0x8001".to_owned()]);
    let checks = vec![
        result("devices-answer", 3.0, found),
        result("cpu-headroom", 1.0, Found::passed("free enough")),
        result("thermal-headroom", 2.0, Found::could_not_run("nothing was observed")),
        CheckResult::new(&external, Found::partly(0.873, "attested by others"), NOW, 0.0),
    ];
    Score::new(Kind::Health, checks, vec!["memory-headroom".to_owned()])
}

#[test]
fn the_form_of_a_score_is_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/score.json");
    let text = serde_json::to_string_pretty(&example()).unwrap() + "\n";
    if std::env::var_os("DSMIL_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap());
    assert_eq!(example().to_json(), serde_json::from_str::<serde_json::Value>(&text).unwrap());
}

#[test]
fn a_score_reads_as_text() {
    let expected = format!(
        "health 62.4 of 100 = {FORMULA}\n\
         without external attestations: 54.1\n\
         failed devices-answer (share 0.75, weight 3): 3 of 4\n\
         passed cpu-headroom (share 1.00, weight 1): free enough\n\
         could-not-run thermal-headroom (share 0.00, weight 2): nothing was observed\n\
         failed external-audit [external] (share 0.87, weight 2): attested by others\n\
         disabled memory-headroom: it counts for nothing\n"
    );
    assert_eq!(example().to_string(), expected);
}

#[test]
fn the_page_on_scores_names_every_check_with_its_weight_and_its_examples_work() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scores.md")).unwrap();
    let blocks: Vec<_> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [scores, baselines] = blocks.as_slice() else { panic!("{} examples", blocks.len()) };
    let tables = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    Checks::new(tables(scores)["scores"].clone().try_into().unwrap()).unwrap();
    let config: BaselineConfig = tables(baselines)["baselines"].clone().try_into().unwrap();
    assert_eq!(config, BaselineConfig::default(), "the example shows what is used if nothing is written");
    let checks = Checks::new(ScoresConfig::default()).unwrap();
    for check in checks.list() {
        let row = format!("| `{}` | {} |", check.name, check.weight);
        assert!(page.contains(&row), "docs/scores.md has no row that begins with {row}");
    }
    for kind in [Kind::Health, Kind::Security] {
        let all: f64 = checks.list().filter(|check| check.kind == kind).map(|check| check.weight).sum();
        assert!(page.contains(&format!("The weights of {kind} add up to {all}.")), "{kind}: {all}");
    }
}

#[test]
fn nothing_is_shown_better_than_it_is() {
    for (share, shown, value) in
        [(0.9999, "share 0.99,", "health 99.9 "), (0.29, "share 0.29,", "health 29.0 "), (1.0, "share 1.00,", "health 100.0 ")]
    {
        let text = score(&[(1.0, share)]).to_string();
        assert!(text.contains(shown) && text.starts_with(value), "{text}");
    }
}

#[test]
fn scores_become_measurements() {
    let fixture = Fixture::new();
    let measured = fixture.run().measurements(NOW);
    let value = |metric: &str, labels: &Labels| {
        let found = measured.iter().find(|one| one.metric == metric && one.labels == *labels);
        found.unwrap_or_else(|| panic!("{metric}{labels}")).value
    };
    assert!((value("health_score", &Labels::default()) - 100.0).abs() < f64::EPSILON);
    assert!((value("security_score", &Labels::default()) - 100.0).abs() < f64::EPSILON);
    assert!((value("check_passed", &labels(&[("check", "audit-chain")])) - 1.0).abs() < f64::EPSILON);
    assert_eq!(measured.len(), 2 + 19);
    assert!(measured.iter().all(|one| one.at == NOW));
}

fn config(json: &str) -> ScoresConfig {
    serde_json::from_str(json).unwrap()
}

#[test]
fn weights_count_and_what_is_disabled_is_named() {
    let fixture = Fixture::new();
    let samples = common::well_without("cpu_percent");
    let run = |json: &str| Checks::new(config(json)).unwrap().run(&fixture.context(&samples), NOW).health;
    let weights: f64 = run("{}").checks.iter().map(|check| check.weight).sum();
    assert!((run("{}").value - 100.0 * (weights - 1.0) / weights).abs() < 1e-9);
    let heavy = run(r#"{"weights": {"cpu-headroom": 16}}"#);
    assert!((heavy.value - 100.0 * (weights - 1.0) / (weights + 15.0)).abs() < 1e-9);
    let without = run(r#"{"disabled": ["cpu-headroom"]}"#);
    assert!((without.value - 100.0).abs() < f64::EPSILON && without.check("cpu-headroom").is_none());
    assert!(without.to_string().contains("disabled cpu-headroom: it counts for nothing"));
    assert_eq!(without.to_json()["disabled"][0], "cpu-headroom");
}

#[test]
fn what_can_not_be_configured_is_named() {
    for (json, kind, says) in [
        (r#"{"weights": {"cpu-headroom": 0}}"#, "config", "scores.weights.cpu-headroom: the weight 0 is not over 0"),
        (r#"{"weights": {"cpu-headroom": 0}}"#, "config", "put its name into scores.disabled"),
        (r#"{"weights": {"cpu-headroom": -1}}"#, "config", "the weight -1"),
        (r#"{"weights": {"cpu-headroom": 1e9}}"#, "config", "at most 1000"),
        (r#"{"weights": {"cpu-headrom": 1}}"#, "unknown-check", "no check \"cpu-headrom\"; the checks are audit-chain, "),
        (r#"{"disabled": ["audit"]}"#, "unknown-check", "scores.disabled: there is no check \"audit\""),
        (r#"{"look_back": "0s"}"#, "config", "scores.look_back"),
        (r#"{"audit_full_every": "0s"}"#, "config", "scores.audit_full_every"),
        (r#"{"audit_read_bytes": 0}"#, "config", "scores.audit_read_bytes"),
        (r#"{"latency_ms": 0}"#, "config", "scores.latency_ms"),
        (r#"{"error_percent": {"full": 10, "none": 5}}"#, "config", "scores.error_percent: full = 10 is not below none = 5"),
        (r#"{"temperature_celsius": {"full": 5, "none": 5}}"#, "config", "scores.temperature_celsius"),
        (r#"{"cpu_headroom_percent": 100}"#, "config", "scores.cpu_headroom_percent"),
        (r#"{"memory_headroom_percent": 0}"#, "config", "scores.memory_headroom_percent"),
        (r#"{"disks": [{"labels": {}, "min_free_bytes": 0}]}"#, "config", "scores.disks[0].min_free_bytes"),
        (r#"{"files": [{"path": "keys"}]}"#, "config", "scores.files[0].path: keys is no absolute path"),
        (r#"{"files": [{"path": "/k", "owner": "no such user"}]}"#, "config", "there is no user \"no such user\""),
        (r#"{"attestations": [{"name": "a", "metric": ""}]}"#, "config", "scores.attestations[0].metric"),
        (r#"{"attestations": [{"name": "a", "metric": "m", "weight": 0}]}"#, "config", "scores.attestations[0].weight"),
        (r#"{"attestations": [{"name": "a", "metric": "m", "full": 0}]}"#, "config", "scores.attestations[0].full"),
        (r#"{"attestations": [{"name": "A!", "metric": "m"}]}"#, "config", "check \"external-A!\""),
        (
            r#"{"attestations": [{"name": "a", "metric": "m"}, {"name": "a", "metric": "n"}]}"#,
            "duplicate-check",
            "\"external-a\" was registered twice",
        ),
    ] {
        let error = Checks::new(config(json)).unwrap_err();
        assert_eq!(error.kind(), kind, "{json}: {error}");
        assert!(error.to_string().contains(says), "{json}: {error}");
    }
    for json in [
        r#"{"weigths": {}}"#,
        r#"{"look_back": 120}"#,
        r#"{"files": [{"path": "/k", "max_mode": "888"}]}"#,
        r#"{"files": [{"path": "/k", "max_mode": "0o600"}]}"#,
        r#"{"files": [{"path": "/k", "file_type": "socket"}]}"#,
    ] {
        assert!(serde_json::from_str::<ScoresConfig>(json).is_err(), "{json}");
    }
}

/// A check that somebody adds.
struct Added {
    name: &'static str,
    weight: f64,
    run: fn() -> Found,
}

impl CheckFn for Added {
    fn check(&self) -> Check {
        Check::new(self.name, Kind::Security, self.weight)
    }

    fn run(&mut self, _context: &Context<'_>, _now: i64) -> Found {
        (self.run)()
    }
}

fn added(name: &'static str, run: fn() -> Found) -> Box<dyn CheckFn> {
    Box::new(Added { name, weight: 5.0, run })
}

#[test]
fn others_can_add_checks() {
    let fixture = Fixture::new();
    let samples = samples(&well());
    let builder = Checks::builder(config(r#"{"weights": {"plan-verified": 7}}"#));
    let builder = builder.register(added("plan-verified", || Found::partly(0.5, "one of two plans")));
    let mut checks = builder.register(added("clumsy", || panic!("no plan at all"))).build().unwrap();
    let scores = checks.run(&fixture.context(&samples), NOW);
    let plan = one(&scores, "plan-verified");
    expect(&plan, "failed", 0.5, "one of two plans");
    assert!((plan.weight - 7.0).abs() < f64::EPSILON);
    expect(&one(&scores, "clumsy"), "could-not-run", 0.0, "the check panicked, which is a fault of the program: no plan at all");
    // And again: a panic ends neither the check nor the others.
    assert_eq!(checks.run(&fixture.context(&samples), NOW).security.checks.len(), scores.security.checks.len());
    let twice = Checks::builder(ScoresConfig::default()).register(added("audit-chain", || Found::passed("")));
    assert!(matches!(twice.build(), Err(HealthError::DuplicateCheck { name }) if name == "audit-chain"));
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let light = Box::new(Added { name: "light", weight, run: || Found::passed("") });
        assert_eq!(Checks::builder(ScoresConfig::default()).register(light).build().unwrap_err().kind(), "config");
    }
}

#[test]
fn what_others_attest_counts_as_such_and_not_as_ours() {
    let fixture = Fixture::new();
    let run = |extra: &[dsmil_gate::Measurement], now| {
        let json = r#"{"attestations": [{"name": "approval", "metric": "approval_percent", "labels": {"by": "board"},
                       "weight": 23, "valid_for": "30d"}]}"#;
        let all: Vec<_> = well().into_iter().chain(extra.iter().cloned()).collect();
        let mut checks = Checks::new(config(json)).unwrap();
        checks.run(&fixture.context(&samples(&all)), now)
    };
    let attested = |value| sample("approval_percent", &[("source", "external"), ("by", "board")], NOW, value);
    let scores = run(&[attested(87.3)], NOW);
    let result = one(&scores, "external-approval");
    expect(&result, "failed", 0.873, "attested by others, not measured here");
    assert_eq!(result.source, Source::External);
    let own: f64 = scores.security.checks.iter().map(|check| check.weight).sum::<f64>() - 23.0;
    assert!((scores.security.value - 100.0 * (own + 23.0 * 0.873) / (own + 23.0)).abs() < 1e-9);
    assert!((scores.security.own_value - 100.0).abs() < f64::EPSILON);
    let labelled = scores.measurements(NOW).into_iter().find(|one| one.labels.get("check") == "external-approval").unwrap();
    assert_eq!(labelled.labels.get("source"), "external");
    expect(&one(&run(&[attested(100.0)], NOW + 29 * 86_400_000), "external-approval"), "passed", 1.0, "is 100");
    expect(&one(&run(&[attested(100.0)], NOW + 31 * 86_400_000), "external-approval"), "could-not-run", 0.0, "too old");
    expect(&one(&run(&[], NOW), "external-approval"), "could-not-run", 0.0, "nothing was observed of approval_percent");
    let unlabelled = sample("approval_percent", &[("by", "board")], NOW, 100.0);
    expect(&one(&run(&[unlabelled], NOW), "external-approval"), "could-not-run", 0.0, "nothing was observed");
    let two = [attested(90.0), sample("approval_percent", &[("source", "external"), ("by", "board"), ("x", "y")], NOW, 10.0)];
    expect(&one(&run(&two, NOW), "external-approval"), "could-not-run", 0.0, "2 series fit");
}
