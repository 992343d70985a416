//! Where a case is carried out: a simulated device in this process, the same one served as a file, or the kernel module's.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dsmil::sim::{COUNTERS_FILE, Config, Faults, Model, Server};
use dsmil::{Device, DeviceId, Error, Isolations, Limits, OpenOptions, RunDir, SharedModel};
use serde::Deserialize;

use crate::case::Case;
use crate::kernel_device::KernelDevice;

/// The places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    InProcess,
    Served,
    Kernel,
}

/// What the driver itself counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Counted {
    pub(crate) requests: BTreeMap<String, u64>,
    ids: BTreeMap<String, IdCount>,
}

#[derive(Debug, Deserialize)]
struct IdCount {
    total: u64,
}

impl Counted {
    pub(crate) fn accesses(&self, id: u16) -> u64 {
        self.ids.get(&DeviceId::new(id).to_string()).map_or(0, |count| count.total)
    }
}

/// A simulated device with a run directory and a policy of its own.
pub(crate) struct Stand {
    /// Before the folder, which can only be removed once nothing is mounted in it.
    driver: Driver,
    folder: tempfile::TempDir,
    policy: PathBuf,
}

enum Driver {
    Model(SharedModel),
    Server(Server),
    Kernel(KernelDevice),
}

impl Stand {
    pub(crate) fn set_up(case: &Case, place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let policy = folder.path().join("policy.toml");
        // Always one, so that DSMIL_POLICY has no say; this one adds nothing.
        std::fs::write(&policy, case.policy.as_deref().unwrap_or("version = 1\n")).unwrap();
        std::fs::set_permissions(&policy, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = Config::parse_options(&case.device).unwrap();
        let faults = Faults::parse(&case.faults, Path::new(&case.name)).unwrap();
        let driver = match place {
            Place::InProcess => {
                let mut model = Model::new(config);
                model.set_faults(faults);
                Driver::Model(Arc::new(Mutex::new(model)))
            }
            Place::Served => Driver::Server(Server::start(folder.path().join("served"), config, faults).unwrap()),
            Place::Kernel => {
                let device = KernelDevice::claim(&case.device).expect("DSMIL_TEST_DEVICE: make test-kernel");
                device.set_faults(&faults);
                Driver::Kernel(device)
            }
        };
        Self { driver, folder, policy }
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub(crate) fn policy(&self) -> &Path {
        &self.policy
    }

    pub(crate) fn open(&self, case: &Case) -> Result<Device, Error> {
        let options = self.options(case);
        match &self.driver {
            Driver::Model(model) => options.open_model(Arc::clone(model)),
            Driver::Server(server) => options.open(server.device_path().to_str().unwrap()),
            Driver::Kernel(device) => options.open(device.path().to_str().unwrap()),
        }
    }

    /// What is done to the device between opening it and using it.
    pub(crate) fn prepare(&self, case: &Case) {
        if let Some(id) = case.isolate {
            let run = RunDir::open(&self.run_dir()).unwrap();
            Isolations::new(run).isolate(DeviceId::new(id), "conformance", "conformance", None).unwrap();
        }
        if case.stop {
            dsmil::emergency_stop(&self.run_dir(), "conformance").unwrap();
        }
    }

    /// The driver's own count: of a served device, read as any other program would.
    pub(crate) fn counted(&self) -> Counted {
        let text = match &self.driver {
            Driver::Model(model) => model.lock().unwrap().counters().to_json(),
            Driver::Server(server) => std::fs::read_to_string(server.path().join(COUNTERS_FILE)).unwrap(),
            Driver::Kernel(device) => device.counters_json(),
        };
        serde_json::from_str(&text).unwrap()
    }

    fn options(&self, case: &Case) -> OpenOptions {
        let own = Limits::default();
        let limits = Limits {
            // A machine that is busy with something else fails no case.
            call_deadline: Duration::from_millis(case.limits.call_deadline_ms.unwrap_or(5_000)),
            transfer_deadline: Duration::from_millis(case.limits.transfer_deadline_ms.unwrap_or(30_000)),
            tries: case.limits.tries.unwrap_or(own.tries),
            attempts: case.limits.attempts.unwrap_or(own.attempts),
            ..own
        };
        Device::options().run_dir(self.run_dir()).policy(&self.policy).limits(limits).dry_run(case.dry_run)
    }
}
