//! Gate files with each kind of mistake, and what is said about them.

#![allow(clippy::unwrap_used)]

use dsmil_gate::GateFile;

/// A rule that is right, on one line each; the cases replace or add lines.
const RULE: &str = r#"version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
on_fail = "hold"
on_no_data = "hold"
"#;

fn messages(text: &str) -> Vec<String> {
    match GateFile::parse(text, "g.toml") {
        Ok(_) => vec!["accepted".to_owned()],
        Err(error) => error.to_string().lines().map(|line| line.strip_prefix("gate file g.toml").unwrap().to_owned()).collect(),
    }
}

/// [`RULE`] with one part replaced: all of it for `*`, nothing but an addition at its end for an empty text.
fn changed(from: &str, to: &str) -> String {
    if from == "*" {
        return to.to_owned();
    }
    assert!(from.is_empty() || RULE.contains(from), "{from}");
    if from.is_empty() { format!("{RULE}{to}\n") } else { RULE.replacen(from, to, 1) }
}

#[test]
fn the_rule_that_the_cases_start_from_is_right() {
    assert_eq!(messages(RULE), ["accepted"]);
}

macro_rules! cases {
    ($($name:ident: $from:literal => $to:literal, [$($message:literal),* $(,)?];)*) => {
        $(#[test] fn $name() {
            assert_eq!(messages(&changed($from, $to)), [$($message),*], "\n{}", changed($from, $to));
        })*
        const CASES: usize = [$(stringify!($name)),*].len();
    };
}

include!("malformed_cases.in");

#[test]
fn there_are_at_least_forty_cases() {
    const { assert!(CASES >= 40) }
}

#[test]
fn all_faults_are_told_at_once_and_in_order() {
    let text = r#"version = 1
[[rule]]
name = "cpu"
metric = "9cpu"
require = "75"
windw = "5m"
on_fail = "explode"
[[gate]]
name = "deploy"
kind = "most"
rules = ["cpuu"]
"#;
    let found = messages(text);
    let lines: Vec<&str> = found.iter().map(|message| message.split(',').nth(1).unwrap()).collect();
    assert_eq!(lines, [" line 2", " line 4", " line 5", " line 6", " line 7", " line 10", " line 11"], "{found:#?}");
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let text = "#".repeat(GateFile::MAX_BYTES + 1);
    assert_eq!(messages(&text), [": the file is 1048577 bytes long, at most 1048576 are read; split it"]);
}

#[test]
fn a_deep_nest_or_rubbish_is_refused_and_not_followed() {
    let nest = format!("version = {}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [nest.as_str(), "\u{0}", "[[[[", "version = 1\n[[rule]]\nname = \"\u{202e}\"", "= = ="] {
        assert!(GateFile::parse(text, "g.toml").is_err());
    }
}
