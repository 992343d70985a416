//! The published schema is the one that the crate yields, and it has the keys that the reader knows.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::{env, fs};

use dsmil_gate::GateFile;
use serde_json::Value;

/// With `DSMIL_BLESS=1` the file is written anew.
#[test]
fn the_published_schema_is_the_generated_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/gate.schema.json");
    let generated = serde_json::to_string_pretty(&GateFile::schema()).unwrap() + "\n";
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, generated, "run the test with DSMIL_BLESS=1 and commit schemas/gate.schema.json");
}

/// The keys that the reader names when it meets one that it doesn't know.
fn known_to_the_reader(table: &str) -> Vec<String> {
    let error = GateFile::parse(&format!("version = 1\n{table}\nqqqqqqqqqqqqqqqqqq = 1\n"), "g.toml").unwrap_err();
    let fault = error.faults.iter().find(|fault| fault.what.contains("qqqqqqqqqqqqqqqqqq")).unwrap();
    let mut keys: Vec<String> =
        fault.remedy.strip_prefix("remove it; known here are ").unwrap().split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

fn in_the_schema(object: &Value) -> Vec<String> {
    assert_eq!(object["additionalProperties"], false);
    let properties = object["properties"].as_object().unwrap();
    for (name, property) in properties {
        assert!(property["description"].is_string() || property["anyOf"].is_array() || property["$ref"].is_string(), "{name}");
    }
    let mut keys: Vec<String> = properties.keys().cloned().collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema = GateFile::schema();
    assert_eq!(in_the_schema(&schema), known_to_the_reader(""));
    for (name, table) in [("Rule", "[[rule]]"), ("Zone", "[[zone]]"), ("Band", "[[zone]]\n[[zone.band]]"), ("Gate", "[[gate]]")] {
        assert_eq!(in_the_schema(&schema["$defs"][name]), known_to_the_reader(table), "{name}");
    }
}
