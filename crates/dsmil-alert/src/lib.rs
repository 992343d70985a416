//! Alerts: what fires becomes notifications: who must hear of what, and when.
//!
//! [`Alerts`] follows alerts by their labels, groups them, leaves out what is silenced or inhibited, and queues what a
//! receiver must hear until it is delivered. The crate is pure: no input or output, no clock, no thread; time is an
//! argument, in milliseconds since the Unix epoch. [`Alerts::decide`] says what follows from an [`Input`], as
//! [`AlertEvent`]s; whoever holds it writes them down and then [`Alerts::apply`]s them. All events, applied in order, give
//! the same state again. What every word means stands in `docs/alerts.md`.
//!
//! ```
//! use dsmil_alert::{AlertConfig, Alerts, Input, ReceiverKind, active_alerts};
//! use dsmil_gate::{Engine, GateFile, Labels, Samples};
//!
//! let gates = GateFile::parse(
//!     r#"
//!     version = 1
//!     [[rule]]
//!     name = "cpu-high"
//!     metric = "cpu_percent"
//!     fail_when = "> 80"
//!     on_fail = "hold"
//!     on_no_data = "hold"
//!     "#,
//!     "alerts.toml",
//! )?;
//! let mut engine = Engine::new(gates);
//! let mut samples = Samples::new();
//! samples.record("cpu_percent", &Labels::default(), 1000, 91.0);
//! let evaluation = engine.evaluate(&samples, 1000);
//!
//! let config = AlertConfig { receivers: vec!["pager".into()], ..AlertConfig::default() };
//! let receivers = [("pager".to_owned(), ReceiverKind::Notified)].into();
//! let mut alerts = Alerts::new(config, receivers)?;
//! let events = alerts.decide(&Input::Observed(active_alerts(&evaluation, engine.file())), 1000)?;
//! // Here they are written down.
//! events.iter().for_each(|event| alerts.apply(event));
//! assert!(alerts.due(1000).is_empty()); // the group waits 30 s for further alerts
//!
//! for event in alerts.decide(&Input::Tick, 31_000)? {
//!     alerts.apply(&event);
//! }
//! assert_eq!(alerts.due(31_000)[0].notification.receiver, "pager");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod alert;
mod alerts;
mod config;
mod decide;
mod error;
mod event;
mod group;
mod matcher;
mod mute;
mod notification;
mod number;
mod silence;
mod state;
mod view;

pub use alert::{ActiveAlert, AlertState, Fingerprint, active_alerts};
pub use alerts::{Alerts, Due, Snapshot};
pub use config::{AlertConfig, Inhibit, ReceiverKind, Receivers, Route};
pub use decide::{MAX_ALERTS, MAX_SILENCES, MIN_ATTEMPTS, NOTIFICATION_FAILED, TOO_MANY_ALERTS};
pub use error::AlertError;
pub use event::{AlertEvent, Change, GroupRef, Input};
pub use group::{MAX_ALERTS_PER_NOTIFICATION, MAX_WAITING, MAX_WAITING_PER_GROUP};
pub use matcher::Matcher;
pub use notification::{Cause, Notification, NotifiedAlert, Status};
pub use silence::Silence;
pub use state::Ack;
pub use view::{AlertView, ReceiverView, SilenceState, SilenceView};
