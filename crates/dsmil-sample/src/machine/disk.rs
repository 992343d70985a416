//! Space on disks, by path.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dsmil_gate::Labels;
use nix::sys::statvfs::statvfs;

use crate::sampler::label;
use crate::{Batch, SampleError, Sampler};

const METRICS: [&str; 3] = ["disk_free_bytes", "disk_total_bytes", "disk_used_percent"];

/// The space of the file system that a path lies on, as `df` shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskSpace {
    /// What users other than root may still fill, in bytes.
    pub free: u64,
    /// All of it, in bytes.
    pub total: u64,
    /// How much of what such users may have is in use, 0 to 100.
    pub used_percent: f64,
}

impl DiskSpace {
    /// Asks the system. Blocks for as long as the file system does: one whose server is gone may hang.
    ///
    /// # Errors
    /// [`SampleError::Read`] with the path.
    pub fn of(path: &Path) -> Result<Self, SampleError> {
        let space = statvfs(path).map_err(|errno| SampleError::Read {
            path: path.to_owned(),
            source: errno.into(),
            remedy: Some("see that it is there and mounted, or take it out of `disks.paths`"),
        })?;
        let block = space.fragment_size().max(1);
        let used = space.blocks().saturating_sub(space.blocks_free());
        let may_have = used.saturating_add(space.blocks_available());
        Ok(Self {
            free: space.blocks_available().saturating_mul(block),
            total: space.blocks().saturating_mul(block),
            // A file system without blocks (as /proc is) is not full.
            used_percent: if may_have == 0 { 0.0 } else { 100.0 * used as f64 / may_have as f64 },
        })
    }
}

/// `disk_free_bytes{path}`, `disk_total_bytes{path}` and `disk_used_percent{path}`, with a label `use` where one is given.
#[derive(Debug)]
pub struct DiskSampler {
    paths: Vec<(PathBuf, Labels)>,
}

impl DiskSampler {
    /// Looks at these paths.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let labelled = |path: PathBuf| {
            let labels = label("path", path.display().to_string());
            (path, labels)
        };
        Self { paths: paths.into_iter().map(labelled).collect() }
    }

    /// With the label `use` for what each of these paths is for: the health score asks for more space where it is `backup` or `log`.
    #[must_use]
    pub fn uses(mut self, uses: &BTreeMap<PathBuf, String>) -> Self {
        for (path, labels) in &mut self.paths {
            if let Some(what) = uses.get(path) {
                *labels = labels.iter().chain([("use", what.as_str())]).collect();
            }
        }
        self
    }
}

impl Sampler for DiskSampler {
    fn metrics(&self) -> Vec<Cow<'static, str>> {
        METRICS.map(Cow::from).into()
    }

    fn sample(&mut self, batch: &mut Batch<'_>) -> Result<(), SampleError> {
        for (path, labels) in &self.paths {
            let at = batch.now();
            match DiskSpace::of(path) {
                Ok(space) => {
                    let values = [space.free as f64, space.total as f64, space.used_percent];
                    for (metric, value) in METRICS.into_iter().zip(values) {
                        batch.add_with(metric, labels, at, value);
                    }
                }
                Err(error) => batch.problem(error),
            }
        }
        Ok(())
    }
}
