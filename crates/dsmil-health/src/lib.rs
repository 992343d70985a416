//! Checks that really ran, and the health and security scores made of them; what is unusual for a device.
//!
//! [`Checks`] runs the built-in checks and those that others [add](Builder::register) against a [`Context`], and makes two
//! [`Score`]s of their results: 100 × Σ (weight × share) ÷ Σ weight. A check that could not run has the share 0. Checks of
//! health look at [samples](dsmil_gate::Samples) and ask the driver; checks of security look at the machine itself.
//!
//! [`Baselines`] learn what is usual for each device, and tell what isn't.
//!
//! Time is an argument, in milliseconds since the Unix epoch. Every number of this crate stands in `docs/scores.md`.
//!
//! ```
//! use dsmil_gate::{Labels, Samples};
//! use dsmil_health::{Checks, Context, ScoresConfig};
//!
//! let mut checks = Checks::new(ScoresConfig::default())?;
//! let mut samples = Samples::new();
//! samples.record("cpu_percent", &Labels::default(), 1000, 40.0);
//! let scores = checks.run(&Context::new(&samples, "/nonexistent"), 1000);
//! assert!(scores.health.check("cpu-headroom").unwrap().has_passed());
//! assert!(scores.security.value < 50.0); // hardly anything could be shown
//! # Ok::<(), dsmil_health::HealthError>(())
//! ```

#![forbid(unsafe_code)]

mod attest;
mod baseline;
mod check;
mod checks;
mod config;
mod context;
mod error;
mod file_rule;
mod health;
mod score;
mod security;

pub use attest::Attestation;
pub use baseline::{Assessment, BaselineConfig, Baselines, Judgement, Reason, SavedBaselines, Unusual};
pub use check::{Check, CheckFn, CheckResult, Evidence, Found, Kind, Outcome, Source};
pub use checks::{Builder, Checks, Scores};
pub use config::{Band, DiskRule, ScoresConfig};
pub use context::Context;
pub use error::HealthError;
pub use file_rule::{FileMode, FileRule, FileType, Owner};
pub use score::{FORMULA, Score};
pub use security::AuditAnchor;
