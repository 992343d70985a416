//! Which devices may be touched.
//!
//! Seven ids are [quarantined for ever](dsmil_protocol::PERMANENT) and compiled in. A [`Policy`] file
//! adds ids and ranges and can take nothing away; an [`Isolation`] adds an id for a time. A
//! [`Quarantine`] is all of that together, and [`Quarantine::clear`] is the only way to a [`Cleared`],
//! without which no [`Request`] that names a device can be built.
//!
//! The crate is pure: reading the policy file and keeping the isolations is `dsmil-device`'s work, and
//! time is an argument, in milliseconds since the Unix epoch.

#![forbid(unsafe_code)]

mod clear;
mod denied;
mod isolation;
mod policy;
mod policy_file;
mod request;

pub use clear::{Cleared, Operation, Quarantine};
pub use denied::{Denied, Grounds};
pub use isolation::Isolation;
pub use policy::{Policy, PolicyError, Rule};
pub use request::Request;
