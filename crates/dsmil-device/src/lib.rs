//! The way in to `dsmil-72dev`.
//!
//! A [`Device`] is opened on a [backend](BackendSpec): the driver's node, a simulated device served as a
//! file, a simulated device in the process, a recording or a replay. Whatever is asked of it goes
//! through one door, which checks the quarantine, the emergency stop and the time before each request;
//! `ioctl` is called in one place.
//!
//! ```no_run
//! use dsmil_device::Device;
//! # fn main() -> Result<(), dsmil_device::Error> {
//! let device = Device::open("sim:")?;
//! for record in device.scan()?.records {
//!     println!("{} {}", record.id, record.state);
//! }
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]

mod audit;
mod backend;
mod clock;
mod device;
mod door;
mod error;
mod isolation;
mod latency;
mod options;
mod policy;
mod probe;
mod run_dir;
mod self_check;
mod stop;
#[allow(unsafe_code)]
mod sys;
mod transfer;
mod turn;

pub use backend::{BackendSpec, DEFAULT_DEVICE, DEVICE_VARIABLE, SharedModel};
pub use device::Device;
pub use error::{Error, Interference, OpenFailure};
pub use isolation::{Isolations, current_quarantine};
pub use latency::{EXPECTED_ANSWER, LatencyReport, LatencySummary};
pub use options::{InterruptCheck, Limits, OpenOptions};
pub use policy::{POLICY_VARIABLE, SYSTEM_POLICY, load_policies, policy_files};
pub use probe::{Probe, ProbeOutcome};
pub use run_dir::{DEFAULT_RUN_DIR, RUN_DIR_VARIABLE, RunDir};
pub use self_check::{SelfCheck, SelfCheckEntry};
pub use stop::{Pulled, StopRecord, clear_stop, emergency_stop, stop_state};
