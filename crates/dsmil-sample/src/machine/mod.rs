//! What the machine tells of itself.
//!
//! `/proc` and `/sys` are read here and not by the `sysinfo` crate, except for processes: where a file can't be read,
//! sysinfo goes on giving the last number, or zero, and two sensors of one label become one. What can't be read has to be
//! missing, and a hot sensor has to be seen.

mod cpu;
mod disk;
mod load;
mod memory;
mod own;
mod process;
mod temperature;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub use cpu::CpuSampler;
pub use disk::{DiskSampler, DiskSpace};
pub use load::LoadSampler;
pub use memory::MemorySampler;
pub use own::OwnSampler;
pub use process::{ProcessMatch, ProcessSampler};
pub use temperature::TemperatureSampler;

use crate::{Clock, SampleError, SystemClock};
use cpu::CpuMeter;
use memory::{MemoryMeter, MemoryReading};

/// A file of `/proc` that is read again and again: it stays open, and each read from its start is made anew.
#[derive(Debug)]
struct ProcFile<const BYTES: usize> {
    path: PathBuf,
    file: Option<File>,
    buffer: Box<[u8; BYTES]>,
}

impl<const BYTES: usize> ProcFile<BYTES> {
    fn new(root: &Path, name: &str) -> Self {
        Self { path: root.join(name), file: None, buffer: Box::new([0; BYTES]) }
    }

    /// The start of the file, as much as there is room for.
    fn read(&mut self) -> Result<&str, SampleError> {
        let fail = |error| SampleError::read(&self.path, error);
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path).map_err(fail)?),
        };
        match file.read_at(&mut self.buffer[..], 0) {
            Ok(count) => {
                str::from_utf8(&self.buffer[..count]).map_err(|_| SampleError::parse(self.path.display().to_string(), "not text"))
            }
            Err(error) => {
                self.file = None;
                Err(fail(error))
            }
        }
    }
}

/// CPU and memory in one look, without a thread or a schedule: what [`MachineSampler::sample`] gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MachineReading {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// How busy all processors were since the look before, 0 to 100; `None` at the first, and where no time has been
    /// counted since (it is counted in steps of 10 ms).
    pub cpu_percent: Option<f64>,
    /// Memory in use, 0 to 100: all but what is available.
    pub memory_percent: f64,
    /// Memory that programs can have without swapping, in bytes.
    pub memory_available_bytes: u64,
    /// All memory, in bytes.
    pub memory_total_bytes: u64,
    /// Swap in use, 0 to 100; 0 where there is no swap.
    pub swap_percent: f64,
}

/// Looks at CPU and memory whenever it is asked: for callers with a pace of their own.
///
/// ```
/// use dsmil_sample::MachineSampler;
///
/// let mut machine = MachineSampler::new();
/// let first = machine.sample()?;
/// assert_eq!(first.cpu_percent, None); // busy since when?
/// assert!((0.0..=100.0).contains(&first.memory_percent));
/// # Ok::<(), dsmil_sample::SampleError>(())
/// ```
#[derive(Debug)]
pub struct MachineSampler {
    cpu: CpuMeter,
    memory: MemoryMeter,
}

impl Default for MachineSampler {
    fn default() -> Self {
        Self::new()
    }
}

impl MachineSampler {
    /// Reads nothing yet.
    pub fn new() -> Self {
        Self::with_root(Path::new("/proc"))
    }

    /// The same below another folder than `/proc`.
    pub fn with_root(root: &Path) -> Self {
        Self { cpu: CpuMeter::new(root), memory: MemoryMeter::new(root) }
    }

    /// Looks. Takes some microseconds.
    ///
    /// # Errors
    /// [`SampleError::Read`] or [`SampleError::Parse`] with the file.
    pub fn sample(&mut self) -> Result<MachineReading, SampleError> {
        let at = SystemClock.unix_ms();
        let cpu_percent = self.cpu.percent()?;
        let MemoryReading { memory_percent, available, total, swap_percent } = self.memory.read()?;
        let (memory_available_bytes, memory_total_bytes) = (available, total);
        Ok(MachineReading { at, cpu_percent, memory_percent, memory_available_bytes, memory_total_bytes, swap_percent })
    }
}
