//! What can be configured about the scores.

use std::collections::{BTreeMap, BTreeSet};

use dsmil_gate::{Labels, Period};
use serde::Deserialize;

use crate::{Attestation, FileRule, HealthError};

/// The section `[scores]` of the configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ScoresConfig {
    /// How old evidence may be, and over how long averages and increases are taken: 2 minutes. At least twice the longest interval
    /// of a sampler.
    pub look_back: Period,
    /// Weights in place of the built-in ones, by the name of the check: over 0, at most 1000. A check is switched off by `disabled`.
    pub weights: BTreeMap<String, f64>,
    /// Checks that don't run and don't count. The score names them.
    pub disabled: BTreeSet<String>,
    /// Within how many milliseconds a device answers in time: 100.
    pub latency_ms: f64,
    /// Errors of the devices, in percent: full marks up to 5, none from 10.
    pub error_percent: Band,
    /// The hottest sensor, in degrees Celsius: full marks up to 85, none from 95, where processors throttle themselves.
    pub temperature_celsius: Band,
    /// How much of the processors is to be free, in percent: 20.
    pub cpu_headroom_percent: f64,
    /// How much of the memory is to be free, in percent: 15.
    pub memory_headroom_percent: f64,
    /// Bytes to be free on disks. If empty: 2 GB where the label `use` is `backup`, 1 GB where it is `log`, 500 MB everywhere else.
    pub disks: Vec<DiskRule>,
    /// Further files that decide something, with their owners and modes.
    pub files: Vec<FileRule>,
    /// What somebody else attests.
    pub attestations: Vec<Attestation>,
    /// How often the whole audit log is verified, if it is longer than `audit_read_bytes`: every 6 hours. In between what was added
    /// is verified.
    pub audit_full_every: Period,
    /// How many bytes of the audit log one run reads, except for the whole verification: 8 MiB.
    pub audit_read_bytes: u64,
}

impl Default for ScoresConfig {
    fn default() -> Self {
        Self {
            look_back: Period::from_millis(120_000),
            weights: BTreeMap::new(),
            disabled: BTreeSet::new(),
            latency_ms: 100.0,
            error_percent: Band { full: 5.0, none: 10.0 },
            temperature_celsius: Band { full: 85.0, none: 95.0 },
            cpu_headroom_percent: 20.0,
            memory_headroom_percent: 15.0,
            disks: Vec::new(),
            files: Vec::new(),
            attestations: Vec::new(),
            audit_full_every: Period::from_millis(6 * 3_600_000),
            audit_read_bytes: 8 << 20,
        }
    }
}

/// From where to where a share falls, along a line: 1 up to `full`, 0 from `none` on.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The highest value with the share 1.
    pub full: f64,
    /// The lowest value with the share 0; over `full`.
    pub none: f64,
}

impl Band {
    /// The share of a value; 0 for what is no number.
    pub fn share(self, value: f64) -> f64 {
        if value <= self.full { 1.0 } else { ((self.none - value) / (self.none - self.full)).max(0.0) }
    }
}

/// Room that a disk should have: the series of `disk_free_bytes` with these labels, at least one of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DiskRule {
    /// The labels, such as `path = "/var/lib/dsmil"`.
    pub labels: BTreeMap<String, String>,
    /// Bytes that are to be free; over 0.
    pub min_free_bytes: f64,
}

impl DiskRule {
    pub(crate) fn labels(&self) -> Labels {
        self.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl ScoresConfig {
    /// Whether every value is in its range. [`Checks::new`](crate::Checks::new) asks.
    ///
    /// # Errors
    /// [`HealthError::Config`], with the key.
    pub fn check(&self) -> Result<(), HealthError> {
        let second = 1000;
        if self.look_back.as_millis() < second {
            return Err(HealthError::config("scores.look_back", "it is under a second", "write at least \"1s\""));
        }
        if self.audit_full_every.as_millis() < second {
            return Err(HealthError::config("scores.audit_full_every", "it is under a second", "write at least \"1s\""));
        }
        if self.audit_read_bytes < 1 << 20 {
            let what = format!("{} bytes are too few", self.audit_read_bytes);
            return Err(HealthError::config("scores.audit_read_bytes", what, "write at least 1048576"));
        }
        for (name, weight) in &self.weights {
            check_weight(&format!("scores.weights.{name}"), *weight)?;
        }
        positive("scores.latency_ms", self.latency_ms)?;
        for (key, band) in [("error_percent", self.error_percent), ("temperature_celsius", self.temperature_celsius)] {
            if !(band.full.is_finite() && band.none.is_finite() && band.full < band.none) {
                let what = format!("full = {} is not below none = {}", band.full, band.none);
                return Err(HealthError::config(format!("scores.{key}"), what, "give full marks up to the lower one"));
            }
        }
        for (key, percent) in
            [("cpu_headroom_percent", self.cpu_headroom_percent), ("memory_headroom_percent", self.memory_headroom_percent)]
        {
            if !(percent > 0.0 && percent < 100.0) {
                let what = format!("{percent} is not between 0 and 100");
                return Err(HealthError::config(format!("scores.{key}"), what, "write how much is to be free, in percent"));
            }
        }
        for (index, disk) in self.disks.iter().enumerate() {
            positive(&format!("scores.disks[{index}].min_free_bytes"), disk.min_free_bytes)?;
        }
        for (index, file) in self.files.iter().enumerate() {
            file.check(&format!("scores.files[{index}]"))?;
        }
        for (index, attestation) in self.attestations.iter().enumerate() {
            attestation.check(&format!("scores.attestations[{index}]"))?;
        }
        Ok(())
    }
}

pub(crate) fn positive(key: &str, value: f64) -> Result<(), HealthError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(HealthError::config(key, format!("{value} is not over 0"), "write a number over 0"))
}

pub(crate) fn check_weight(key: &str, weight: f64) -> Result<(), HealthError> {
    if weight > 0.0 && weight <= 1000.0 {
        return Ok(());
    }
    let what = format!("the weight {weight} is not over 0 and at most 1000");
    Err(HealthError::config(key, what, "to switch a check off, put its name into scores.disabled: the score then says so"))
}
