//! No quarantined id is ever asked for: the served device's own counters show it.

#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Ran, SEVEN, Stand};
use dsmil::DeviceId;
use serde_json::json;

/// The neighbours of the seven, and the ends of every range.
const BESIDE: [&str; 17] = [
    "0x8000", "0x8008", "0x800C", "0x8018", "0x801A", "0x8028", "0x802A", "0x806B", "0x806C", "0x80FF", "0x8102", "0x81FF",
    "0x8200", "0x82FF", "0x83FF", "0x8400", "0x84FF",
];
const FAR: [&str; 2] = ["0x0000", "0xFFFF"];

/// Every way in which the command can be told to touch one device.
fn ways(id: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["info", id],
        vec!["read", id],
        vec!["read", id, "--hex"],
        vec!["latency", id, "--rounds", "1"],
        vec!["--dry-run", "read", id],
    ]
}

fn untouched(stand: &Stand) {
    let counters = stand.server.counters();
    assert_eq!(counters.permanent(), 0);
    assert!(counters.ids().all(|(id, _)| !id.is_permanent()), "not even named");
}

#[test]
fn the_seven_their_neighbours_and_the_ends_of_the_ranges() {
    let stand = Stand::new();
    for id in SEVEN.into_iter().chain(BESIDE).chain(FAR) {
        let parsed: DeviceId = id.parse().unwrap();
        let allowed = parsed.is_served() && !parsed.is_permanent();
        for way in ways(id) {
            let before = stand.server.counters().id(parsed).total();
            let ran = stand.run(&way);
            assert_eq!(ran.status, if allowed { 0 } else { 3 }, "{way:?}: {ran:?}");
            let asked = stand.server.counters().id(parsed).total() - before;
            assert_eq!(asked > 0, allowed && way[0] != "--dry-run", "{way:?} asked {asked} times");
        }
        assert_eq!(stand.run(&["quarantine", "check", id]).status, if allowed { 0 } else { 3 }, "{id}");
    }
    for arguments in [&["scan"][..], &["probe"], &["latency", "--rounds", "1"], &["status"]] {
        stand.run(arguments).expect(0);
    }
    untouched(&stand);
}

/// Tries each of the seven and one other device under a policy.
fn all_under(stand: &Stand, policy: &Path, other: i32) {
    let policy = policy.to_str().unwrap();
    for id in SEVEN {
        for way in ways(id) {
            assert_eq!(stand.run(&[&["--policy", policy], way.as_slice()].concat()).status, 3, "{way:?} under {policy}");
        }
        let ran = Ran::of(&stand.command(&["read", id]).env("DSMIL_POLICY", policy).output().unwrap());
        assert!(ran.status == 3 && ran.err.contains(&format!("permanent/{id}")), "{ran:?}");
    }
    let before = stand.asked();
    let ran = stand.run(&["--policy", policy, "info", "0x8003"]);
    assert_eq!(ran.status, other, "{ran:?}");
    if other == 3 {
        assert!(ran.err.contains("policy-unusable") && ran.err.contains(policy), "the file is named: {ran:?}");
        assert_eq!(stand.server.counters().id(DeviceId::new(0x8003)).total(), 0, "{} requests", stand.asked() - before);
    }
    untouched(stand);
}

#[test]
fn a_policy_that_cannot_be_used_denies_everything() {
    let stand = Stand::new();
    all_under(&stand, &stand.path("missing.toml"), 3);
    for (name, text) in [
        ("empty", ""),
        ("malformed", "version = 1\n[[deny]\n"),
        ("newer", "version = 2"),
        ("releasing", "version = 1\n[[allow]]\nid = 0x8009\nreason = 'please'"),
        ("emptying", "version = 1\npermanent = []"),
        ("binary", "version = 1\0"),
    ] {
        let path = stand.path(&format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        all_under(&stand, &path, 3);
    }
    let open = stand.path("writable.toml");
    std::fs::write(&open, "version = 1").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).unwrap();
    all_under(&stand, &open, 3);
    all_under(&stand, &stand.run_dir(), 3);
}

#[test]
fn a_good_policy_adds_and_cannot_take_away() {
    let stand = Stand::new();
    let path = stand.path("good.toml");
    std::fs::write(&path, "version = 1\n[[deny]]\nfirst = 0x8030\nlast = 0x803F\nreason = 'under repair'\n").unwrap();
    all_under(&stand, &path, 0);
    let policy = path.to_str().unwrap();
    let ran = stand.run(&["--policy", policy, "read", "0x8031"]).expect(3);
    assert!(ran.err.contains("under repair") && ran.err.contains("line 2"), "{ran:?}");
    assert_eq!(stand.server.counters().id(DeviceId::new(0x8031)).total(), 0);
    let (_, list) = stand.json(&["--policy", policy, "quarantine", "list"]);
    assert_eq!(list["permanent"].as_array().unwrap().len(), 7);
    assert_eq!(list["rules"][0]["first"], "0x8030");
    assert_eq!((&list["isolations"], &list["unusable"]), (&json!([]), &json!(null)));
    let (status, check) = stand.json(&["--policy", policy, "quarantine", "check", "0x8031"]);
    let operation = &check["operations"][0];
    assert_eq!((status, &check["allowed"], &operation["explicit"]), (3, &json!(false), &json!(true)));
    assert_eq!(operation["rule"], format!("policy/{policy}/deny[0]"));
    let page = stand.run(&["--policy", policy, "quarantine", "list"]).expect(0).out;
    assert!(page.contains("0x8030-0x803F  ") && page.contains("under repair"), "{page}");
}

/// The command as another user, who has a run directory of their own and may use the device.
#[test]
fn a_policy_that_this_user_may_not_read_denies_everything() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root, which may become another user");
    let stand = Stand::new();
    let model = dsmil::sim::Config::with_seed(7);
    let place = stand.path("shared");
    let server = dsmil::sim::Server::start_with_mode(&place, model, dsmil::sim::Faults::none(), 0o666).unwrap();
    std::fs::set_permissions(stand.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = stand.path("nobody");
    common::make_private(&run);
    nix::unistd::chown(&run, Some(65534.into()), Some(65534.into())).unwrap();
    let policy = stand.path("secret.toml");
    std::fs::write(&policy, "version = 1").unwrap();
    // Where the program lies another user may have no way to it: it is handed over as an open file.
    let program = std::fs::File::open(env!("CARGO_BIN_EXE_dsmil")).unwrap();
    let own = stand.path("dsmil");
    std::io::copy(&mut &program, &mut std::fs::File::create(&own).unwrap()).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&own).args(arguments);
        command.env("DSMIL_DEVICE", server.device_path()).env("DSMIL_RUN_DIR", &run).env("DSMIL_POLICY", &policy);
        command.current_dir("/");
        Ran::of(&command.output().unwrap())
    };
    std::fs::set_permissions(&policy, std::fs::Permissions::from_mode(0o644)).unwrap();
    as_nobody(&["info", "0x8003"]).expect(0);
    std::fs::set_permissions(&policy, std::fs::Permissions::from_mode(0o600)).unwrap();
    let before = server.counters().ids().count();
    for id in SEVEN.into_iter().chain(["0x8003", "0x8004"]) {
        for way in ways(id) {
            as_nobody(&way).expect(3);
        }
    }
    let told = as_nobody(&["info", "0x8004"]).expect(3).err;
    assert!(told.contains("secret.toml") && told.contains("Permission denied"), "{told}");
    assert_eq!((server.counters().permanent(), server.counters().ids().count()), (0, before));
    let doctor = as_nobody(&["doctor"]).expect(1).out;
    assert!(doctor.contains("secret.toml"), "{doctor}");
}

#[test]
fn isolations_are_made_seen_released_and_end() {
    let stand = Stand::new();
    let (status, made) =
        stand.json(&["quarantine", "isolate", "0x8005", "--reason", "answers late", "--author", "ann", "--for", "2h"]);
    assert_eq!((status, &made["id"], &made["author"]), (0, &json!("0x8005"), &json!("ann")));
    let length = made["until_ms"].as_u64().unwrap() - made["since_ms"].as_u64().unwrap();
    assert_eq!(length, 7_200_000);
    let denied = stand.run(&["read", "0x8005"]).expect(3).err;
    assert!(denied.contains("isolation/0x8005") && denied.contains("answers late") && denied.contains("ann"), "{denied}");
    let (_, list) = stand.json(&["quarantine", "list"]);
    assert_eq!(list["isolations"], json!([made]));
    assert!(stand.run(&["quarantine", "list"]).out.contains("ann until 20"));
    let (_, released) = stand.json(&["quarantine", "release", "0x8005", "--author", "bob"]);
    assert_eq!((&released["released"], &released["isolation"]), (&json!(true), &made));
    stand.run(&["read", "0x8005"]).expect(0);
    assert_eq!(stand.run(&["quarantine", "release", "0x8005"]).expect(0).out, "0x8005 was not isolated\n");

    let (_, made) = stand.json(&["quarantine", "isolate", "0x8006", "--reason", "r", "--for", "1s"]);
    stand.run(&["info", "0x8006"]).expect(3);
    let begun = Instant::now();
    while stand.run(&["info", "0x8006"]).status == 3 {
        assert!(begun.elapsed() < Duration::from_secs(5), "it doesn't end");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(now.as_millis() >= u128::from(made["until_ms"].as_u64().unwrap()), "it ended too early");
    assert_eq!(stand.json(&["quarantine", "list"]).1["isolations"], json!([]));
}

#[test]
fn the_seven_cannot_be_released() {
    let stand = Stand::new();
    for id in SEVEN {
        // Not even after somebody isolated one, for a time that ends.
        stand.run(&["quarantine", "isolate", id, "--reason", "r", "--for", "1ms"]).expect(0);
        let refused = stand.run(&["quarantine", "release", id]).expect(3).err;
        assert!(refused.contains(&format!("permanent/{id}")), "{refused}");
        stand.run(&["read", id]).expect(3);
    }
    let (_, tail) = stand.json(&["audit", "tail", "-n", "2"]);
    let actions: Vec<_> =
        tail["records"].as_array().unwrap().iter().map(|record| json!([record["action"], record["result"]])).collect();
    assert_eq!(actions, [json!(["release", "denied"]), json!(["read", "denied"])]);
    untouched(&stand);
}

#[test]
fn isolations_that_cannot_be_read_deny_everything() {
    let stand = Stand::new();
    stand.run(&["quarantine", "isolate", "0x8005", "--reason", "r"]).expect(0);
    std::fs::write(stand.run_dir().join("isolations.db"), "no database at all").unwrap();
    let before = stand.server.counters().ids().count();
    for way in ways("0x8003") {
        stand.run(&way).expect(3);
    }
    stand.run(&["quarantine", "check", "0x8003"]).expect(3);
    assert!(stand.run(&["quarantine", "list"]).expect(0).out.contains("everything is denied"));
    assert_eq!(stand.server.counters().ids().count(), before);
    let doctor = stand.run(&["doctor"]).expect(1).out;
    assert!(doctor.contains("isolations      missing"), "{doctor}");
}

#[test]
fn the_self_check_shows_seven_of_seven() {
    let stand = Stand::new();
    let page = stand.run(&["quarantine", "self-check"]).expect(0).out;
    assert!(page.ends_with("7 of 7 enforced\n"), "{page}");
    let (status, check) = stand.json(&["quarantine", "self-check"]);
    assert_eq!((status, &check["ok"], &check["enforced"], &check["of"]), (0, &json!(true), &json!(7), &json!(7)));
    for (entry, id) in check["entries"].as_array().unwrap().iter().zip(SEVEN) {
        assert_eq!(json!([entry["id"], entry["denied"], entry["accesses"]]), json!([id, true, 0]));
        assert!(entry["control"].as_u64().unwrap() > 0, "the counter would have moved");
    }
    assert_eq!(stand.asked(), 0, "on a device of its own");
    stand.run(&["stop", "--reason", "r"]).expect(0);
    stand.run(&["quarantine", "self-check"]).expect(5);
}
