//! The published form of the configuration has what the reader takes.
#![cfg(feature = "schema")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use dsmil_health::{BaselineConfig, ScoresConfig};

fn keys(schema: &serde_json::Value) -> Vec<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_key_is_in_the_schema_with_a_word_on_it() {
    let scores = schemars::schema_for!(ScoresConfig).to_value();
    let baselines = schemars::schema_for!(BaselineConfig).to_value();
    assert_eq!((keys(&scores).len(), keys(&baselines).len()), (13, 7));
    for schema in [&scores, &baselines] {
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema.get("required").is_none(), "everything has a default");
        for key in keys(schema) {
            assert!(schema["properties"][key]["description"].is_string(), "{key}");
        }
    }
    assert_eq!(scores["$defs"]["FileMode"]["pattern"], "^0?[0-7]{3}$");
    assert_eq!(scores["$defs"]["FileRule"]["required"], serde_json::json!(["path"]));
}
