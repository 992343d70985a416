//! Alerts: what fires becomes notifications: who must hear of what, and when.

#![forbid(unsafe_code)]
