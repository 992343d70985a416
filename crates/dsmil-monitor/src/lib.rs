//! The watch: samples, gates, scores, alerts and history in one loop.

#![forbid(unsafe_code)]
