//! The watch: samples, gates, scores, alerts and history in one loop.
//!
//! [`Core`] is the watch without its clock: what came in and the time make a [`Step`], and everything that a step decides is on
//! the disk before anyone is told of it. [`Monitor`] is the loop around it: samplers, scores and receivers in threads of their
//! own. `docs/monitor.md` says how it is configured and what it promises.

#![forbid(unsafe_code)]

mod catalogue;
mod config;
mod core;
mod courier;
mod endpoint;
mod error;
mod inbox;
mod kept;
mod monitor;
mod once;
mod own_rules;
mod place;
mod scorer;
mod stored;
mod subscription;
mod verdicts;
mod view;

pub use catalogue::{About, CATALOGUE, about_metric};
pub use config::{ConfigError, MonitorConfig};
pub use core::{
    ALERT_EVENT, ALERTS_STATE, Core, Intake, MAX_WAITING_SAMPLES, SCORES_STATE, Step, VERDICT_EVENT, VERDICTS_STATE,
    VerdictChange,
};
pub use endpoint::{Endpoint, new_silence_id};
pub use error::MonitorError;
pub use inbox::{Wish, post, wait};
pub use monitor::{Monitor, Start};
pub use once::{once, validate};
pub use own_rules::OWN_GATES;
pub use scorer::checks;
pub use stored::Stored;
pub use subscription::{MAX_WAITING_STEPS, Next, Subscription};
pub use verdicts::{MAX_EVIDENCE_BYTES, VerdictLog, verdict_entry};
pub use view::View;
