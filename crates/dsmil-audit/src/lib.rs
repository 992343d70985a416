#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod append;
mod chain;
mod dir;
mod entry;
mod error;
mod head;
mod intent;
mod lines;
mod log;
mod options;
mod record;
mod report;
mod rotate;
mod settle;
mod tail;
mod verify;

pub use entry::{Done, Entry};
pub use error::AuditError;
pub use log::{Log, Pending, Seq};
pub use options::{Clock, Durability, Options, Retention};
pub use record::{MAX_LINE, Outcome, Record, Who};
pub use report::{Expect, Finding, Kind, Repair, Report};
pub use tail::tail;
pub use verify::verify;
