//! Memory and swap.

use std::borrow::Cow;
use std::path::Path;

use super::ProcFile;
use crate::{Batch, SampleError, Sampler};

/// What is read of memory, in bytes and percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct MemoryReading {
    pub(super) memory_percent: f64,
    pub(super) available: u64,
    pub(super) total: u64,
    pub(super) swap_percent: f64,
}

#[derive(Debug)]
pub(super) struct MemoryMeter {
    file: ProcFile<4096>,
}

impl MemoryMeter {
    pub(super) fn new(root: &Path) -> Self {
        Self { file: ProcFile::new(root, "meminfo") }
    }

    pub(super) fn read(&mut self) -> Result<MemoryReading, SampleError> {
        let text = self.file.read()?;
        parse(text).map_err(|what| SampleError::parse(self.file.path.display().to_string(), what))
    }
}

/// The four lines that are wanted, in the kernel's order, whatever stands between them: `MemTotal:       16384 kB`.
fn parse(text: &str) -> Result<MemoryReading, String> {
    const WANTED: [&str; 4] = ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"];
    let mut found = [None; 4];
    let mut next = 0;
    for line in text.split_inclusive('\n') {
        // The kernel writes them in this order, so that one name at a time has to be looked for.
        let Some(rest) = line.strip_prefix(WANTED[next]).and_then(|rest| rest.strip_prefix(':')) else { continue };
        let kibibytes = rest.strip_suffix(" kB\n").and_then(|number| number.trim_ascii().parse::<u64>().ok());
        let bytes = kibibytes.and_then(|number| number.checked_mul(1024));
        found[next] = Some(bytes.ok_or_else(|| format!("{:?} is not a number of kB", line.trim_ascii_end()))?);
        next += 1;
        if next == WANTED.len() {
            break;
        }
    }
    let [Some(total), Some(available), Some(swap_total), Some(swap_free)] = found else {
        return Err(format!("it has no line {}:", WANTED[next]));
    };
    if total == 0 {
        return Err("MemTotal is 0".to_owned());
    }
    let used = |free: u64, total: u64| if total == 0 { 0.0 } else { 100.0 * (1.0 - free.min(total) as f64 / total as f64) };
    Ok(MemoryReading { memory_percent: used(available, total), available, total, swap_percent: used(swap_free, swap_total) })
}

/// `memory_percent`, `memory_available_bytes`, `memory_total_bytes` and `swap_percent`.
#[derive(Debug)]
pub struct MemorySampler {
    meter: MemoryMeter,
}

impl MemorySampler {
    /// Reads `meminfo` in this folder: `/proc`.
    pub fn new(root: &Path) -> Self {
        Self { meter: MemoryMeter::new(root) }
    }
}

impl Sampler for MemorySampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        ["memory_percent", "memory_available_bytes", "memory_total_bytes", "swap_percent"].map(Cow::from).into()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let at = batch.now();
        let MemoryReading { memory_percent, available, total, swap_percent } = self.meter.read()?;
        batch.add("memory_percent", at, memory_percent);
        batch.add("memory_available_bytes", at, available as f64);
        batch.add("memory_total_bytes", at, total as f64);
        batch.add("swap_percent", at, swap_percent);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test says what it expects")]

    use super::*;

    const REAL: &str = "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     250 kB\nBuffers: 1 kB\nSwapCached: 0 kB\n\
        SwapTotal:        400 kB\nSwapFree:         300 kB\nDirty: 0 kB\n";

    #[test]
    fn the_kernels_lines_are_read() {
        let read = parse(REAL).unwrap();
        assert_eq!((read.memory_percent, read.available, read.total), (75.0, 256_000, 1_024_000));
        assert_eq!(read.swap_percent, 25.0);
        let without = REAL.replace("400 kB", "0 kB").replace("300 kB", "0 kB");
        assert_eq!(parse(&without).unwrap().swap_percent, 0.0, "nothing of no swap is used");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let wrong = |from: &str, to: &str| parse(&REAL.replace(from, to)).unwrap_err();
        assert_eq!(wrong("MemAvailable", "MemElsewhere"), "it has no line MemAvailable:");
        assert_eq!(wrong("  300 kB", " many kB"), "\"SwapFree:        many kB\" is not a number of kB");
        assert_eq!(wrong("  250 kB", " 250 MB"), "\"MemAvailable:    250 MB\" is not a number of kB");
        assert_eq!(wrong("1000 kB", "0 kB"), "MemTotal is 0");
        assert_eq!(wrong("1000 kB", "99999999999999999 kB"), "\"MemTotal:        99999999999999999 kB\" is not a number of kB");
        assert_eq!(parse("").unwrap_err(), "it has no line MemTotal:");
    }
}
