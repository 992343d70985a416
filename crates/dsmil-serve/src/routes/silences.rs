//! Silences: begun, listed, ended.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::{Extension, Json};
use dsmil_gate::Labels;

use super::alerts::{MAX_COMMENT, check_by, path_text};
use super::{now, signed};
use crate::Api;
use crate::app::{Shared, json_body};
use crate::auth::Caller;
use crate::model::{NewSilence, Page, Silence, SilenceRequest};
use crate::params::{LAST_TIME, Params};
use crate::problem::Problem;

const MAX_MATCHERS: usize = 32;
/// The longest silence: a year, in milliseconds.
const LONGEST: i64 = 366 * 86_400_000;

/// All silences, those that have ended too.
#[utoipa::path(get, path = "/api/v1/silences", tag = "silences",
    params(
        ("limit" = Option<u32>, Query, description = "How many on a page; 100 if not given.", minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "How many to leave out before.", minimum = 0, maximum = 1_000_000),
    ),
    responses((status = 200, description = "A page of silences.", body = Page<Silence>))
)]
pub(crate) async fn silences(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Page<Silence>>, Problem> {
    let mut params = Params::of(&uri)?;
    let slice = params.slice()?;
    params.done()?;
    Ok(Json(slice.cut(shared.ask(Api::silences).await?)))
}

/// Begins a silence. Needs the role `operate`.
#[utoipa::path(post, path = "/api/v1/silences", tag = "silences", request_body = SilenceRequest,
    responses(
        (status = 201, description = "The silence.", body = Silence, headers(("location" = String, description = "Its path.")),
            links(("end" = (operation_id = "expire_silence", parameters(("id" = "$response.body#/id")))))),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn silence(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Silence>), Problem> {
    Params::of(&uri)?.done()?;
    let wish: SilenceRequest = json_body(&headers, &body)?;
    check_by(wish.by.as_deref())?;
    let by = signed(wish.by.as_deref(), &caller.name);
    let silence = checked(wish, now())?;
    let silence = shared.ask(move |api| api.silence(&silence, &by)).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/api/v1/silences/{}", silence.id))], Json(silence)))
}

/// Ends a silence now. Needs the role `operate`.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "silences",
    params(("id" = String, Path, description = "The silence.", min_length = 1, max_length = 256)),
    responses(
        (status = 204, description = "It has ended."),
        (status = 404, description = "There is no such silence.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has ended before.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn expire_silence(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    Params::of(&uri)?.done()?;
    let id = path_text(id, "silence")?;
    shared.ask(move |api| api.expire_silence(&id, &caller.name)).await.map(|()| StatusCode::NO_CONTENT)
}

fn checked(wish: SilenceRequest, now: i64) -> Result<NewSilence, Problem> {
    if !(1..=MAX_MATCHERS).contains(&wish.matchers.len()) {
        return Err(Problem::invalid("matchers", format!("give 1 to {MAX_MATCHERS} matchers")));
    }
    // A matcher that fits a label that isn't there asks for nothing.
    if wish.matchers.iter().all(|matcher| matcher.matches(&Labels::default())) {
        let detail = "name at least one label that must be there, such as alertname=\"cpu-high\"; this would silence everything";
        return Err(Problem::invalid("matchers", detail));
    }
    if wish.comment.trim().is_empty() || wish.comment.chars().count() > MAX_COMMENT {
        return Err(Problem::invalid("comment", format!("say why, in at most {MAX_COMMENT} characters")));
    }
    let starts_at = wish.starts_at.unwrap_or(now);
    if !(0..=LAST_TIME).contains(&starts_at) {
        return Err(Problem::invalid("starts_at", "it is no time from 1970 to 9999, in milliseconds since the Unix epoch"));
    }
    let ends_at = match (wish.ends_at, wish.duration) {
        (Some(ends_at), None) => ends_at,
        (None, Some(duration)) => starts_at.saturating_add(duration.as_millis()),
        _ => return Err(Problem::invalid("ends_at", "give either ends_at or duration")),
    };
    if ends_at <= starts_at.max(now) || ends_at.saturating_sub(starts_at) > LONGEST {
        let detail = "the silence must end after it starts, in the future, and last a year at most";
        return Err(Problem::invalid(if wish.ends_at.is_some() { "ends_at" } else { "duration" }, detail));
    }
    Ok(NewSilence { matchers: wish.matchers, starts_at, ends_at, comment: wish.comment })
}
