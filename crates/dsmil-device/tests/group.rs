//! A run directory that a group shares: each member can use the device, isolate, stop, and append to
//! the log that another member began.

#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{role, run_dir};
use dsmil_device::{Device, Error, Isolations, RunDir, clear_stop, emergency_stop};

/// Numbers that no account of the machine needs to have.
const GROUP: u32 = 61_234;
const USERS: [u32; 2] = [61_235, 61_236];

#[test]
fn child() {
    let Some(role) = role() else { return };
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let run = std::path::PathBuf::from(std::env::var_os("DSMIL_RUN_DIR").unwrap());
    let device = Device::options().open("sim:").unwrap();
    assert!(matches!(device.read(0x8009.into()), Err(Error::Denied { unrecorded: None, .. })));
    let isolations = Isolations::new(RunDir::open(&run).unwrap());
    isolations.isolate(0x8004.into(), "by a member", &role, None).unwrap();
    assert!(matches!(device.read(0x8004.into()), Err(Error::Denied { .. })));
    assert!(emergency_stop(&run, &role).unwrap().unrecorded.is_none());
    assert!(clear_stop(&run, &role).unwrap());
    isolations.release(0x8004.into(), &role).unwrap();
    device.read(0x8004.into()).unwrap();
}

fn as_member(user: u32, run: &Path) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env("DSMIL_TEST_ROLE", format!("user {user}"));
    command.env("DSMIL_RUN_DIR", run).uid(user).gid(GROUP).current_dir("/");
    command.status().unwrap().success()
}

#[test]
fn members_of_the_group_share_everything_and_others_nothing() {
    assert!(nix::unistd::geteuid().is_root(), "this test plays several users: run it as root");
    let run = run_dir();
    chown(run.path(), Some(0), Some(GROUP)).unwrap();
    fs::set_permissions(run.path(), fs::Permissions::from_mode(0o2770)).unwrap();
    for _ in 0..2 {
        for user in USERS {
            assert!(as_member(user, run.path()), "user {user}");
        }
    }
    let report = dsmil_audit::verify(run.path().join("audit"), None).unwrap();
    assert!(report.is_clean(), "{report:?}");
    let mut outsider = Command::new(std::env::current_exe().unwrap());
    outsider.args(["--exact", "child"]).env("DSMIL_TEST_ROLE", "outsider").env("DSMIL_RUN_DIR", run.path());
    assert!(!outsider.uid(USERS[0]).gid(USERS[0]).current_dir("/").output().unwrap().status.success());
}
