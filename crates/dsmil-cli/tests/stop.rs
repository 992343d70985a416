//! The emergency stop and the audit log, from the command.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::{Ran, Stand};
use serde_json::json;

#[test]
fn a_stop_is_pulled_seen_and_cleared() {
    let stand = Stand::new();
    assert_eq!(stand.run(&["stop", "--status"]).expect(0).out, "the emergency stop is not pulled\n");
    assert_eq!(stand.json(&["stop", "--status"]), (0, json!({ "pulled": false, "record": null })));
    let (status, pulled) = stand.json(&["stop", "--reason", "smoke"]);
    assert_eq!((status, &pulled["pulled"], &pulled["unrecorded"]), (0, &json!(true), &json!(null)));
    assert!(pulled["took_ns"].as_u64().unwrap() < 85_000_000, "{pulled}");
    let record = &pulled["record"];
    assert_eq!((&record["reason"], &record["program"]), (&json!("smoke"), &json!("dsmil")));
    let (status, state) = stand.json(&["stop", "--status"]);
    assert_eq!((status, &state["record"]), (5, record));
    // A second pull leaves the first one's record.
    let again = stand.run(&["stop", "--reason", "fire"]).expect(0).out;
    assert!(again.starts_with("stopped: smoke (pulled by uid "), "{again}");
    stand.run(&["scan"]).expect(5);
    assert_eq!(stand.json(&["stop", "--clear", "--reason", "aired"]), (0, json!({ "pulled": false, "was_pulled": true })));
    stand.run(&["scan"]).expect(0);
    assert_eq!(stand.json(&["stop", "--clear"]).1["was_pulled"], false);
    let (_, tail) = stand.json(&["audit", "tail"]);
    let records = tail["records"].as_array().unwrap();
    let told: Vec<_> = records.iter().map(|record| json!([record["action"], record["result"], record["reason"]])).collect();
    let expected = [
        json!(["stop", "ok", "smoke"]),
        json!(["stop", "ok", "fire"]),
        json!(["stop-clear", "begun", "aired"]),
        json!(["stop-clear", "ok", null]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_stop_reaches_a_command_that_is_at_work() {
    let stand = Stand::new();
    let long = stand.command(&["latency", "--rounds", "100000"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while stand.asked() < 1000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    stand.run(&["stop", "--reason", "enough"]).expect(0);
    let after = stand.asked();
    let ran = Ran::of(&long.wait_with_output().unwrap()).expect(5);
    assert!(ran.err.contains("enough"), "{ran:?}");
    assert_eq!(stand.asked(), after, "nothing was asked once the stop had returned");
}

#[test]
fn a_stop_needs_no_sound_device_and_no_sound_audit_log() {
    let stand = Stand::new();
    let ran = Ran::of(&stand.command(&["stop", "--reason", "r"]).env("DSMIL_DEVICE", "nonsense:").output().unwrap());
    ran.expect(0);
    stand.run(&["stop", "--clear"]).expect(0);
    std::fs::remove_dir_all(stand.run_dir().join("audit")).unwrap();
    std::fs::write(stand.run_dir().join("audit"), "in the way").unwrap();
    let ran = stand.run(&["stop", "--reason", "r"]).expect(0);
    assert!(ran.err.starts_with("dsmil: warning: the stop holds"), "{ran:?}");
    stand.run(&["scan"]).expect(5);
    let (_, again) = stand.json(&["stop", "--reason", "r"]);
    assert!(again["unrecorded"].is_string(), "{again}");
    stand.run(&["stop", "--clear"]).expect(1);
    stand.run(&["stop", "--status"]).expect(5);
}

#[test]
fn audit_tail_and_verify() {
    let stand = Stand::new();
    for id in common::SEVEN {
        stand.run(&["read", id]).expect(3);
    }
    let page = stand.run(&["audit", "tail", "-n", "2"]).expect(0).out;
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("seq  time "), "{page}");
    assert!(lines[2].contains("read    0x8101  denied  permanent/0x8101: hardware destruct"), "{page}");
    let (_, tail) = stand.json(&["audit", "tail", "-n", "100"]);
    assert_eq!(tail["records"].as_array().unwrap().len(), 7);

    let page = stand.run(&["audit", "verify"]).expect(0).out;
    assert!(page.starts_with("the chain is sound: 7 records (1 to 7)"), "{page}");
    let (status, report) = stand.json(&["audit", "verify"]);
    assert_eq!((status, &report["clean"], &report["records"]), (0, &json!(true), &json!(7)));
    let anchor = page.lines().last().unwrap().strip_prefix("head ").unwrap().to_owned();
    assert_eq!(anchor, format!("7:{}", report["head_hash"].as_str().unwrap()));
    stand.run(&["info", "0x8009"]).expect(3);
    stand.run(&["audit", "verify", "--expect", &anchor]).expect(0);
    let wrong = format!("7:{}", "0".repeat(64));
    stand.run(&["audit", "verify", "--expect", &wrong]).expect(1);
}

#[test]
fn a_changed_byte_is_found_and_placed() {
    let stand = Stand::new();
    for id in common::SEVEN {
        stand.run(&["read", id]).expect(3);
    }
    let file = stand.run_dir().join("audit/audit.jsonl");
    let sound = std::fs::read(&file).unwrap();
    let lines: Vec<_> = sound.split_inclusive(|byte| *byte == b'\n').collect();
    let second = lines[0].len();
    // A byte in the middle of each line.
    for (number, line) in lines.iter().enumerate() {
        let at: usize = lines[..number].iter().map(|line| line.len()).sum::<usize>() + line.len() / 2;
        let mut changed = sound.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        let ran = stand.run(&["audit", "verify"]).expect(1);
        assert!(ran.out.contains(&format!("audit.jsonl:{}: ", number + 1)), "{ran:?}");
        let (status, report) = stand.json(&["audit", "verify"]);
        assert_eq!((status, &report["clean"], &report["findings"][0]["line"]), (1, &json!(false), &json!(number + 1)));
    }
    std::fs::write(&file, [&sound[..second], &sound[second + lines[1].len()..]].concat()).unwrap();
    assert!(stand.run(&["audit", "verify"]).expect(1).out.contains("removed"));
    std::fs::write(&file, &sound).unwrap();
    stand.run(&["audit", "verify"]).expect(0);
    let doctor = stand.run(&["doctor"]).expect(0).out;
    assert!(doctor.contains("audit log       ok    7 records, the chain is sound"), "{doctor}");
}
