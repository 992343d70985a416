//! What is served where.

pub(crate) mod alerts;
pub(crate) mod history;
pub(crate) mod metrics;
pub(crate) mod silences;
pub(crate) mod state;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::Shared;
use crate::problem::{not_found, other_method};

/// Every path. A test holds it against the OpenAPI document.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(state::healthz))
        .route("/readyz", get(state::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/openapi.json", get(state::openapi))
        .route("/api/v1/status", get(state::status))
        .route("/api/v1/health", get(state::health))
        .route("/api/v1/security", get(state::security))
        .route("/api/v1/devices", get(state::devices))
        .route("/api/v1/verdicts", get(state::verdicts))
        .route("/api/v1/alerts", get(alerts::alerts))
        .route("/api/v1/alerts/history", get(alerts::alert_history))
        .route("/api/v1/alerts/{fingerprint}/ack", post(alerts::acknowledge))
        .route("/api/v1/silences", get(silences::silences).post(silences::silence))
        .route("/api/v1/silences/{id}", delete(silences::expire_silence))
        .route("/api/v1/series", get(history::series))
        .route("/api/v1/history", get(history::history))
        .fallback(not_found)
        .method_not_allowed_fallback(other_method)
        .with_state(shared)
}

/// In milliseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Who did it, as it is kept: the key's name can't be left out or made up.
pub(crate) fn signed(by: Option<&str>, key: &str) -> String {
    by.map_or_else(|| key.to_owned(), |by| format!("{by} via {key}"))
}
