//! The device of the kernel module (`kernel/dsmil-sim`), for tests that can run on it: where `DSMIL_TEST_DEVICE` names its node.
//! Included by path into the tests of several crates.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dsmil_sim::Faults;

/// The variable that names the node.
pub const TEST_DEVICE: &str = "DSMIL_TEST_DEVICE";

/// Where the module is told what to do.
const CONTROL: &str = "/sys/kernel/debug/dsmil-sim";

/// There is one driver, and one test at a time has it: in this process, and by the file's lock among processes.
static TURN: Mutex<()> = Mutex::new(());

/// The driver, restarted for one test.
#[derive(Debug)]
pub struct KernelDevice {
    path: PathBuf,
    control: PathBuf,
    _among_processes: File,
    _in_process: MutexGuard<'static, ()>,
}

impl KernelDevice {
    /// The device, where there is one to test on, with these options, no faults and nothing counted.
    pub fn claim(options: &str) -> Option<Self> {
        let path = std::env::var_os(TEST_DEVICE).map(PathBuf::from)?;
        let in_process = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let among_processes = File::create("/run/dsmil-test.lock").expect("a file to lock");
        among_processes.lock().expect("the lock");
        let device = Self { path, control: CONTROL.into(), _among_processes: among_processes, _in_process: in_process };
        device.write("options", if options.is_empty() { "\n" } else { options });
        Some(device)
    }

    /// The node.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the faults, none of which has acted yet.
    pub fn set_faults(&self, faults: &Faults) {
        self.write("faults", &fault_lines(faults));
    }

    /// What the module counted: the same JSON as a served device's.
    pub fn counters_json(&self) -> String {
        fs::read_to_string(self.control.join("counters.json")).expect("the module's counters")
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.control.join(file);
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}: {text}", file.display()));
    }
}

/// The faults as the module reads them: one a line. A fault file that the library wrote has a key a line, and no text that
/// has a space, a quote or a line's end.
fn fault_lines(faults: &Faults) -> String {
    let word = |line: &str| line.chars().filter(|c| !" \"[]".contains(*c)).collect::<String>();
    let entry = |text: &str| text.lines().map(word).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    faults.to_toml().split("[[fault]]").map(entry).collect::<Vec<_>>().join("\n") + "\n"
}
