//! Delivering notifications: log, command, webhook, Alertmanager.

#![forbid(unsafe_code)]
