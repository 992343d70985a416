//! Delivering notifications: log, command, webhook, Alertmanager.
//!
//! A [`Receiver`] is what a configuration file describes; [`deliver`] makes one attempt to tell it and blocks while it
//! does. When to try again, and in what order, is decided by [`dsmil_alert::Alerts`]. Formats stand in `docs/alerts.md`.

#![forbid(unsafe_code)]

mod check;
mod command;
mod deliver;
mod error;
mod http;
mod log;
mod payload;
mod receiver;

pub use deliver::{Receipt, deliver};
pub use error::NotifyError;
pub use receiver::{AlertmanagerReceiver, CommandReceiver, HttpOptions, LogReceiver, Receiver, WebhookReceiver};
