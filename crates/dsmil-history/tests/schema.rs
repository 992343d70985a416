//! The published schema is the one that the crate yields, and a line that is written fits it.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::{env, fs};

use dsmil_history::HealthRecord;
use serde_json::Value;

/// With `DSMIL_BLESS=1` the file is written anew.
#[test]
fn the_published_schema_is_the_generated_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/health_log.schema.json");
    let generated = serde_json::to_string_pretty(&HealthRecord::schema()).unwrap() + "\n";
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, generated, "run the test with DSMIL_BLESS=1 and commit schemas/health_log.schema.json");
}

#[test]
fn a_line_has_the_keys_of_the_schema_and_each_is_described() {
    let schema = HealthRecord::schema();
    let line = serde_json::to_value(HealthRecord { note: Some(String::new()), ..HealthRecord::default() }).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let sorted = |value: &Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(&line), sorted(&schema["properties"]));
    for (name, property) in properties {
        assert!(property["description"].is_string() || property["$ref"].is_string(), "{name}");
    }
    let required: Vec<&str> = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for name in ["timestamp", "kernel_module", "device_node", "chunked_ioctl", "deployment_id", "verdicts", "metrics"] {
        assert!(required.contains(&name), "{name} is in every line: {required:?}");
    }
    let verdicts: Vec<Value> = schema["$defs"]["VerdictName"]["enum"].as_array().unwrap().clone();
    let all = [dsmil_gate::Verdict::Go, dsmil_gate::Verdict::Hold, dsmil_gate::Verdict::NoGo, dsmil_gate::Verdict::RollBack];
    assert_eq!(verdicts, all.map(|verdict| serde_json::to_value(verdict).unwrap()));
}
