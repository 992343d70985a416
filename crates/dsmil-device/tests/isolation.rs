//! Isolations: who is isolated stays so, across processes and restarts, until it ends.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use common::{options, run_dir};
use dsmil_device::{Device, Error, Isolations, RunDir, SelfCheck};
use dsmil_protocol::{DeviceId, PERMANENT};

fn isolations(run: &tempfile::TempDir) -> Isolations {
    Isolations::new(RunDir::open(run.path()).unwrap())
}

fn key(result: Result<Vec<u8>, Error>) -> String {
    match result {
        Err(Error::Denied { denied, .. }) => denied.key(),
        other => format!("{:?}", other.map(|data| data.len())),
    }
}

const ID: DeviceId = DeviceId::new(0x8004);

#[test]
fn an_isolated_device_is_denied_in_handles_that_were_open_before_and_in_new_ones() {
    let run = run_dir();
    let before = options(&run).open("sim:").unwrap();
    before.read(ID).unwrap();
    isolations(&run).isolate(ID, "odd answers", "ada", None).unwrap();
    assert_eq!(key(before.read(ID)), "isolation/0x8004");
    let after = options(&run).open("sim:").unwrap();
    let error = after.info(ID).unwrap_err();
    assert!(error.to_string().contains("odd answers") && error.to_string().contains("ada"), "{error}");
    let released = isolations(&run).release(ID, "bea").unwrap().unwrap();
    assert_eq!(released.author, "ada");
    before.read(ID).unwrap();
    after.info(ID).unwrap();
    assert_eq!(isolations(&run).release(ID, "bea").unwrap(), None);
    let log = fs::read_to_string(run.path().join("audit/audit.jsonl")).unwrap();
    for part in ["\"action\":\"isolate\"", "\"action\":\"release\"", "odd answers", "released by bea", "\"result\":\"denied\""] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
    assert!(dsmil_audit::verify(run.path().join("audit"), None).unwrap().is_clean());
}

#[test]
fn one_that_has_an_end_ends_by_itself() {
    let run = run_dir();
    let device = options(&run).open("sim:").unwrap();
    isolations(&run).isolate(ID, "for a moment", "ada", Some(Duration::from_millis(300))).unwrap();
    assert_eq!(key(device.read(ID)), "isolation/0x8004");
    std::thread::sleep(Duration::from_millis(350));
    device.read(ID).unwrap();
    assert!(isolations(&run).active().unwrap().is_empty());
    // Its place is free again.
    isolations(&run).isolate(ID, "once more", "ada", None).unwrap();
    assert_eq!(isolations(&run).active().unwrap().len(), 1);
}

#[test]
fn the_permanent_seven_cannot_be_released() {
    let run = run_dir();
    for entry in PERMANENT {
        isolations(&run).isolate(entry.id, "belt and braces", "ada", Some(Duration::from_millis(1))).unwrap();
        let error = isolations(&run).release(entry.id, "mallory").unwrap_err();
        assert!(matches!(error, Error::Denied { unrecorded: None, .. }), "{error}");
    }
    assert!(SelfCheck::run(options(&run)).unwrap().is_ok());
    let log = fs::read_to_string(run.path().join("audit/audit.jsonl")).unwrap();
    assert_eq!(log.matches("\"action\":\"release\"").count(), 7);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let run = run_dir();
    let list = isolations(&run);
    for result in [
        list.isolate(ID, " ", "ada", None),
        list.isolate(ID, "reason", "", None),
        list.isolate(ID, "reason", "ada", Some(Duration::ZERO)),
        list.isolate(DeviceId::new(0x9000), "reason", "ada", None),
    ] {
        assert!(matches!(result, Err(Error::Argument { .. })), "{result:?}");
    }
    assert!(list.active().unwrap().is_empty());
    assert!(!run.path().join("isolations.db").exists());
}

/// Fail closed: a list that can't be read may hold any device.
#[test]
fn a_list_that_cannot_be_read_denies_everything() {
    type Damage = fn(&std::path::Path);
    let damage: [(&str, Damage); 4] = [
        ("damaged", |path| fs::write(path, "not a database at all, but long enough to be looked at").unwrap()),
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("writable", |path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap()),
        ("directory", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (how, damage) in damage {
        let run = run_dir();
        isolations(&run).isolate(ID, "reason", "ada", None).unwrap();
        let database = run.path().join("isolations.db");
        for more in ["-wal", "-shm"] {
            let _ = fs::remove_file(run.path().join(format!("isolations.db{more}")));
        }
        damage(&database);
        let device: Device = options(&run).open("sim:").unwrap();
        assert_eq!(key(device.read(DeviceId::new(0x8003))), "policy-unusable", "{how}");
        assert!(matches!(isolations(&run).active(), Err(Error::Isolations { .. })), "{how}");
        // What names no device goes on.
        device.scan().unwrap();
    }
}

#[test]
fn many_processes_change_the_list_at_once() {
    let run = run_dir();
    std::thread::scope(|scope| {
        for worker in 0..4u16 {
            let run = &run;
            scope.spawn(move || {
                for index in 0..10 {
                    let id = DeviceId::new(0x8030 + worker * 16 + index);
                    isolations(run).isolate(id, "many", "ada", None).unwrap();
                }
            });
        }
    });
    assert_eq!(isolations(&run).active().unwrap().len(), 40);
    assert!(dsmil_audit::verify(run.path().join("audit"), None).unwrap().is_clean());
}

#[test]
fn a_run_directory_may_be_reached_by_a_link() {
    let run = run_dir();
    let real = run.path().join("real");
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
    let link = run.path().join("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    Isolations::new(RunDir::open(&link).unwrap()).isolate(ID, "odd answers", "ada", None).unwrap();
    let device = Device::options().run_dir(&link).open("sim:").unwrap();
    assert_eq!(key(device.read(ID)), "isolation/0x8004");
    device.read(DeviceId::new(0x8003)).unwrap();
}
