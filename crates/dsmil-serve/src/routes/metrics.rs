//! What Prometheus scrapes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use crate::Api;
use crate::app::Shared;
use crate::exposition::Format;
use crate::params::Params;
use crate::problem::Problem;

/// Every metric that has a value now: as OpenMetrics 1.0 where `Accept` asks for it, else in the text format 0.0.4.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses((status = 200, description = "The metrics.", content(
    (String = "text/plain"),
    (String = "application/openmetrics-text"),
))))]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    Params::of(&uri)?.done()?;
    let format = wanted(&headers);
    let exposition = shared.ask(Api::metrics).await?;
    let (text, left_out) = exposition.write(format);
    if let Some(first) = left_out.first() {
        tracing::warn!(count = left_out.len(), %first, "metrics whose names Prometheus can't read were left out");
    }
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}

/// OpenMetrics, if the client names it and likes it no less than plain text.
fn wanted(headers: &HeaderMap) -> Format {
    let (mut open, mut text) = (0.0_f32, 0.0_f32);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut version) = (1.0_f32, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        match (name.as_str(), version) {
            ("application/openmetrics-text", None | Some("1.0.0" | "0.0.1")) => open = open.max(quality),
            ("text/plain", None | Some("0.0.4")) | ("text/*" | "*/*", _) => text = text.max(quality),
            _ => {}
        }
    }
    if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use super::{Format, wanted};
    use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

    #[test]
    fn the_format_is_the_one_that_the_client_likes_best() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            wanted(&headers)
        };
        assert_eq!(wanted(&HeaderMap::new()), Format::Text);
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(of(prometheus), Format::OpenMetrics);
        assert_eq!(of("text/plain;version=0.0.4"), Format::Text);
        assert_eq!(of("*/*"), Format::Text);
        assert_eq!(of("Application/OpenMetrics-Text; Version=\"1.0.0\""), Format::OpenMetrics);
        assert_eq!(of("application/openmetrics-text;q=0.1, text/plain;q=0.9"), Format::Text);
        assert_eq!(of("application/openmetrics-text;q=0"), Format::Text);
        assert_eq!(of("application/openmetrics-text;version=2.0.0"), Format::Text);
        assert_eq!(of(";;;=,,q=x;q=,"), Format::Text);
    }
}
