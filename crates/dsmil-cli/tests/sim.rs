//! `dsmil sim serve` as a process.

#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{Ran, dsmil, make_private, serve};
use nix::sys::signal::Signal;
use tempfile::TempDir;

struct Stage {
    folder: TempDir,
    place: PathBuf,
    run: PathBuf,
}

fn place() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    make_private(&run);
    Stage { place: folder.path().join("served"), run, folder }
}

impl Stage {
    fn dsmil(&self, arguments: &[&str]) -> Ran {
        let device = self.place.join("dsmil-72dev");
        let mut command = dsmil();
        command.env("DSMIL_DEVICE", device).env("DSMIL_RUN_DIR", &self.run).args(arguments);
        Ran::of(&command.output().unwrap())
    }
}

fn is_mounted(place: &Path) -> bool {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(place.to_str().unwrap())
}

#[test]
fn it_serves_until_sigterm_or_sigint_and_leaves_nothing() {
    for ending in [Signal::SIGTERM, Signal::SIGINT] {
        let here = place();
        let (mut child, line) = serve(&here.place, &["--options", "seed=7"]);
        assert!(line.ends_with("/served/dsmil-72dev"), "{line}");
        here.dsmil(&["scan"]).expect(0);
        assert_eq!(child.end(ending), Some(0), "{ending}");
        assert!(!is_mounted(&here.place));
        assert_eq!(std::fs::read_dir(&here.place).unwrap().count(), 0);
        let gone = here.dsmil(&["scan"]).expect(4);
        assert!(gone.err.contains("no such file"), "{gone:?}");
    }
}

#[test]
fn a_stale_mount_is_told_and_taken_over() {
    let here = place();
    let (mut child, _) = serve(&here.place, &[]);
    assert_eq!(child.end(Signal::SIGKILL), None);
    let stale = here.dsmil(&["scan"]).expect(4);
    assert!(stale.err.contains("the program that served this device is gone"), "{stale:?}");
    let doctor = here.dsmil(&["doctor"]).expect(1);
    assert!(doctor.out.contains("device          missing"), "{doctor:?}");
    let (mut child, _) = serve(&here.place, &[]);
    here.dsmil(&["scan"]).expect(0);
    assert_eq!(child.end(Signal::SIGTERM), Some(0));
    assert!(!is_mounted(&here.place));
}

#[test]
fn json_names_the_files() {
    let here = place();
    let (mut child, line) = serve(&here.place, &["--json", "--mode", "0640"]);
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["pid"], child.id());
    let device = std::fs::metadata(told["device"].as_str().unwrap()).unwrap();
    assert_eq!(device.permissions().mode() & 0o777, 0o640);
    for name in ["counters", "faults"] {
        std::fs::read_to_string(told[name].as_str().unwrap()).unwrap();
    }
    assert_eq!(child.end(Signal::SIGTERM), Some(0));
}

#[test]
fn faults_come_from_a_file() {
    let here = place();
    let faults = here.folder.path().join("faults.toml");
    std::fs::write(&faults, "[[fault]]\non = 'GET_THERMAL'\ndo = 'no-sensor'\n").unwrap();
    let (mut child, _) = serve(&here.place, &["--faults", faults.to_str().unwrap()]);
    assert!(here.dsmil(&["thermal"]).expect(4).err.contains("EIO"));
    here.dsmil(&["status"]).expect(0);
    assert_eq!(child.end(Signal::SIGTERM), Some(0));
}

#[test]
fn what_cannot_be_served_is_told() {
    let here = place();
    let refused = |arguments: &[&str], status: i32| {
        let ran = Ran::of(&dsmil().args(["sim", "serve"]).args(arguments).output().unwrap()).expect(status);
        assert!(ran.out.is_empty(), "{ran:?}");
        ran.err
    };
    let (full, at) = (here.folder.path().to_str().unwrap(), here.place.to_str().unwrap());
    assert!(refused(&[full], 1).contains("not empty"));
    assert!(refused(&[at, "--options", "seed=x"], 2).contains("seed=x"));
    let faults = here.folder.path().join("faults.toml");
    std::fs::write(&faults, "[[fault]]\non = 'any'\ndo = 'explode'\n").unwrap();
    assert!(refused(&[at, "--faults", faults.to_str().unwrap()], 1).contains("faults.toml:3: do:"));
    assert!(refused(&[at, "--faults", "/none.toml"], 1).contains("/none.toml"));
    let dry = Ran::of(&dsmil().args(["--dry-run", "sim", "serve", at]).output().unwrap()).expect(0);
    assert!(dry.out.starts_with("dry run: would serve "), "{dry:?}");
    assert!(!here.place.exists());
    let (mut child, _) = serve(&here.place, &[]);
    assert!(refused(&[at], 1).contains("mounted"));
    assert_eq!(child.end(Signal::SIGTERM), Some(0));
}
