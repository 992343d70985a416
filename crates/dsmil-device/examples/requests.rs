//! Makes N requests on the simulated device in the process: for counting instructions.
//!
//! `scripts/callgrind.sh requests dsmil-device` prints what one request costs, simulated driver included.

#![allow(clippy::unwrap_used, reason = "a measurement that can't go on should stop")]

use std::hint::black_box;
use std::os::unix::fs::PermissionsExt;

fn main() {
    let count: u32 = std::env::args().nth(1).map_or(1, |text| text.parse().unwrap());
    let run = std::env::temp_dir().join(format!("dsmil-requests-{}", std::process::id()));
    std::fs::create_dir_all(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
    let device = dsmil_device::Device::options().run_dir(&run).open("sim:").unwrap();
    for _ in 0..count {
        black_box(device.version().unwrap());
    }
    std::fs::remove_dir_all(&run).unwrap();
}
