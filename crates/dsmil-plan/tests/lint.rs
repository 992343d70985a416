//! Doubts about plans that can be used, each with its message.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;

use common::golden;

const BASE: &str = r#"version = 1
name = "base"
gate_files = ["g.toml"]
[limits]
window = "10h"
[devices]
baseline = ["0x8000..0x8003", "0x8010"]
[[phase]]
name = "one"
deadline = "3h"
[[worker]]
id = "alpha"
phase = "one"
duration = "1h"
timeout = "2h"
command = ["true"]
[[stage]]
name = "grow"
phase = "one"
devices = [0x8004, 0x8011]
observe = "10m"
exit = "open"
background = ["keep"]
[[rollback]]
name = "back"
on = { verdict = { gate = "keep", is = "roll-back" } }
to = "stage"
"#;

const CASES: &[(&str, &str, &str)] = &[
    ("a gate file of which nothing is asked", "gate_files = [\"g.toml\"]", "gate_files = [\"g.toml\", \"spare/h.toml\"]"),
    ("a set that no stage adds", "[[phase]]", "[devices.sets]\nspare = [0x8005]\n[[phase]]"),
    ("a breaker that nobody goes through", "", "[[breaker]]\nname = \"fuse\""),
    ("a command without a time-out", "timeout = \"2h\"\n", ""),
    ("a time-out that is too short", "timeout = \"2h\"", "spread = \"30m..3h\"\ntimeout = \"2h\""),
    ("a stage without evidence", "exit = \"open\"\nbackground = [\"keep\"]", "entry = \"keep\""),
    ("an exit gate that is asked at once", "observe = \"10m\"\n", ""),
    ("shares that can't be taken back", "devices = [0x8004, 0x8011]", "percent = [50, 100]\napply = { builtin = \"wait\" }"),
    (
        "no way back",
        "[[rollback]]\nname = \"back\"\non = { verdict = { gate = \"keep\", is = \"roll-back\" } }\nto = \"stage\"\n",
        "",
    ),
    ("a device without a function", "0x8004, 0x8011", "0x8004, 0x800C"),
    ("a group before the one that it needs", "0x8004, 0x8011", "0x8004, 0x8041"),
    ("a gate that never goes in the simulation", "", "[simulation.gates]\nopen = { hold = 100 }"),
    ("a phase that is late", "deadline = \"3h\"", "deadline = \"30m\""),
    (
        "a window that is too narrow for the likely times",
        "duration = \"1h\"\ntimeout = \"2h\"",
        "duration = \"12h\"\nspread = \"1h..13h\"\ntimeout = \"14h\"",
    ),
];

fn doubts(text: &str) -> String {
    let plan = dsmil_plan::Plan::parse(text, "p.toml", &common::load(&[("spare/h.toml", common::GATES)]));
    let plan = plan.unwrap_or_else(|error| panic!("{error}\n{text}"));
    plan.lint().iter().fold(String::new(), |told, lint| told + "  " + &lint.to_string() + "\n")
}

#[test]
fn nothing_is_to_be_said_against_the_plan_that_the_cases_start_from() {
    assert_eq!(doubts(BASE), "");
}

#[test]
fn each_doubt_is_told_with_its_place_and_a_remedy() {
    let mut all = String::new();
    for (name, from, to) in CASES {
        assert!(BASE.contains(from), "{name}");
        let mut text = if from.is_empty() { format!("{BASE}{to}\n") } else { BASE.replacen(from, to, 1) };
        if text.contains("spare/h.toml") {
            // Two files with the same gates: which one is meant must be said.
            for gate in ["\"open\"", "\"keep\""] {
                text = text.replace(gate, &gate.replacen('"', "\"g.toml:", 1));
            }
        }
        if text.contains("entry = \"keep\"") {
            text = text.replace("observe = \"10m\"\n", "");
        }
        let told = doubts(&text);
        assert_ne!(told, "", "{name}\n{text}");
        _ = writeln!(all, "{name}\n{told}");
    }
    golden("lints.txt", &all);
}
