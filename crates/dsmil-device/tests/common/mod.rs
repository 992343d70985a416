//! What the tests of this crate share: run directories, served devices, and children of their own.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(unreachable_pub, reason = "a module of every test binary")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dsmil_device::{Device, OpenOptions};
use dsmil_sim::Server;
use dsmil_sim::{Config, Faults};
use tempfile::TempDir;

/// A run directory of its own for a test.
pub fn run_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

/// Options with that run directory.
pub fn options(run: &TempDir) -> OpenOptions {
    Device::options().run_dir(run.path())
}

pub fn faults(text: &str) -> Faults {
    Faults::parse(text, Path::new("test.toml")).unwrap()
}

/// A simulated device that real ioctls reach, and the folder that it is served in.
pub struct Served {
    pub server: Server,
    pub folder: TempDir,
}

impl Served {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path().join("dsmil"), Config::with_seed(7), Faults::none()).unwrap();
        Self { server, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.server.device_path()
    }

    pub fn spec(&self) -> String {
        self.path().display().to_string()
    }
}

/// The variable that tells a child of a test binary what to do.
const ROLE: &str = "DSMIL_TEST_ROLE";

/// This test binary again, as another process that runs the test `child` in a role.
pub fn spawn_child(role: &str, run: &Path, device: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--quiet"])
        .env(ROLE, role)
        .env("DSMIL_RUN_DIR", run)
        .env("DSMIL_DEVICE", device)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The role of this process, if it is such a child.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// What a child printed after `RESULT`, once it has ended well.
pub fn result_of(child: Child) -> Vec<u64> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "a child failed: {text}");
    let line = text.lines().find_map(|line| line.split_once("RESULT").map(|(_, rest)| rest)).expect("a result");
    line.split_whitespace().map(|number| number.parse().unwrap()).collect()
}
