//! Metrics from JSON files.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "what is read from a file is exact")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::{labels, value, well, write, wrong};
use dsmil_sample::{FileSampler, Marks, Sampler};

fn sampler(path: &Path) -> FileSampler {
    FileSampler::new(path, ["cpu_percent".to_owned()], Marks::default())
}

#[test]
fn values_have_the_time_at_which_they_were_observed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.json");
    let text = r#"{
        "cpu_percent": 40.0,
        "disk_free_bytes": [
            {"labels": {"path": "/"}, "value": 1e9, "at": "2026-01-31T12:00:00.250Z"},
            {"labels": {"path": "/var"}, "value": 5, "at": 1700000000123}
        ]
    }"#;
    write(folder.path(), "metrics.json", text);
    // Written an hour and a half ago, and read now.
    let written = SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_000_000_456);
    File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    let seen = well(&mut sampler(&path));
    let at = |metric: &str, path: &str| {
        let labels = if path.is_empty() { labels(&[]) } else { labels(&[("path", path)]) };
        seen.iter().find(|seen| seen.metric == metric && seen.labels == labels).unwrap().at
    };
    assert_eq!(value(&seen, "cpu_percent", &[]), 40.0);
    assert_eq!(at("cpu_percent", ""), 1_699_000_000_456, "when the file was written");
    assert_eq!(value(&seen, "disk_free_bytes", &[("path", "/")]), 1e9);
    assert_eq!(at("disk_free_bytes", "/"), 1_769_860_800_250);
    assert_eq!(at("disk_free_bytes", "/var"), 1_700_000_000_123);
    assert_eq!(seen.len(), 3);
    assert_eq!(sampler(&path).metrics(), ["cpu_percent"]);
}

#[test]
fn an_attestation_says_that_it_is_one_and_cannot_say_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"firmware_verified": [{"labels": {"source": "self", "site": "x", "unit": "7"}, "value": 1}]}"#;
    write(folder.path(), "a.json", text);
    let given = BTreeMap::from([("site".to_owned(), "berlin".to_owned())]);
    let mut sampler = FileSampler::new(folder.path().join("a.json"), [], Marks::new(&given, true));
    let expected = labels(&[("site", "berlin"), ("source", "external"), ("unit", "7")]);
    assert_eq!(well(&mut sampler)[0].labels, expected);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.json");
    let told = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        let told = wrong(&mut sampler(&path));
        assert!(told.starts_with(path.to_str().unwrap()), "{told}");
        told
    };
    let missing = wrong(&mut sampler(&path));
    assert!(missing.contains("No such file"), "{missing}");
    for (text, expected) in [
        (&b""[..], "it is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{\"cpu_percent\": 4", "JSON"),
        (b"[1, 2]", "object"),
        (b"{\"cpu_percent\": \"forty\"}", "cpu_percent"),
        (b"{\"cpu_percent\": true}", "cpu_percent"),
        (b"{\"cpu_percent\": null}", "it says that cpu_percent could not be read"),
        (b"{\"cpu_percent\": [[1]]}", "cpu_percent"),
        (b"{\"cpu_percent\": {\"valu\": 1}}", "valu"),
        (b"{\"cpu_percent\": {\"labels\": {}}}", "value"),
        (b"{\"cpu_percent\": {\"value\": 1, \"at\": \"yesterday\"}}", "yesterday"),
        (b"{\"cpu_percent\": {\"value\": 1, \"labels\": {\"a\": 1}}}", "label"),
        (b"{\"cpu percent\": 1}", "cpu percent"),
    ] {
        let told = told(text);
        assert!(told.contains(expected), "{}: {told}", text.escape_ascii());
    }
    assert!(told(&vec![b' '; (4 << 20) + 1]).contains("more than 4194304 bytes"));
    let folder_told = wrong(&mut sampler(folder.path()));
    assert!(folder_told.ends_with("it is not a regular file"), "{folder_told}");
    // A pipe that nobody writes to would hold whoever opens it.
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(wrong(&mut sampler(&folder.path().join("pipe"))).ends_with("it is not a regular file"));
}

#[test]
fn no_metrics_are_none_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "none.json", "{}");
    assert!(well(&mut sampler(&folder.path().join("none.json"))).is_empty());
}
