//! The only `unsafe` code of the Rust crates: the ioctl call, two memory maps, and the signal that
//! gets a thread out of a stuck call. Everything that leaves this folder is safe to use.

mod fork;
mod interrupt;
mod ioctl;
mod page;

pub(crate) use fork::{process_mark, process_page};
pub(crate) use interrupt::Watch;
pub(crate) use ioctl::ioctl;
pub(crate) use page::SharedPage;
