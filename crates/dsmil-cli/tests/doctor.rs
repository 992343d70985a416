//! `dsmil doctor`, and what is generated: completions, manual pages, schema.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{Ran, Stand, dsmil};
use serde_json::{Value, json};

fn level<'a>(document: &'a Value, name: &str) -> &'a str {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"))["level"].as_str().unwrap()
}

#[test]
fn on_a_machine_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let none = |name: &str| folder.path().join(name);
    let mut command = dsmil();
    command.args(["doctor", "--device"]).arg(none("dev")).arg("--run-dir").arg(none("run")).arg("--policy").arg(none("policy"));
    command.env("PATH", folder.path());
    let page = Ran::of(&command.output().unwrap()).expect(1).out;
    for remedy in [
        "device: load the driver (modprobe dsmil-72dev)",
        "group: groupadd",
        "udev rule: echo",
        "run directory: as root: install -d",
        "policy: write it",
    ] {
        assert!(page.contains(remedy), "{remedy}: {page}");
    }
    assert!(page.ends_with("the device can't be used as things are\n"), "{page}");
    let document = Ran::of(&command.arg("--json").output().unwrap()).expect(1).json();
    assert_eq!(document["ok"], false);
    for name in ["device", "run directory", "driver"] {
        assert_eq!(level(&document, name), "missing");
    }
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["remedy"].is_string() == (check["level"] != "ok")), "{document}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it makes nothing");
}

#[test]
fn on_a_machine_where_everything_is_there() {
    let stand = Stand::new();
    let (status, document) = stand.json(&["doctor"]);
    assert_eq!((status, &document["ok"]), (0, &json!(true)), "{document}");
    for name in ["device", "run directory", "policy", "quarantine", "emergency stop", "isolations", "audit log", "driver"] {
        assert_eq!(level(&document, name), "ok", "{name}: {document}");
    }
    stand.run(&["stop", "--reason", "r"]).expect(0);
    let (status, document) = stand.json(&["doctor"]);
    assert_eq!((status, level(&document, "emergency stop"), level(&document, "driver")), (1, "missing", "missing"));
    stand.run(&["stop", "--clear"]).expect(0);
    let page = stand.run(&["doctor", "--device", "sim:"]).expect(0).out;
    assert!(page.contains("no driver is needed") && page.ends_with("nothing is missing\n"), "{page}");
    let (status, document) = stand.json(&["doctor", "--device", "/dev/null"]);
    assert_eq!((status, level(&document, "driver")), (1, "missing"), "{document}");
}

#[test]
fn completions_for_five_shells() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Ran::of(&dsmil().args(["completions", shell]).output().unwrap()).expect(0).out;
        for word in ["quarantine", "self-check", "completions", "transfer-deadline"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let document = Ran::of(&dsmil().args(["completions", shell, "--json"]).output().unwrap()).expect(0).json();
        assert_eq!((&document["shell"], &document["script"]), (&json!(shell), &json!(script)));
    }
    let script = dsmil().args(["completions", "bash"]).output().unwrap().stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dsmil.bash");
    std::fs::write(&file, script).unwrap();
    let asks = r#". "$0"; COMP_WORDS=(dsmil quarantine sel); COMP_CWORD=2; _dsmil dsmil sel quarantine; echo "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["-c", asks]).arg(&file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "self-check", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn manual_pages() {
    let page = Ran::of(&dsmil().arg("man").output().unwrap()).expect(0).out;
    assert!(page.contains(".TH dsmil 1") && page.contains("Exit status:"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    let document = Ran::of(&dsmil().args(["man", "--json", "--dir"]).arg(&dir).output().unwrap()).expect(0).json();
    let pages: Vec<_> = document["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    for name in ["dsmil.1", "dsmil-scan.1", "dsmil-quarantine-self-check.1", "dsmil-sim-serve.1", "dsmil-audit-verify.1"] {
        assert!(pages.contains(&name), "{name}: {pages:?}");
        assert!(std::fs::read_to_string(dir.join(name)).unwrap().contains(".SH NAME"));
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), pages.len());
    assert!(pages.iter().all(|page| !page.contains("help")), "{pages:?}");
}

#[test]
fn the_schema_is_the_library_s() {
    let schema = Ran::of(&dsmil().args(["schema", "policy"]).output().unwrap()).expect(0).json();
    assert_eq!(schema["title"], "dsmil policy");
    assert_eq!(Ran::of(&dsmil().args(["schema", "policy", "--json"]).output().unwrap()).json(), schema);
}

#[test]
fn the_function_that_python_calls_never_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    common::make_private(&run);
    let run = run.to_str().unwrap();
    let call =
        |arguments: &[&str]| dsmil_cli::run([&["dsmil", "--device", "sim:", "--run-dir", run, "--json"], arguments].concat());
    assert_eq!(call(&["thermal"]), 0);
    assert_eq!(call(&["bogus"]), 2);
    assert_eq!(call(&["read", "0x8009"]), 3);
    assert_eq!(call(&["stop", "--reason", "r"]), 0);
    assert_eq!(call(&["thermal"]), 5);
    assert_eq!(call(&["stop", "--clear"]), 0);
    let arguments = ["dsmil", "--device", "sim:", "--run-dir", run, "latency", "--rounds", "100000"];
    assert_eq!(dsmil_cli::run_in_host(arguments, Some(std::sync::Arc::new(|| true))), 1, "broken off by the host");
}
