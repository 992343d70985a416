//! Logs: whole lines, whatever happened before.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{plain, receiver};
use dsmil_notify::{Receiver, deliver};
use serde_json::Value;

fn log(path: &Path) -> Receiver {
    receiver(&format!("kind = \"log\"\npath = \"{}\"", path.display()))
}

#[test]
fn each_notification_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    for _ in 0..3 {
        deliver(&log(&path), &plain()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!((value["version"].as_u64(), value["alerts"].as_array().unwrap().len()), (Some(1), 2));
    }
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7137, 0, "at most 0640");
}

#[test]
fn a_torn_line_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    fs::write(&path, "{\"version\":1,\"id\":\"half").unwrap();
    deliver(&log(&path), &plain()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(serde_json::from_str::<Value>(lines[1]).is_ok());
}

#[test]
fn what_is_no_file_of_its_own_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let failure = |path: &Path| {
        let error = deliver(&log(path), &plain()).unwrap_err();
        assert!(error.is_retryable());
        error.to_string()
    };
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).unwrap();
    assert!(failure(&link).contains("cannot open"), "a link is not followed");
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(failure(&pipe).contains("no regular file"), "and a pipe holds nobody up");
    assert!(failure(folder.path()).contains("cannot open"));
    assert!(failure(&folder.path().join("no/such/folder")).contains("cannot open"));
    assert!(failure(Path::new("/dev/full")).contains("no regular file"));
    // The standard error takes it, too.
    deliver(&receiver("kind = \"log\""), &plain()).unwrap();
}
