//! The extension module under the Python package `dsmil`: what must be fast, or must not hold Python's
//! global lock. Names, defaults and documentation for users are in `python/dsmil`; this module is private.
//!
//! Four rules hold here. Whatever may block runs detached from the interpreter (`blocking`). A panic
//! becomes an exception of ours. Each error of the core becomes the exception that its
//! [`kind`](dsmil::Error::kind) names. Arguments are judged before anything is done.

#![forbid(unsafe_code)]
// PyO3 makes an argument for each call and hands it over.
#![allow(clippy::needless_pass_by_value)]

mod argument;
mod audit;
mod bell;
mod blocking;
mod command;
mod desk;
mod device;
mod error;
mod gate;
mod machine;
mod metrics;
mod monitor;
mod quarantine;
mod record;
mod sim;
mod steps;
mod stop;

use pyo3::prelude::*;

#[pymodule]
mod _dsmil {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::audit::{audit_tail, audit_verify};
    #[pymodule_export]
    use super::command::command;
    #[pymodule_export]
    use super::desk::Desk;
    #[pymodule_export]
    use super::device::Device;
    #[pymodule_export]
    use super::gate::{Gate, gate_tests};
    #[pymodule_export]
    use super::machine::{MachineSample, sample_machine};
    #[pymodule_export]
    use super::metrics::{_measurement, Measurement};
    #[pymodule_export]
    use super::monitor::{Monitor, validate};
    #[pymodule_export]
    use super::quarantine::{Quarantine, isolate, isolations, permanent, release, self_check};
    #[pymodule_export]
    use super::record::{DeviceRecord, decode_scan};
    #[pymodule_export]
    use super::sim::{Model, Server};
    #[pymodule_export]
    use super::steps::Steps;
    #[pymodule_export]
    use super::stop::{clear_stop, emergency_stop, stop_state};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
