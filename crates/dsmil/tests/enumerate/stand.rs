//! A served device, or the kernel module's, with a run directory of its own, where writing is cheap.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dsmil::sim::{COUNTERS_FILE, Config, Faults, Server};
use dsmil::{Device, Error, Limits};
use serde::Deserialize;

use crate::kernel_device::KernelDevice;

/// The user and group that own nothing.
const NOBODY: u32 = 65534;

/// `counters.json`, as another program reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct Counters {
    pub(crate) permanent: u64,
    pub(crate) ids: BTreeMap<String, IdCount>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IdCount {
    pub(crate) read_device: u64,
    pub(crate) read_start: u64,
    pub(crate) read_chunk: u64,
    pub(crate) total: u64,
}

impl Counters {
    pub(crate) fn accesses(&self, id: u16) -> u64 {
        self.ids.get(&format!("0x{id:04X}")).map_or(0, |count| count.total)
    }
}

enum Driver {
    Server(Server),
    Kernel(KernelDevice),
}

pub(crate) struct Stand {
    /// Before the folder, which can only be removed once nothing is mounted in it.
    driver: Driver,
    folder: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        // In memory where there is such a place: every denial is written to the audit log.
        let place = Path::new("/dev/shm");
        let folder = if place.is_dir() { tempfile::tempdir_in(place) } else { tempfile::tempdir() }.unwrap();
        set_mode(folder.path(), 0o755);
        let run = folder.path().join("run");
        fs::create_dir(&run).unwrap();
        set_mode(&run, 0o700);
        let serve =
            || Server::start_with_mode(folder.path().join("served"), Config::with_seed(7), Faults::none(), 0o666).unwrap();
        let driver = KernelDevice::claim("seed=7").map_or_else(|| Driver::Server(serve()), Driver::Kernel);
        if let Driver::Kernel(device) = &driver {
            set_mode(device.path(), 0o666);
        }
        Self { driver, folder }
    }

    pub(crate) fn device(&self) -> PathBuf {
        match &self.driver {
            Driver::Server(server) => server.device_path(),
            Driver::Kernel(device) => device.path().to_owned(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.path().join("run")
    }

    pub(crate) fn write_policy(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    }

    pub(crate) fn open(&self, policy: &Path) -> Result<Device, Error> {
        let options = Device::options().run_dir(self.run_dir()).policy(policy).limits(patient());
        options.open(self.device().to_str().unwrap())
    }

    pub(crate) fn counters(&self) -> Counters {
        let text = match &self.driver {
            Driver::Server(server) => fs::read_to_string(server.path().join(COUNTERS_FILE)).unwrap(),
            Driver::Kernel(device) => device.counters_json(),
        };
        serde_json::from_str(&text).unwrap()
    }

    /// How many denials the audit log has, in all its files; its chain is verified too.
    pub(crate) fn audited_denials(&self) -> usize {
        let audit = self.run_dir().join("audit");
        let report = dsmil::audit::verify(&audit, None).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        let is_denial = |line: &&str| line.contains(r#""result":"denied""#);
        let count = |file| fs::read_to_string(audit.join(file)).unwrap().lines().filter(is_denial).count();
        report.files.iter().map(count).sum()
    }

    /// READ_DEVICE and READ_START as a program makes them that knows nothing of a quarantine.
    pub(crate) fn ask_past_the_library(&self, id: u16) {
        let program = "import fcntl, os, struct, sys\n\
            fd = os.open(sys.argv[1], os.O_RDWR)\n\
            for code, size in ((0xC0284D04, 40), (0x40044D09, 4)):\n\
            \x20   try: fcntl.ioctl(fd, code, bytearray(struct.pack('<I', int(sys.argv[2])).ljust(size, b'\\0')))\n\
            \x20   except OSError: pass\n";
        let mut python = Command::new("python3");
        python.args(["-c", program]).arg(self.device()).arg(id.to_string());
        assert!(python.status().expect("python3 is needed: install it").success());
    }
}

/// Limits under which a machine that is busy with something else fails no test.
pub(crate) fn patient() -> Limits {
    Limits { call_deadline: Duration::from_secs(10), transfer_deadline: Duration::from_mins(1), ..Limits::default() }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

/// Runs one test of this program as *nobody*, and returns what it printed.
pub(crate) fn run_as_nobody(stand: &Stand, policy: &Path, test: &str) -> String {
    give_to_nobody(&stand.run_dir());
    // The program itself may lie where nobody may look.
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let program = folder.path().join("enumerate");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut child = Command::new(&program);
    child.args([test, "--exact", "--nocapture"]).current_dir("/").uid(NOBODY).gid(NOBODY);
    child.env(super::CHILD, stand.device()).env("DSMIL_POLICY", policy).env("DSMIL_RUN_DIR", stand.run_dir());
    let output = child.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}
