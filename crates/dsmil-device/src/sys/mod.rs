//! The only `unsafe` code of the Rust crates: the ioctl call, two memory maps, and the signal that
//! gets a thread out of a stuck call. Everything that leaves this folder is safe to use.

mod fork;
mod interrupt;
mod ioctl;
mod page;

pub(crate) use fork::process_mark;
pub(crate) use interrupt::Deadline;
pub(crate) use ioctl::ioctl;
pub(crate) use page::SharedPage;
