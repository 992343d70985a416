//! Gates: may the next step be taken, and on what evidence?
//!
//! A [`GateFile`] names rules over metrics, zones over rules, and gates over both. An [`Engine`] holds [`Samples`] against
//! it and tells for any time a [`Verdict`] with its evidence. The crate is pure: no input or output, no clock, no thread;
//! time is an argument, in milliseconds since the Unix epoch. What every word means exactly stands in `examples/gates/README.md`.
//!
//! ```
//! use dsmil_gate::{Engine, GateFile, Labels, Samples, Verdict};
//!
//! let file = GateFile::parse(
//!     r#"
//!     version = 1
//!     [[rule]]
//!     name = "cpu"
//!     metric = "cpu_percent"
//!     require = "< 75"
//!     on_fail = "hold"
//!     on_no_data = "hold"
//!     [[gate]]
//!     name = "deploy"
//!     kind = "all"
//!     rules = ["cpu"]
//!     "#,
//!     "deploy.toml",
//! )?;
//! let mut engine = Engine::new(file);
//! let mut samples = Samples::new();
//! assert_eq!(engine.evaluate(&samples, 0).verdict, Verdict::Hold); // no evidence is never go
//! samples.record("cpu_percent", &Labels::default(), 1000, 40.0);
//! assert_eq!(engine.evaluate(&samples, 1000).verdict, Verdict::Go);
//! # Ok::<(), dsmil_gate::FileError>(())
//! ```

#![forbid(unsafe_code)]

mod decide;
mod engine;
mod evidence;
mod export;
mod gate_file;
mod lint;
mod machine;
mod metrics_json;
mod notation;
mod parse;
mod parse_rule;
mod rule;
mod samples;
mod saved;
#[cfg(feature = "schema")]
mod schema;
mod test_file;
mod window;

pub use decide::Outcome;
pub use dsmil_toml::Period;
pub use dsmil_toml::{Fault, FileError};
pub use engine::{Engine, Event, MAX_SERIES_PER_RULE};
pub use evidence::{Evaluation, GateEvidence, RuleEvidence, SeriesEvidence, ZoneEvidence};
pub use export::Exported;
pub use gate_file::{Band, Gate, GateFile, Kind, Zone};
pub use lint::Lint;
pub use machine::{Machine, Phase};
pub use metrics_json::{MetricsError, MetricsText, is_label_name, is_metric_name};
pub use rule::{Condition, Function, OnFail, OnNoData, Op, Reading, Rule, Severity, Verdict};
pub use samples::{Labels, Measurement, Pushed, Sample, Samples, Series, SeriesId, is_stale};
pub use saved::{State, StateError};
pub use test_file::{TestFile, TestReport};
pub use window::Observation;
