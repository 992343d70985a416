//! The C face of `dsmil`: what `include/dsmil.h` declares.
//!
//! The comments of the exported functions are the header's: they speak to the C programmer. What every
//! function keeps to (NULL, strings, threads, panics) is said once, at the head of the header, in
//! `cbindgen.toml`. Each function is a few lines: check the pointers, call the façade, hand over the result.

// The names are those that a C program writes.
#![allow(non_camel_case_types)]
// The safety contract of the exported functions is the comment that the header shows.
#![allow(clippy::missing_safety_doc)]

mod alert;
mod audit;
mod call;
mod causes;
mod device;
mod failure;
mod forked;
mod gate;
mod isolation;
mod label;
mod latency;
mod library;
mod metrics;
mod monitor;
mod monitor_options;
mod options;
mod pointer;
mod probe;
mod quarantine;
mod record;
mod running;
mod scan;
mod self_check;
mod sim;
mod status;
mod step;
mod stop;
mod verdict;

pub use alert::*;
pub use audit::*;
pub use device::*;
pub use failure::*;
pub use gate::*;
pub use isolation::*;
pub use label::*;
pub use latency::*;
pub use library::*;
pub use metrics::*;
pub use monitor::*;
pub use monitor_options::*;
pub use options::*;
pub use probe::*;
pub use quarantine::*;
pub use record::*;
pub use scan::*;
pub use self_check::*;
pub use sim::*;
pub use status::*;
pub use step::*;
pub use stop::*;
pub use verdict::*;
