//! A gate file that is changed while its gates are watched: what was not changed goes on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use dsmil_gate::{Engine, GateFile, Labels, Phase, Samples, State};

const BEFORE: &str = r#"
version = 1

[[rule]]
name = "cpu"
metric = "cpu_percent"
fail_when = "> 80"
for = "1m"
on_fail = "hold"
on_no_data = "hold"

[[rule]]
name = "memory"
metric = "memory_percent"
fail_when = "> 80"
on_fail = "hold"
on_no_data = "hold"
"#;

fn watched() -> (Engine, Samples) {
    let mut samples = Samples::new();
    for at in [0, 60_000, 120_000] {
        samples.record("cpu_percent", &Labels::default(), at, 95.0);
        samples.record("memory_percent", &Labels::default(), at, 95.0);
    }
    let mut engine = Engine::new(GateFile::parse(BEFORE, "before.toml").unwrap());
    engine.advance(&samples, 0);
    engine.advance(&samples, 60_000);
    (engine, samples)
}

fn since(engine: &mut Engine, samples: &Samples, rule: &str) -> (Phase, i64) {
    let evaluation = engine.evaluate(samples, 120_000);
    let rule = evaluation.rule(rule).unwrap();
    (rule.state, rule.series[0].since)
}

#[test]
fn a_rule_that_says_the_same_keeps_its_state_and_a_changed_one_begins_anew() {
    let (old, samples) = watched();
    let text = BEFORE.replace("memory_percent\"\nfail_when = \"> 80\"", "memory_percent\"\nfail_when = \"> 81\"");
    assert_ne!(text, BEFORE);
    // Another order and a comment change nothing.
    let (first, second) = text.split_once("\n[[rule]]\nname = \"memory\"").unwrap();
    let text = format!("version = 1\n# moved\n[[rule]]\nname = \"memory\"{second}{}", first.replace("version = 1", ""));
    let mut changed = Engine::new(GateFile::parse(&text, "after.toml").unwrap());
    let state: State = serde_json::from_str(&serde_json::to_string(&old.save()).unwrap()).unwrap();
    assert!(changed.restore(&state).is_err(), "it is another file");
    assert_eq!(changed.adopt(&state).unwrap(), ["memory"]);
    assert_eq!(since(&mut changed, &samples, "cpu"), (Phase::Firing, 0));
    assert_eq!(since(&mut changed, &samples, "memory"), (Phase::Firing, 120_000));
}

#[test]
fn adopting_the_state_of_the_same_file_is_restoring_it() {
    let (old, samples) = watched();
    let file = GateFile::parse(BEFORE, "before.toml").unwrap();
    let (mut restored, mut adopted) = (Engine::new(file.clone()), Engine::new(file));
    restored.restore(&old.save()).unwrap();
    assert_eq!(adopted.adopt(&old.save()).unwrap(), [""; 0]);
    assert_eq!(restored.evaluate(&samples, 120_000).to_json(), adopted.evaluate(&samples, 120_000).to_json());
}

#[test]
fn a_state_that_contradicts_itself_is_refused() {
    let (old, _) = watched();
    let text = serde_json::to_string(&old.save()).unwrap().replace("\"fired_at\":60000", "\"fired_at\":null");
    let state: State = serde_json::from_str(&text).unwrap();
    let mut engine = Engine::new(GateFile::parse(BEFORE, "before.toml").unwrap());
    assert!(engine.adopt(&state).unwrap_err().to_string().contains("its times contradict its state"));
}
