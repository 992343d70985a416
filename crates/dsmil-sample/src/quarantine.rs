//! Whether the quarantine holds: the self-check, which asks no device.

use std::borrow::Cow;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use dsmil_device::{Device, OpenOptions, SelfCheck};

use crate::{Batch, SampleError, Sampler};

/// `quarantine_enforced`: how many of the seven ids that may never be touched are denied, by every operation and without
/// an access, 0 to 7.
///
/// The check ([`SelfCheck`]) runs the library against a simulated driver in this process. It is given a run directory of
/// its own, made for it and removed after it: its denials are no attempts of anybody, and don't belong in the audit log.
#[derive(Debug)]
pub struct QuarantineSampler {
    folder: PathBuf,
    options: OpenOptions,
}

impl QuarantineSampler {
    /// Makes the run directory in this folder: a state directory of this user, or a temporary one.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), options: Device::options() }
    }

    /// With a policy, limits and so on; the run directory among them is not used.
    #[must_use]
    pub fn options(mut self, options: OpenOptions) -> Self {
        self.options = options;
        self
    }
}

impl Sampler for QuarantineSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        vec!["quarantine_enforced".into()]
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        let run = PassingFolder::make(&self.folder)?;
        let at = batch.now();
        let found = SelfCheck::run(self.options.clone().run_dir(&run.0))?;
        batch.add("quarantine_enforced", at, found.enforced() as f64);
        Ok(())
    }
}

/// A folder that is gone when this is dropped.
struct PassingFolder(PathBuf);

impl PassingFolder {
    fn make(parent: &Path) -> Result<Self, SampleError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("self-check.{}.{number}", std::process::id()));
        // One of this name that is there already belongs to somebody else: then it fails.
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| SampleError::read(&path, error))?;
        Ok(Self(path))
    }
}

impl Drop for PassingFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the self-check's folder stays behind");
        }
    }
}
