//! The load averages.

use std::borrow::Cow;
use std::path::Path;

use super::ProcFile;
use crate::{Batch, SampleError, Sampler};

const METRICS: [&str; 3] = ["load_1m", "load_5m", "load_15m"];

/// `load_1m`, `load_5m`, `load_15m`: how many threads ran or waited, on average over that time.
#[derive(Debug)]
pub struct LoadSampler {
    file: ProcFile<128>,
}

impl LoadSampler {
    /// Reads `loadavg` in this folder: `/proc`.
    pub fn new(root: &Path) -> Self {
        Self { file: ProcFile::new(root, "loadavg") }
    }
}

impl Sampler for LoadSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        METRICS.map(Cow::from).into()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let at = batch.now();
        let text = self.file.read()?;
        let number = |word: Option<&str>| word?.parse::<f64>().ok().filter(|load| load.is_finite() && *load >= 0.0);
        let mut words = text.split_ascii_whitespace();
        let loads = [(); 3].map(|()| number(words.next()));
        let [Some(one), Some(five), Some(fifteen)] = loads else {
            let what = format!("{:?} does not begin with three numbers", text.trim_ascii_end());
            return Err(SampleError::parse(self.file.path.display().to_string(), what));
        };
        for (metric, load) in METRICS.into_iter().zip([one, five, fifteen]) {
            batch.add(metric, at, load);
        }
        Ok(())
    }
}
