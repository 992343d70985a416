//! What the monitor itself costs.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};

use super::ProcFile;
use crate::{Batch, SampleError, Sampler};

/// `monitor_cpu_percent` (of one processor, since the sample before) and `monitor_memory_bytes` (resident) of this process.
#[derive(Debug)]
pub struct OwnSampler {
    file: ProcFile<128>,
    last: Option<(Duration, Duration)>,
}

impl Default for OwnSampler {
    fn default() -> Self {
        Self::new()
    }
}

impl OwnSampler {
    /// Reads nothing yet.
    pub fn new() -> Self {
        Self { file: ProcFile::new(Path::new("/proc/self"), "statm"), last: None }
    }

    /// The processor time that this process has had.
    fn used() -> Result<Duration, SampleError> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|errno| SampleError::System { what: "getrusage", errno })?;
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Duration::from_micros(microseconds.unsigned_abs()))
    }
}

impl Sampler for OwnSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        vec!["monitor_cpu_percent".into(), "monitor_memory_bytes".into()]
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let (at, now, used) = (batch.now(), batch.steady(), Self::used()?);
        // The first time: since the start, which is not known here, so nothing.
        if let Some((then, before)) = self.last.replace((now, used)) {
            let passed = now.saturating_sub(then);
            if !passed.is_zero() {
                let percent = 100.0 * used.saturating_sub(before).as_secs_f64() / passed.as_secs_f64();
                batch.add("monitor_cpu_percent", at, percent);
            }
        }
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096);
        let text = self.file.read()?;
        let Some(pages) = text.split_ascii_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()) else {
            return Err(SampleError::parse("/proc/self/statm", "its second word is not a number of pages"));
        };
        batch.add("monitor_memory_bytes", at, pages.saturating_mul(page) as f64);
        Ok(())
    }
}
