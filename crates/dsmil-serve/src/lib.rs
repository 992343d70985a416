//! The endpoint: OpenMetrics, probes and a JSON interface over HTTP.

#![forbid(unsafe_code)]
