//! Talk to the `dsmil-72dev` device.
//!
//! This crate is a façade: it re-exports what programs need and has no logic of its own.
//!
//! ```
//! # fn main() -> Result<(), dsmil::Error> {
//! # let run = std::env::temp_dir().join(format!("dsmil-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&run).unwrap();
//! # use std::os::unix::fs::PermissionsExt;
//! # std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).unwrap();
//! let device = dsmil::Device::options().run_dir(&run).open("sim:seed=7")?;
//! assert_eq!(device.scan()?.records.len(), 108);
//! assert_eq!(device.read(dsmil::DeviceId::new(0x8003))?.len(), 512);
//! assert!(device.read(dsmil::DeviceId::new(0x8009)).is_err());
//! # std::fs::remove_dir_all(&run).unwrap();
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

/// Alerts: who must hear of what, and when.
#[cfg(feature = "monitor")]
pub use dsmil_alert as alert;
/// The audit log.
pub use dsmil_audit as audit;
/// Gates: may the next step be taken, and on what evidence?
pub use dsmil_gate as gate;
/// Checks, and the scores made of them.
#[cfg(feature = "monitor")]
pub use dsmil_health as health;
/// What was measured and what happened.
#[cfg(feature = "monitor")]
pub use dsmil_history as history;
/// The watch.
#[cfg(feature = "monitor")]
pub use dsmil_monitor as monitor;
/// Delivering notifications.
#[cfg(feature = "monitor")]
pub use dsmil_notify as notify;
/// The wire, for programs that take a transfer apart themselves.
pub use dsmil_protocol as protocol;
/// What is measured.
#[cfg(feature = "monitor")]
pub use dsmil_sample as sample;
/// The HTTP endpoint of the watch.
#[cfg(feature = "monitor")]
pub use dsmil_serve as serve;
/// The simulated device.
pub use dsmil_sim as sim;

pub use dsmil_device::{
    BackendSpec, DEFAULT_DEVICE, DEFAULT_RUN_DIR, DEVICE_VARIABLE, Device, EXPECTED_ANSWER, Error, Interference, InterruptCheck,
    Isolations, LatencyReport, LatencySummary, Limits, OpenFailure, OpenOptions, POLICY_VARIABLE, Probe, ProbeOutcome, Pulled,
    RUN_DIR_VARIABLE, RunDir, SYSTEM_POLICY, SelfCheck, SelfCheckEntry, SharedModel, StopRecord, clear_stop, current_quarantine,
    emergency_stop, load_policies, policy_files, stop_state,
};
pub use dsmil_protocol::{
    Access, CHUNK_BYTES, DEVICE_COUNT, DeviceId, DeviceRecord, Fault, Group, MAX_CHUNKS, MAX_READ_BYTES, OutsideRange, PERMANENT,
    ParseIdError, Permanent, RequestCode, Scan, State, SystemStatus, Transfer, TransferError, Version,
};
pub use dsmil_quarantine::{Denied, Grounds, Isolation, Operation, Policy, PolicyError, Quarantine, Rule};
