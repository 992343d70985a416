//! The published schema of the configuration is the one that the crate yields, and the example is a configuration.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::{env, fs};

use dsmil_monitor::MonitorConfig;

fn of_the_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// With `DSMIL_BLESS=1` the file is written anew.
#[test]
fn the_published_schema_is_the_generated_one() {
    let path = of_the_repository("schemas/monitor.schema.json");
    let generated = serde_json::to_string_pretty(&MonitorConfig::schema()).unwrap() + "\n";
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, generated, "run the test with DSMIL_BLESS=1 and commit schemas/monitor.schema.json");
}

#[test]
fn the_example_is_a_configuration_with_gates_that_go_together() {
    let path = of_the_repository("examples/monitor/monitor.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mut config = MonitorConfig::parse(&text, "monitor.toml").unwrap();
    assert_eq!(config.gates.len(), 2);
    for gate in &mut config.gates {
        *gate = path.parent().unwrap().join(&*gate);
    }
    assert_eq!(config.read_gates().unwrap().len(), 2);
    assert!(config.serve.is_some() && config.receivers.len() == 2);
}
