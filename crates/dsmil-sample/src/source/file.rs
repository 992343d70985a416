//! Metrics in a JSON file.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::Marks;
use crate::{Batch, SampleError, Sampler};

/// So many bytes a file may have.
const MAX_BYTES: usize = 4 << 20;

/// Reads metrics from a JSON file: `docs/metrics.md` has the format.
///
/// A value without a time was observed when the file was last written, not when it is read: one that nobody writes any more
/// grows old. Whoever writes it should write another file and rename it to this one.
#[derive(Debug)]
pub struct FileSampler {
    path: PathBuf,
    metrics: Vec<Cow<'static, str>>,
    marks: Marks,
}

impl FileSampler {
    /// Reads this file; `metrics` are those that it should give.
    pub fn new(path: impl Into<PathBuf>, metrics: impl IntoIterator<Item = String>, marks: Marks) -> Self {
        Self { path: path.into(), metrics: metrics.into_iter().map(Cow::from).collect(), marks }
    }
}

impl Sampler for FileSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        self.metrics.clone()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let fail = |error: io::Error| SampleError::read(&self.path, error);
        let origin = || self.path.display().to_string();
        // O_NONBLOCK: a pipe in the place of the file must not hold the sampler.
        let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&self.path).map_err(fail)?;
        let state = file.metadata().map_err(fail)?;
        if !state.is_file() {
            return Err(SampleError::parse(origin(), "it is not a regular file"));
        }
        let mut text = Vec::new();
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut text).map_err(fail)?;
        if text.len() > MAX_BYTES {
            return Err(SampleError::TooMuch { origin: origin(), limit: MAX_BYTES, unit: "bytes" });
        }
        let written = state.mtime().saturating_mul(1000).saturating_add(state.mtime_nsec() / 1_000_000);
        super::answer::take(&text, written, &origin(), &self.marks, batch)
    }
}
