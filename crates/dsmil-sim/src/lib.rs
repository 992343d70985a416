//! A stand-in for the `dsmil-72dev` driver.
//!
//! [`Model`] is one driver with its 108 devices, in memory: it answers the eleven requests as the fielded
//! driver does, with each of its quirks, and does worse where [`Faults`] tell it to. It reads no
//! clock, so that a test decides what time it is, and two models with the same [`Config`] and the same
//! requests at the same times give the same answers. [`Counters`] hold what was asked of it.
//!
//! With the feature `serve`, `Server` mounts a directory in which the model is a file on which any
//! program's `ioctl(2)` works, beside its counters and its faults.
//!
//! What is simulated, and what is real: the request codes, layouts, errors and sessions are those of the
//! specification; the devices' data, temperatures and responses are made up from a seed.

#![forbid(unsafe_code)]

mod config;
mod counters;
mod device;
mod error;
mod fault_file;
pub mod faults;
mod field;
mod model;
#[cfg(feature = "serve")]
mod serve;
mod session;

pub use config::{Config, DATA_BYTES};
pub use counters::{Counters, IdCounter};
pub use device::{COOLEST, THERMAL_LIMIT, WARMEST, device_data};
pub use error::SimError;
pub use faults::{Action, FaultRule, Faults};
pub use model::{Answer, Model};
#[cfg(feature = "serve")]
pub use serve::{COUNTERS_FILE, DEVICE_FILE, DEVICE_MODE, FAULTS_FILE, Server, serve_until_signal};
