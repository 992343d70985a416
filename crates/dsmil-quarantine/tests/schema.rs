//! The published schema is the one that the reader's own structures yield.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::{env, fs};

use dsmil_quarantine::Policy;
use serde_json::json;

/// With `DSMIL_BLESS=1` the file is written anew.
#[test]
fn the_published_schema_is_the_generated_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/policy.schema.json");
    let generated = serde_json::to_string_pretty(&Policy::schema()).unwrap() + "\n";
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, generated, "run the test with DSMIL_BLESS=1 and commit schemas/policy.schema.json");
}

#[test]
fn the_schema_says_what_the_reader_demands() {
    let schema = Policy::schema();
    assert_eq!(schema["required"], json!(["version"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["version"]["const"], json!(1));
    let deny = &schema["$defs"]["Deny"];
    assert_eq!(deny["required"], json!(["reason"]));
    assert_eq!(deny["additionalProperties"], json!(false));
    for id in ["id", "first", "last"] {
        let id = &deny["properties"][id];
        assert_eq!((&id["type"], &id["minimum"], &id["maximum"]), (&json!("integer"), &json!(0), &json!(0xFFFF)));
    }
    for (name, property) in deny["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name}");
    }
}
