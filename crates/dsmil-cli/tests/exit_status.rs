//! Each exit status, errors in JSON, and where output goes.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use common::{Ran, Stand, dsmil, on_a_terminal};
use serde_json::{Value, json};

const ERROR_KEYS: [&str; 9] = ["errno", "explicit", "fault", "id", "kind", "message", "request", "rule", "status"];

/// The error that a command ends with in JSON, after a look that the other form says the same.
fn error(stand: &Stand, arguments: &[&str]) -> Value {
    let ran = stand.run(arguments);
    let (status, document) = stand.json(arguments);
    let error = &document["error"];
    assert_eq!(error.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), ERROR_KEYS);
    assert_eq!((ran.status, ran.out.as_str()), (status, ""), "{ran:?}");
    assert!(ran.err.starts_with("dsmil: ") && ran.err.ends_with('\n') && ran.err.lines().count() == 1, "{ran:?}");
    assert_eq!(error["status"], status);
    error.clone()
}

#[test]
fn one_is_any_other_failure() {
    let stand = Stand::new();
    let none = stand.path("none");
    let error = error(&stand, &["--run-dir", none.to_str().unwrap(), "scan"]);
    assert_eq!((&error["kind"], &error["status"]), (&json!("run-directory"), &json!(1)));
    assert!(error["message"].as_str().unwrap().contains("install -d"), "it says what to do: {error}");
    assert_eq!(self::error(&stand, &["audit", "verify"])["kind"], "audit");
    assert_eq!(self::error(&stand, &["read", "0x8003", "--out", "/proc/none"])["kind"], "write");
}

#[test]
fn two_is_usage() {
    let stand = Stand::new();
    for arguments in [
        &["bogus"][..],
        &["info"],
        &["info", "8009h"],
        &["info", "0x18003"],
        &["info", "-1"],
        &["read", "0x8003", "--hex", "--out", "x"],
        &["stop"],
        &["stop", "--clear", "--status"],
        &["scan", "--deadline", "5"],
        &["scan", "--device", "tcp:host"],
        &["scan", "--color", "blue"],
        &["quarantine", "isolate", "0x8003"],
        &["quarantine", "isolate", "0x8003", "--reason", "r", "--for", "0s"],
        &["audit", "verify", "--expect", "7"],
        &["latency", "--rounds", "0"],
        &["sim", "serve", "x", "--mode", "999"],
    ] {
        let ran = stand.run(arguments).expect(2);
        assert!(ran.out.is_empty() && ran.err.contains("error: "), "{arguments:?}: {ran:?}");
        let (status, document) = stand.json(arguments);
        assert_eq!((status, &document["error"]["kind"]), (2, &json!("usage")), "{arguments:?}");
    }
    // Understood, and refused by the library.
    assert_eq!(error(&stand, &["quarantine", "isolate", "0x9000", "--reason", "r"])["kind"], "argument");
    assert_eq!(error(&stand, &["quarantine", "isolate", "0x8003", "--reason", " "])["kind"], "argument");
    assert_eq!(error(&stand, &["sim", "serve", "x", "--options", "seed=x"])["status"], 2);
    assert_eq!(error(&stand, &["scan", "--deadline", "2000h"])["status"], 2);
    assert_eq!(Ran::of(&stand.command(&["scan"]).env("DSMIL_DEVICE", "tcp:x").output().unwrap()).status, 2);
    assert_eq!(Ran::of(&dsmil().output().unwrap()).status, 2, "no command");
    assert_eq!(stand.asked(), 0);
}

#[test]
fn help_and_version_are_no_errors() {
    for argument in ["--help", "-h", "--version"] {
        let ran = Ran::of(&dsmil().arg(argument).output().unwrap()).expect(0);
        assert!(ran.out.contains("dsmil") && ran.err.is_empty(), "{ran:?}");
    }
}

#[test]
fn three_is_denied() {
    let stand = Stand::new();
    let error = error(&stand, &["read", "0x8009"]);
    assert_eq!(
        json!([error["kind"], error["status"], error["id"], error["rule"], error["explicit"], error["errno"]]),
        json!(["denied", 3, "0x8009", "permanent/0x8009", true, "EACCES"])
    );
    let outside = self::error(&stand, &["info", "0x9000"]);
    assert_eq!(json!([outside["status"], outside["rule"], outside["explicit"]]), json!([3, "not-served", false]));
}

#[test]
fn four_is_the_device_or_the_protocol() {
    let stand = Stand::new();
    let none = stand.path("none");
    let missing = error(&stand, &["--device", none.to_str().unwrap(), "scan"]);
    assert_eq!(json!([missing["kind"], missing["status"], missing["errno"]]), json!(["open-missing", 4, "ENOENT"]));
    let file = stand.path("plain");
    std::fs::write(&file, "").unwrap();
    assert_eq!(error(&stand, &["--device", file.to_str().unwrap(), "scan"])["kind"], "not-a-device");

    stand.fault("[[fault]]\non = 'GET_THERMAL'\ndo = 'no-sensor'");
    let thermal = error(&stand, &["thermal"]);
    assert_eq!(
        json!([thermal["kind"], thermal["status"], thermal["errno"], thermal["request"]]),
        json!(["request", 4, "EIO", "GET_THERMAL"])
    );
    stand.fault("[[fault]]\non = 'SCAN_CHUNK'\ndo = 'set'\nfield = 'total_chunks'\nvalue = 0");
    let scan = error(&stand, &["scan"]);
    assert_eq!(json!([scan["kind"], scan["status"], scan["fault"]]), json!(["protocol", 4, "total-chunks-zero"]));
    stand.fault("[[fault]]\non = 'READ_CHUNK'\ndo = 'foreign-session'");
    let read = error(&stand, &["read", "0x8003"]);
    assert_eq!(json!([read["kind"], read["status"], read["id"]]), json!(["contended", 4, "0x8003"]));
}

#[test]
fn five_is_the_emergency_stop() {
    let stand = Stand::new();
    stand.run(&["stop", "--reason", "smoke"]).expect(0);
    for arguments in
        [&["scan"][..], &["info", "0x8003"], &["read", "0x8003"], &["status"], &["thermal"], &["probe"], &["latency"]]
    {
        let error = error(&stand, arguments);
        assert_eq!((&error["kind"], &error["status"]), (&json!("stopped"), &json!(5)), "{arguments:?}");
        assert!(error["message"].as_str().unwrap().contains("smoke"), "{error}");
    }
    assert_eq!(stand.asked(), 0);
}

#[test]
fn six_is_a_deadline() {
    let stand = Stand::new();
    stand.fault("[[fault]]\non = 'GET_THERMAL'\ndo = 'delay'\nms = 60");
    let error = error(&stand, &["thermal", "--deadline", "20ms"]);
    assert_eq!(json!([error["kind"], error["status"], error["errno"]]), json!(["deadline", 6, "ETIMEDOUT"]));
    stand.run(&["thermal"]).expect(0);
    stand.fault("[[fault]]\non = 'SCAN_CHUNK'\ndo = 'delay'\nms = 20");
    let slow = self::error(&stand, &["scan", "--transfer-deadline", "100ms"]);
    assert_eq!((&slow["kind"], &slow["status"]), (&json!("deadline"), &json!(6)));
}

#[test]
fn a_reader_that_has_had_enough_ends_it_quietly() {
    let stand = Stand::new();
    for arguments in [&["scan"][..], &["scan", "--json"], &["completions", "bash"], &["--help"], &["man"]] {
        let mut child = stand.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before anything is written.
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let mut child = stand.command(&["scan"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("id "), "{line}");
    assert_eq!(Ran::of(&child.wait_with_output().unwrap()).err, "");
}

#[test]
fn a_full_disk_is_a_failure() {
    let stand = Stand::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = stand.command(&["scan"]).stdout(full).output().unwrap();
    let ran = Ran::of(&output).expect(1);
    assert!(ran.err.contains("cannot write to standard output: No space left"), "{ran:?}");
}

#[test]
fn colour_is_for_a_terminal_alone() {
    let stand = Stand::new();
    let scan = |arguments: &[&str]| stand.command(arguments);
    assert!(on_a_terminal(&scan(&["scan"])).contains("\x1b[32msafe\x1b[0m"));
    let mut plain = scan(&["scan"]);
    assert!(!on_a_terminal(plain.env("NO_COLOR", "1")).contains('\x1b'));
    assert!(!on_a_terminal(&scan(&["scan", "--color", "never"])).contains('\x1b'));
    assert!(!stand.run(&["scan"]).out.contains('\x1b'));
    assert!(stand.run(&["scan", "--color", "always"]).out.contains("\x1b[32msafe"));
    assert!(on_a_terminal(&scan(&["scan", "--json"])).starts_with("{\r\n"), "JSON is laid out for the eye on a terminal");
}

#[test]
fn raw_bytes_are_kept_from_a_terminal() {
    let stand = Stand::new();
    let said = on_a_terminal(&stand.command(&["read", "0x8003"]));
    assert!(said.contains("use --hex, --out FILE, or a pipe"), "{said}");
    assert_eq!(stand.asked(), 0);
    assert!(on_a_terminal(&stand.command(&["read", "0x8003", "--hex"])).starts_with("00000000  "));
}

#[test]
fn what_others_wrote_does_not_reach_the_terminal_as_a_command_to_it() {
    let stand = Stand::new();
    stand.run(&["quarantine", "isolate", "0x8003", "--reason", "a\x1b[2Jb\nc", "--author", "\x1b]0;x\x07"]).expect(0);
    for arguments in [&["quarantine", "list"][..], &["audit", "tail"], &["info", "0x8003"], &["quarantine", "check", "0x8003"]] {
        let ran = stand.run(arguments);
        assert!(!(ran.out + &ran.err).contains(['\x1b', '\x07']), "{arguments:?}");
    }
}
