//! The published schema is the one that the crate yields, and it has the keys that the reader knows.

#![allow(clippy::unwrap_used)]

mod common;

use std::{env, fs};

use dsmil_plan::Plan;
use serde_json::Value;

/// With `DSMIL_BLESS=1` the file is written anew.
#[test]
fn the_published_schema_is_the_generated_one() {
    let path = common::root().join("schemas/plan.schema.json");
    let generated = serde_json::to_string_pretty(&Plan::schema()).unwrap() + "\n";
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, generated, "run the test with DSMIL_BLESS=1 and commit schemas/plan.schema.json");
}

/// The keys that the reader names when it meets one that it doesn't know.
fn known_to_the_reader(table: &str) -> Vec<String> {
    let text = format!("version = 1\n{table}\nqqqqqqqqqqqqqqqqqq = 1\n");
    let error = common::parse(&text).unwrap_err();
    let fault = error.faults.iter().find(|fault| fault.what.contains("qqqqqqqqqqqqqqqqqq")).unwrap();
    let list = fault.remedy.strip_prefix("remove it; known here are ").unwrap();
    let mut keys: Vec<String> = list.split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

fn in_the_schema(object: &Value) -> Vec<String> {
    assert_eq!(object["additionalProperties"], false, "{object}");
    let properties = object["properties"].as_object().unwrap();
    for (name, property) in properties {
        assert!(property["description"].is_string(), "{name}");
    }
    let mut keys: Vec<String> = properties.keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema = Plan::schema();
    assert_eq!(in_the_schema(&schema), known_to_the_reader(""));
    for (name, table) in [
        ("Worker", "[[worker]]"),
        ("Stage", "[[stage]]"),
        ("Phase", "[[phase]]"),
        ("Pipeline", "[[pipeline]]"),
        ("Trigger", "[[trigger]]"),
        ("Condition", "[[trigger]]\n[trigger.if]"),
        ("Breaker", "[[breaker]]"),
        ("Population", "[[population]]"),
        ("Escalation", "[[escalation]]"),
        ("Level", "[[escalation]]\n[[escalation.level]]"),
        ("Rollback", "[[rollback]]"),
        ("VerdictOf", "[[rollback]]\n[rollback.on.verdict]"),
        ("Report", "[[report]]"),
        ("Limits", "[limits]"),
        ("Store", "[store]"),
        ("Hooks", "[hooks]"),
        ("Hook", "[[hooks.before]]"),
        ("Approval", "[[worker]]\n[worker.approval]"),
        ("Help", "[[worker]]\n[worker.helps]"),
        ("Devices", "[devices]"),
        ("SimulationTable", "[simulation]"),
        ("GateOdds", "[simulation.gates.g]"),
        ("StepOdds", "[simulation.workers.w]"),
    ] {
        if name == "Pipeline" {
            // Without a name the reader looks no further.
            assert_eq!(in_the_schema(&schema["$defs"][name]), known_to_the_reader("[[pipeline]]\nname = \"x\""), "{name}");
            continue;
        }
        let table = table.replace("[[stage]]", "[[stage]]\nname = \"x\"").replace("[[phase]]", "[[phase]]\nname = \"x\"");
        let table = table.replace("[[breaker]]", "[[breaker]]\nname = \"x\"").replace("[[report]]", "[[report]]\nname = \"x\"");
        assert_eq!(in_the_schema(&schema["$defs"][name]), known_to_the_reader(&table), "{name}");
    }
}
