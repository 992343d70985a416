//! The gate files of `examples/gates` hold what their tests say, and Prometheus takes what is exported from them.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use dsmil_gate::{GateFile, TestFile};

const NAMES: [&str; 7] = ["alerts", "cluster", "deploy", "phases", "quality", "rollback", "success"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/gates")
}

fn gates(name: &str) -> GateFile {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    GateFile::parse(&text, name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_file_is_an_example_and_has_its_test() {
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "toml"))
        .collect();
    found.sort();
    let expected: Vec<String> = NAMES.iter().flat_map(|name| [format!("{name}.test.toml"), format!("{name}.toml")]).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_example_does_what_its_test_says() {
    let mut faults = String::new();
    for name in NAMES {
        let text = fs::read_to_string(folder().join(format!("{name}.test.toml"))).unwrap();
        let test = TestFile::parse(&text, &format!("{name}.test.toml")).unwrap_or_else(|error| panic!("{error}"));
        let report = test.run(&gates(test.gates()));
        assert!(report.held > 0);
        for failure in report.failures {
            faults += &failure;
            faults.push('\n');
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn nothing_is_to_be_said_against_an_example() {
    for name in NAMES {
        assert_eq!(gates(&format!("{name}.toml")).lint(), [], "{name}");
    }
}

#[test]
fn prometheus_takes_what_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for name in NAMES {
        let exported = gates(&format!("{name}.toml")).to_prometheus(name);
        let path = folder.path().join(format!("{name}.yml"));
        fs::write(&path, exported.yaml).unwrap();
        paths.push(path);
    }
    let output = Command::new("promtool").args(["check", "rules"]).args(&paths).output();
    let output = output.expect("promtool is missing: install Debian's package prometheus (apt-get install prometheus)");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}
