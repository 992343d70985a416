//! How busy the processors are.

use std::borrow::Cow;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::ProcFile;
use crate::{Batch, SampleError, Sampler};

/// The kernel counts in steps of 10 ms: what is measured over less than this says little.
const LEAST: Duration = Duration::from_millis(200);

/// Jiffies of all processors since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    busy: u64,
    total: u64,
}

/// The share of busy time between two looks.
#[derive(Debug)]
pub(super) struct CpuMeter {
    // The first line alone is wanted, and it is short.
    file: ProcFile<512>,
    last: Option<Times>,
}

impl CpuMeter {
    pub(super) fn new(root: &Path) -> Self {
        Self { file: ProcFile::new(root, "stat"), last: None }
    }

    /// How busy they were since the last look.
    pub(super) fn percent(&mut self) -> Result<Option<f64>, SampleError> {
        let text = self.file.read()?;
        let Some(now) = parse(text) else {
            let what = "its first line is not \"cpu\" and at least four numbers";
            return Err(SampleError::parse(self.file.path.display().to_string(), what));
        };
        Ok(self.last.replace(now).and_then(|last| share(last, now)))
    }

    fn is_new(&self) -> bool {
        self.last.is_none()
    }
}

/// `None` where no time has passed. A counter that went back (iowait may) counts as one that stood still.
fn share(last: Times, now: Times) -> Option<f64> {
    let total = now.total.checked_sub(last.total).filter(|total| *total > 0)?;
    let busy = now.busy.saturating_sub(last.busy).min(total);
    Some(100.0 * busy as f64 / total as f64)
}

/// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`: the guests' time is in `user` and `nice`.
fn parse(text: &str) -> Option<Times> {
    let line = text.strip_prefix("cpu ")?;
    let line = &line[..line.find('\n')?];
    let mut times = [0u64; 8];
    let mut count = 0;
    for (time, word) in times.iter_mut().zip(line.split_ascii_whitespace()) {
        *time = word.parse().ok()?;
        count += 1;
    }
    let total = times.iter().fold(0u64, |sum, time| sum.saturating_add(*time));
    let idle = times[3].saturating_add(times[4]);
    (count >= 4).then_some(Times { busy: total.saturating_sub(idle), total })
}

/// `cpu_percent`: how busy all processors were since the sample before, 0 to 100. Waiting for a disk is not busy.
#[derive(Debug)]
pub struct CpuSampler {
    meter: CpuMeter,
}

impl CpuSampler {
    /// Reads `stat` in this folder: `/proc`.
    pub fn new(root: &Path) -> Self {
        Self { meter: CpuMeter::new(root) }
    }
}

impl Sampler for CpuSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        vec!["cpu_percent".into()]
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        if self.meter.is_new() {
            self.meter.percent()?;
            sleep(LEAST.min(batch.remaining() / 2));
        }
        let at = batch.now();
        if let Some(percent) = self.meter.percent()? {
            batch.add("cpu_percent", at, percent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test says what it expects")]

    use super::*;

    #[test]
    fn the_first_line_is_read_as_the_kernel_writes_it() {
        let times = parse("cpu  100 20 30 800 40 5 5 0 60 10\ncpu0 1 2 3 4\n").unwrap();
        // The guests' 70 are in the first two already.
        assert_eq!(times, Times { busy: 160, total: 1000 });
        assert_eq!(parse("cpu  1 2 3 4\n"), Some(Times { busy: 6, total: 10 }), "an old kernel");
        for wrong in ["", "cpu", "cpu  1 2 3 4", "cpu  1 2 3\n", "cpu0 1 2 3 4\n", "cpu  1 2 x 4\n", "cpu  1 2 3 -4\n"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_share_is_of_the_time_between() {
        let at = |busy, total| Times { busy, total };
        assert_eq!(share(at(10, 100), at(40, 200)), Some(30.0));
        assert_eq!(share(at(10, 100), at(10, 100)), None, "no time has passed");
        assert_eq!(share(at(10, 100), at(5, 200)), Some(0.0), "a counter went back");
        assert_eq!(share(at(10, 100), at(5, 20)), None, "all went back: another machine");
    }
}
