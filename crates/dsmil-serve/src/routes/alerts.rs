//! Alerts, who looks after them, and what happened to them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::{Extension, Json};

use super::signed;
use crate::ApiError;
use crate::app::{Shared, json_body};
use crate::auth::Caller;
use crate::model::{
    Acknowledge, Acknowledgement, Alert, AlertFilter, AlertHistory, AlertHistoryQuery, AlertState, Page, Severity,
};
use crate::params::Params;
use crate::problem::Problem;

/// The longest comment, in characters: as bytes no more than dsmil-alert keeps.
pub(crate) const MAX_COMMENT: usize = 1000;
/// The longest name of a person, in characters: with that of the key no more than dsmil-alert keeps.
const MAX_BY: usize = 50;

/// The alerts that are not over, and those that were resolved lately.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts",
    params(
        ("state" = Option<AlertState>, Query, description = "In this state only."),
        ("severity" = Option<Severity>, Query, description = "Of this severity only."),
        ("name" = Option<String>, Query, description = "Of the rule with this name only.", min_length = 1, max_length = 256),
        ("limit" = Option<u32>, Query, description = "How many on a page; 100 if not given.", minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "How many to leave out before.", minimum = 0, maximum = 1_000_000),
    ),
    responses((status = 200, description = "A page of alerts.", body = Page<Alert>))
)]
pub(crate) async fn alerts(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Page<Alert>>, Problem> {
    let mut params = Params::of(&uri)?;
    let filter = AlertFilter { state: params.word("state")?, severity: params.word("severity")?, name: params.text("name")? };
    let slice = params.slice()?;
    params.done()?;
    // Whether the monitor looks at the filter or not: nobody gets what they didn't ask for.
    let alerts = shared.ask(move |api| api.alerts(&filter).map(|all| all.into_iter().filter(|one| filter.admits(one)).collect()));
    Ok(Json(slice.cut(alerts.await?)))
}

/// Says that somebody looks after a firing alert. Needs the role `operate`.
#[utoipa::path(post, path = "/api/v1/alerts/{fingerprint}/ack", tag = "alerts",
    params(("fingerprint" = String, Path, description = "The alert.", min_length = 1, max_length = 256)),
    request_body = Acknowledge,
    responses(
        (status = 200, description = "Who looks after it now.", body = Acknowledgement),
        (status = 404, description = "There is no such alert.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It isn't firing.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn acknowledge(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    fingerprint: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Acknowledgement>, Problem> {
    Params::of(&uri)?.done()?;
    let fingerprint = path_text(fingerprint, "alert")?;
    let wish: Acknowledge = json_body(&headers, &body)?;
    check_by(wish.by.as_deref())?;
    if wish.comment.chars().count() > MAX_COMMENT {
        return Err(Problem::invalid("comment", format!("it is longer than {MAX_COMMENT} characters")));
    }
    let by = signed(wish.by.as_deref(), &caller.name);
    shared.ask(move |api| api.acknowledge(&fingerprint, &by, &wish.comment)).await.map(Json)
}

/// What happened to alerts, the newest first.
#[utoipa::path(get, path = "/api/v1/alerts/history", tag = "alerts",
    params(
        ("fingerprint" = Option<String>, Query, description = "Of this alert only.", min_length = 1, max_length = 256),
        ("from" = Option<i64>, Query, description = "Not earlier than this.", minimum = 0, maximum = 253_402_300_799_999_i64),
        ("to" = Option<i64>, Query, description = "Not later than this.", minimum = 0, maximum = 253_402_300_799_999_i64),
        ("before" = Option<i64>, Query, description = "With an id below this one: the `next_before` of a page.", minimum = 0),
        ("limit" = Option<u32>, Query, description = "How many on a page; 100 if not given.", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "A page of the journal.", body = AlertHistory))
)]
pub(crate) async fn alert_history(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<AlertHistory>, Problem> {
    let mut params = Params::of(&uri)?;
    let limit: usize = params.number("limit", 1..=1000)?.unwrap_or(100);
    let query = AlertHistoryQuery {
        fingerprint: params.text("fingerprint")?,
        from: params.time("from")?,
        to: params.time("to")?,
        before: params.number("before", 0..=i64::MAX)?,
        limit: limit + 1, // one more shows whether there is another page
    };
    params.done()?;
    let mut items = shared.ask(move |api| api.alert_history(&query)).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next_before = items.last().filter(|_| more).map(|event| event.id);
    Ok(Json(AlertHistory { items, next_before }))
}

/// A part of the path. What can't be one names nothing.
pub(crate) fn path_text(text: Result<Path<String>, PathRejection>, noun: &str) -> Result<String, Problem> {
    let absent = || Problem::from(ApiError::NotFound(format!("there is no such {noun}")));
    let Path(text) = text.map_err(|_| absent())?;
    if text.len() > 256 { Err(absent()) } else { Ok(text) }
}

pub(crate) fn check_by(by: Option<&str>) -> Result<(), Problem> {
    match by {
        Some(by) if by.trim().is_empty() || by.chars().count() > MAX_BY || by.chars().any(char::is_control) => {
            Err(Problem::invalid("by", format!("a name has 1 to {MAX_BY} characters, and no control characters")))
        }
        _ => Ok(()),
    }
}
