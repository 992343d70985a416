//! Samplers: what is measured, on a steady clock.
//!
//! A [`Sampler`] looks at something when it is told to. A [`Runner`] tells many of them, each at its own pace and in its
//! own thread, and gives what they saw to one consumer as [`SamplerReport`]s. A [`Ticker`] is the pace itself: pure, on
//! `CLOCK_BOOTTIME`, so that a suspend shows as missed ticks and a wall clock that jumps doesn't show at all.
//!
//! Each [`Measurement`](dsmil_gate::Measurement) bears the time of the observation. What can't be read is an error or is
//! missing; a number that is older than it says is never given.

#![forbid(unsafe_code)]

mod alarm;
mod build;
mod clock;
mod config;
mod devices;
mod error;
mod machine;
mod quarantine;
mod runner;
mod sampler;
mod source;
mod ticker;
mod workers;

pub use alarm::{Alarm, Waker};
pub use build::Parts;
pub use clock::{Clock, SystemClock};
pub use config::{
    CommandConfig, DevicesConfig, DisksConfig, FileConfig, Pace, ProcessConfig, ProcessesConfig, PrometheusConfig, QueryConfig,
    SampleConfig,
};
pub use devices::{DeviceSampler, OpenDevice};
pub use error::SampleError;
pub use machine::{
    CpuSampler, DiskSampler, DiskSpace, LoadSampler, MachineReading, MachineSampler, MemorySampler, OwnSampler, ProcessMatch,
    ProcessSampler, TemperatureSampler,
};
pub use quarantine::QuarantineSampler;
pub use runner::{MAX_SAMPLERS, Runner, SamplerReport, Unreadable};
pub use sampler::{Batch, MAX_MEASUREMENTS, Sampler, Scheduled, sample_once};
pub use source::{CallbackResult, CallbackSampler, CommandSampler, FileSampler, Marks, PrometheusQuery, PrometheusSampler};
pub use ticker::{Tick, Ticker};
pub use workers::{WorkerState, Workers, WorkersSampler, Working};

/// The examples of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/metrics.md")]
struct Documentation;
