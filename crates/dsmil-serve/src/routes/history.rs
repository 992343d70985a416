//! What was measured.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::now;
use crate::Api;
use crate::app::Shared;
use crate::model::{History, HistoryQuery, Page, Resolution, SeriesInfo};
use crate::params::{Params, is_metric_name};
use crate::problem::Problem;

/// How far back a query goes that doesn't say from when, in milliseconds.
const LAST_HOUR: i64 = 3_600_000;
const MAX_POINTS: usize = 50_000;
const POINTS: usize = 5_000;

/// Every series that the store knows.
#[utoipa::path(get, path = "/api/v1/series", tag = "history",
    params(
        ("metric" = Option<String>, Query, description = "Of this metric only.", pattern = "^[A-Za-z_:][A-Za-z0-9_:]{0,127}$"),
        ("limit" = Option<u32>, Query, description = "How many on a page; 100 if not given.", minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "How many to leave out before.", minimum = 0, maximum = 1_000_000),
    ),
    responses((status = 200, description = "A page of series.", body = Page<SeriesInfo>))
)]
pub(crate) async fn series(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<Page<SeriesInfo>>, Problem> {
    let mut params = Params::of(&uri)?;
    let metric = metric(&mut params)?;
    let slice = params.slice()?;
    params.done()?;
    let mut series = shared.ask(Api::series).await?;
    series.retain(|one| metric.as_ref().is_none_or(|metric| one.metric == *metric));
    Ok(Json(slice.cut(series)))
}

/// The values of a metric over a time.
#[utoipa::path(get, path = "/api/v1/history", tag = "history",
    params(
        ("metric" = String, Query, description = "The metric.", pattern = "^[A-Za-z_:][A-Za-z0-9_:]{0,127}$"),
        ("label" = Option<Vec<String>>, Query, description = "A label that a series must have, as name=value; once for each.",
            pattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}=", max_length = 1024),
        ("from" = Option<i64>, Query, description = "Not earlier than this; an hour before the end if not given.",
            minimum = 0, maximum = 253_402_300_799_999_i64),
        ("to" = Option<i64>, Query, description = "Not later than this; now if not given.",
            minimum = 0, maximum = 253_402_300_799_999_i64),
        ("resolution" = Option<Resolution>, Query, description = "How fine; chosen by the range if not given."),
        ("limit" = Option<u32>, Query, description = "At most so many points over all series; 5000 if not given.",
            minimum = 1, maximum = 50_000),
    ),
    responses(
        (status = 200, description = "The values.", body = History),
        (status = 404, description = "The metric was never seen.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn history(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Json<History>, Problem> {
    let mut params = Params::of(&uri)?;
    let Some(metric) = metric(&mut params)? else {
        return Err(Problem::invalid("metric", "it is missing; /api/v1/series lists the metrics"));
    };
    let labels = params.labels()?;
    let to = params.time("to")?.unwrap_or_else(now);
    let from = params.time("from")?.unwrap_or_else(|| to.saturating_sub(LAST_HOUR).max(0));
    let resolution = params.word("resolution")?;
    let limit = params.number("limit", 1..=MAX_POINTS)?.unwrap_or(POINTS);
    params.done()?;
    if from > to {
        return Err(Problem::invalid("from", "it lies after to"));
    }
    let query = HistoryQuery { metric, labels, from, to, resolution, limit };
    shared.ask(move |api| api.history(&query)).await.map(Json)
}

fn metric(params: &mut Params) -> Result<Option<String>, Problem> {
    match params.text("metric")? {
        Some(name) if !is_metric_name(&name) => {
            Err(Problem::invalid("metric", "a metric's name is 1 to 128 of A-Z a-z 0-9 _ :, and begins with no digit"))
        }
        name => Ok(name),
    }
}
