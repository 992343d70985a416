//! Commands: what they get, and how they end.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{plain, receiver};
use dsmil_notify::{NotifyError, Receiver, deliver};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};

fn script(text: &str, more: &str) -> Receiver {
    let args = toml::Value::from(vec!["-c".to_owned(), text.to_owned(), "name".to_owned()]);
    receiver(&format!("kind = \"command\"\nprogram = \"/bin/sh\"\nargs = {args}\n{more}"))
}

/// What a script wrote down, once it has.
fn read(path: &Path) -> String {
    for _ in 0..200 {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("{} was never written", path.display());
}

fn is_gone(pid: &str) -> bool {
    let pid = Pid::from_raw(pid.trim().parse().unwrap());
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        kill(pid, None) == Err(Errno::ESRCH) || is_zombie(pid)
    })
}

/// Ended, and not yet noticed by whoever inherited it.
fn is_zombie(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

#[test]
fn it_gets_json_on_its_input_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let text = format!("cat > {0}.json; env | sort > {0}; pwd >> {0}", path.display());
    let receipt = deliver(&script(&text, "env = { EXTRA = \"a b\" }"), &plain()).unwrap();
    assert_eq!(receipt.detail, "/bin/sh ended with status 0");
    let found: Value = serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
    let alert = |device: &str, status: &str, ends_at: Value, value: Value| {
        json!({
            "fingerprint": dsmil_alert::Fingerprint::of(&common::labels(&format!("alertname=cpu,device={device}"))).to_string(),
            "status": status,
            "labels": { "alertname": "cpu", "device": device },
            "severity": "warning",
            "starts_at": "2023-11-14T22:13:20.000Z",
            "ends_at": ends_at,
            "value": value,
            "summary": "cpu_percent fail when > 80",
            "description": "too \"busy\"\nby far",
            "acked_by": null,
        })
    };
    let expected = json!({
        "version": 1,
        "id": "00112233445566ff-7",
        "receiver": "pager",
        "status": "firing",
        "cause": "change",
        "severity": "warning",
        "group": "pager/{alertname=\"cpu\"}",
        "group_labels": { "alertname": "cpu" },
        "created_at": "2023-11-14T22:13:20.500Z",
        "truncated": 2,
        "alerts": [alert("a", "firing", Value::Null, json!(91.5)), alert("b", "resolved", json!("2023-11-14T22:14:20.000Z"), json!("+Inf"))],
    });
    assert_eq!(found, expected);
    let env = read(&path);
    for line in [
        "DSMIL_ALERT_FIRING=1",
        "DSMIL_ALERT_GROUP=pager/{alertname=\"cpu\"}",
        "DSMIL_ALERT_ID=00112233445566ff-7",
        "DSMIL_ALERT_RECEIVER=pager",
        "DSMIL_ALERT_RESOLVED=1",
        "DSMIL_ALERT_SEVERITY=warning",
        "DSMIL_ALERT_STATUS=firing",
        "EXTRA=a b",
        "/",
    ] {
        assert!(env.lines().any(|found| found == line), "{line} is not in\n{env}");
    }
    assert!(!env.contains("CARGO"), "our own environment is not for it");
}

#[test]
fn arguments_are_passed_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let args = toml::Value::from(vec![
        "-c".to_owned(),
        format!("printf '%s\\n' \"$@\" > {}", path.display()),
        "name".to_owned(),
        "$(id) ; `id`".to_owned(),
        "a b".to_owned(),
        String::new(),
        "*".to_owned(),
    ]);
    deliver(&receiver(&format!("kind = \"command\"\nprogram = \"/bin/sh\"\nargs = {args}")), &plain()).unwrap();
    assert_eq!(read(&path), "$(id) ; `id`\na b\n\n*\n");
}

#[test]
fn another_status_is_a_failure_with_what_it_wrote() {
    let failure = |text: &str| {
        let error = deliver(&script(text, ""), &plain()).unwrap_err();
        assert!(error.is_retryable());
        (error.kind(), error.to_string())
    };
    let expected = "notify: /bin/sh ended with status 3: no network tried twice";
    assert_eq!(failure("echo no network; echo tried twice >&2; exit 3"), ("command", expected.to_owned()));
    assert_eq!(failure("kill -SEGV $$"), ("command", "notify: /bin/sh was ended by SIGSEGV".to_owned()));
    let (_, long) = failure("head -c 1000000 /dev/zero | tr '\\0' x; echo the end; exit 1");
    assert!(long.len() < 2200 && long.ends_with("the end"), "{} bytes", long.len());
    let (_, binary) = failure("head -c 5000 /dev/urandom; exit 1");
    assert!(!binary.contains('\n') && binary.len() < 8000);
}

#[test]
fn what_can_not_be_started_is_said() {
    let error = deliver(&receiver("kind = \"command\"\nprogram = \"/nowhere/at/all\""), &plain()).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), ("start", true));
    assert!(error.to_string().starts_with("notify: cannot start /nowhere/at/all: No such file"), "{error}");
    let error = deliver(&receiver("kind = \"command\"\nprogram = \"/etc/passwd\""), &plain()).unwrap_err();
    assert_eq!(error.kind(), "start", "not executable");
}

#[test]
fn one_that_hangs_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let begun = Instant::now();
    let text = format!("sleep 60 & echo $! > {}; echo waiting; wait", path.display());
    let error = deliver(&script(&text, "timeout = \"300ms\""), &plain()).unwrap_err();
    assert!(matches!(error, NotifyError::Timeout { .. }) && error.is_retryable(), "{error}");
    assert_eq!(error.to_string(), "notify: /bin/sh did not answer within 300 ms: waiting");
    assert!(begun.elapsed() < Duration::from_secs(2), "TERM was enough");
    assert!(is_gone(&read(&path)));
}

#[test]
fn one_that_will_not_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let begun = Instant::now();
    let text = format!("trap '' TERM; echo $$ > {}; while :; do sleep 0.1; done", path.display());
    let error = deliver(&script(&text, "timeout = \"200ms\""), &plain()).unwrap_err();
    assert_eq!(error.kind(), "timeout");
    assert!((Duration::from_millis(2100)..Duration::from_secs(5)).contains(&begun.elapsed()));
    assert!(is_gone(&read(&path)));
}

#[test]
fn what_it_leaves_behind_holds_nobody_up_and_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pid");
    let begun = Instant::now();
    // It keeps the output open.
    deliver(&script(&format!("sleep 60 & echo $! > {}", path.display()), ""), &plain()).unwrap();
    assert!(is_gone(&read(&path)));
    // A session of its own is beyond our reach, but doesn't hold us.
    let text = format!("setsid sh -c 'echo $$ > {}.2; exec sleep 3' & sleep 0.2", path.display());
    deliver(&script(&text, ""), &plain()).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2500));
    _ = kill(Pid::from_raw(read(&path.with_extension("2")).trim().parse().unwrap()), nix::sys::signal::Signal::SIGKILL);
}

#[test]
fn one_that_closes_everything_or_writes_without_end_is_waited_for() {
    let begun = Instant::now();
    deliver(&script("exec <&- >&- 2>&-; sleep 0.3", ""), &plain()).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let error = deliver(&script("yes", "timeout = \"300ms\""), &plain()).unwrap_err();
    assert_eq!(error.kind(), "timeout");
    // A notification that is longer than a pipe holds, to a program that doesn't read it.
    let mut long = plain();
    long.alerts[0].summary = "x".repeat(500_000);
    deliver(&script("sleep 0.1", ""), &long).unwrap();
    deliver(&script("test $(wc -c) -gt 500000", ""), &long).unwrap();
}
