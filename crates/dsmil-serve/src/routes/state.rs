//! How things are now.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::app::Shared;
use crate::auth::Caller;
use crate::model::{Device, Page, Probe, Score, Status, Verdicts};
use crate::params::Params;
use crate::problem::Problem;

/// What a probe says to everybody: no more than whether all is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Pulse {
    /// Whether all is well. Why not: ask `/api/v1/status` with a key.
    ok: bool,
}

fn pulse(probe: &Result<Probe, Problem>) -> Response {
    // A monitor that panics over the question is not well.
    let ok = probe.as_ref().is_ok_and(|probe| probe.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Pulse { ok })).into_response()
}

/// Whether the process works at all.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses(
    (status = 200, description = "It does.", body = Pulse),
    (status = 503, description = "It doesn't.", body = Pulse),
))]
pub(crate) async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    pulse(&shared.ask(|api| Ok(api.live())).await)
}

/// Whether the monitor does its work.
#[utoipa::path(get, path = "/readyz", tag = "probes", responses(
    (status = 200, description = "It does.", body = Pulse),
    (status = 503, description = "It doesn't.", body = Pulse),
))]
pub(crate) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    pulse(&shared.ask(|api| Ok(api.ready())).await)
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "state", responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub(crate) async fn openapi(uri: Uri) -> Result<Json<serde_json::Value>, Problem> {
    Params::of(&uri)?.done()?;
    Ok(Json(crate::document::openapi()))
}

/// How the monitor is, with reasons, and as whom it knows the asker.
#[utoipa::path(get, path = "/api/v1/status", tag = "state", responses((status = 200, description = "The status.", body = Status)))]
pub(crate) async fn status(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Json<Status>, Problem> {
    Params::of(&uri)?.done()?;
    let (live, ready) = shared.ask(|api| Ok((api.live(), api.ready()))).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Json(Status { version, live, ready, key: caller.name, role: caller.role.to_string() }))
}

/// The health score and the checks behind it.
#[utoipa::path(get, path = "/api/v1/health", tag = "state", responses((status = 200, description = "The score.", body = Score)))]
pub(crate) async fn health(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Score>, Problem> {
    Params::of(&uri)?.done()?;
    shared.ask(Api::health).await.map(Json)
}

/// The security score and the checks behind it.
#[utoipa::path(get, path = "/api/v1/security", tag = "state", responses((status = 200, description = "The score.", body = Score)))]
pub(crate) async fn security(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Score>, Problem> {
    Params::of(&uri)?.done()?;
    shared.ask(Api::security).await.map(Json)
}

/// The devices, ordered by id.
#[utoipa::path(get, path = "/api/v1/devices", tag = "state",
    params(
        ("limit" = Option<u32>, Query, description = "How many on a page; 100 if not given.", minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "How many to leave out before.", minimum = 0, maximum = 1_000_000),
    ),
    responses((status = 200, description = "A page of devices.", body = Page<Device>))
)]
pub(crate) async fn devices(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Page<Device>>, Problem> {
    let mut params = Params::of(&uri)?;
    let slice = params.slice()?;
    params.done()?;
    Ok(Json(slice.cut(shared.ask(Api::devices).await?)))
}

/// What the gates decide now, and on what evidence.
#[utoipa::path(get, path = "/api/v1/verdicts", tag = "state",
    responses((status = 200, description = "The verdicts.", body = Verdicts))
)]
pub(crate) async fn verdicts(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Verdicts>, Problem> {
    Params::of(&uri)?.done()?;
    shared.ask(Api::verdicts).await.map(Json)
}
