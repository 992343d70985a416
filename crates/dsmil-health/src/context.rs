//! What checks look at.

use std::path::{Path, PathBuf};

use dsmil_device::{BackendSpec, Device};
use dsmil_gate::Samples;

use crate::FileRule;

/// What checks look at: the samples so far, the device, and where everything is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context<'a> {
    /// What was sampled.
    pub samples: &'a Samples,
    /// The run directory.
    pub run_dir: PathBuf,
    /// The device, open.
    pub device: Option<&'a Device>,
    /// Why the device isn't open, if it isn't.
    pub device_error: Option<String>,
    /// What the device is opened as.
    pub device_spec: Option<&'a BackendSpec>,
    /// A policy beside the machine's own; otherwise the one that `DSMIL_POLICY` names.
    pub policy: Option<PathBuf>,
    /// Further files that decide something: state directory, configuration, keys, plans.
    pub files: Vec<FileRule>,
    /// A directory of this program's own in which the self-check may make, and remove, a directory; otherwise the
    /// system's for temporary files.
    pub scratch: Option<PathBuf>,
}

impl<'a> Context<'a> {
    /// Samples and a run directory; the rest is set by the methods.
    pub fn new(samples: &'a Samples, run_dir: impl Into<PathBuf>) -> Self {
        Self {
            samples,
            run_dir: run_dir.into(),
            device: None,
            device_error: None,
            device_spec: None,
            policy: None,
            files: Vec::new(),
            scratch: None,
        }
    }

    /// With the device, or why there is none.
    #[must_use]
    pub fn device(mut self, spec: &'a BackendSpec, device: Result<&'a Device, String>) -> Self {
        self.device_spec = Some(spec);
        (self.device, self.device_error) = match device {
            Ok(device) => (Some(device), None),
            Err(why) => (None, Some(why)),
        };
        self
    }

    /// With one more policy.
    #[must_use]
    pub fn policy(mut self, path: Option<impl Into<PathBuf>>) -> Self {
        self.policy = path.map(Into::into);
        self
    }

    /// With one more file that decides something.
    #[must_use]
    pub fn file(mut self, rule: FileRule) -> Self {
        self.files.push(rule);
        self
    }

    /// With a directory for the self-check.
    #[must_use]
    pub fn scratch(mut self, path: impl Into<PathBuf>) -> Self {
        self.scratch = Some(path.into());
        self
    }

    pub(crate) fn policy_path(&self) -> Option<&Path> {
        self.policy.as_deref()
    }

    /// The device, or why a check that needs it can't run.
    pub(crate) fn open_device(&self) -> Result<&'a Device, String> {
        self.device.ok_or_else(|| match &self.device_error {
            Some(why) => format!("the device is not open: {why}"),
            None => "no device is configured".to_owned(),
        })
    }
}
