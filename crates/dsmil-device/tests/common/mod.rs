//! What the tests of this crate share: run directories, served devices, and children of their own.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(unreachable_pub, reason = "a module of every test binary")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dsmil_device::{Device, OpenOptions};
use dsmil_protocol::RequestCode;
use dsmil_sim::{Config, Faults, Server};
use tempfile::TempDir;

#[path = "../../../../tests/driver/kernel_device.rs"]
mod kernel_device;

use kernel_device::KernelDevice;

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

/// A simulated device that real ioctls reach: one that is served in a folder of its own, or, where `DSMIL_TEST_DEVICE` names
/// its node, the kernel module's.
pub struct Served {
    driver: Driver,
    pub folder: TempDir,
}

enum Driver {
    Server(Server),
    Kernel(KernelDevice),
}

impl Served {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serve = || Server::start(folder.path().join("dsmil"), Config::with_seed(7), Faults::none()).unwrap();
        let driver = KernelDevice::claim("seed=7").map_or_else(|| Driver::Server(serve()), Driver::Kernel);
        Self { driver, folder }
    }

    pub fn path(&self) -> PathBuf {
        match &self.driver {
            Driver::Server(server) => server.device_path(),
            Driver::Kernel(device) => device.path().to_owned(),
        }
    }

    pub fn spec(&self) -> String {
        self.path().display().to_string()
    }

    pub fn set_faults(&self, faults: Faults) {
        match &self.driver {
            Driver::Server(server) => server.set_faults(faults),
            Driver::Kernel(device) => device.set_faults(&faults),
        }
    }

    /// What the driver itself counted.
    pub fn counters(&self) -> Counted {
        match &self.driver {
            Driver::Server(server) => Counted::of(&server.counters().to_json()),
            Driver::Kernel(device) => Counted::of(&device.counters_json()),
        }
    }

    /// Ends the service; the module's device goes on.
    pub fn stop(self) {
        if let Driver::Server(server) = self.driver {
            server.stop().unwrap();
        }
    }
}

/// `counters.json`.
#[derive(Debug)]
pub struct Counted(serde_json::Value);

impl Counted {
    fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    pub fn sequence(&self) -> u64 {
        self.0["sequence"].as_u64().unwrap()
    }

    pub fn requests(&self, request: RequestCode) -> u64 {
        self.0["requests"][request.name()].as_u64().unwrap()
    }

    /// When the last request was made, on the monotonic clock.
    pub fn last_request(&self) -> Duration {
        Duration::from_micros(self.0["last_request_us"].as_u64().unwrap())
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
