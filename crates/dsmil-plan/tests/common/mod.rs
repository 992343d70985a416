//! What the tests have in common.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
use std::{env, fs};

use dsmil_plan::{Plan, PlanError};

/// Gates for plans in tests: `open` says go, hold or no-go, `keep` also asks to roll back.
pub(crate) const GATES: &str = r#"version = 1
[[rule]]
name = "cpu"
metric = "cpu_percent"
require = "< 75"
on_fail = "no-go"
on_no_data = "hold"
[[rule]]
name = "health"
metric = "health_score"
require = "> 80"
on_fail = "roll-back"
on_no_data = "hold"
[[gate]]
name = "open"
kind = "all"
rules = ["cpu"]
recheck = "7m"
[[gate]]
name = "keep"
kind = "all"
rules = ["health"]
[[gate]]
name = "spare"
kind = "all"
rules = ["cpu"]
"#;

pub(crate) const NAMES: [&str; 5] = ["phase2a", "control_center", "novacron", "aia_readiness", "integration"];

/// The loader of tests: one gate file, and whatever else is given.
pub(crate) fn load<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Result<String, String> + 'a {
    move |path: &str| {
        let own = [("g.toml", GATES)];
        let found = files.iter().chain(&own).find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "there is no such file".to_owned())
    }
}

pub(crate) fn parse(text: &str) -> Result<Plan, PlanError> {
    Plan::parse(text, "p.toml", &load(&[]))
}

/// A plan whose head is given here.
pub(crate) fn plan(body: &str) -> Plan {
    let text = format!("version = 1\nname = \"p\"\ngate_files = [\"g.toml\"]\n{body}");
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn example(name: &str) -> Plan {
    let path = format!("examples/plans/{name}.toml");
    let read = |path: &str| fs::read_to_string(root().join(path)).map_err(|error| error.to_string());
    Plan::parse(&read(&path).unwrap(), &path, &read).unwrap_or_else(|error| panic!("{error}"))
}

/// Compares with a committed file. With `DSMIL_BLESS=1` the file is written anew.
pub(crate) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("DSMIL_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; run the test with DSMIL_BLESS=1 and read the difference:\n{text}", path.display());
}

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
