//! Errors as a client gets them: RFC 9457.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiError;

/// Why a request was refused or failed (RFC 9457), as `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `kind` tells problems apart.
    r#type: &'static str,
    /// What the status means.
    title: &'static str,
    /// The status.
    status: u16,
    /// Its stable name, such as `no-key`, `wrong-role`, `invalid` or `not-found`.
    kind: &'static str,
    /// What was wrong here, and what to do.
    detail: String,
    /// The parameter or the part of the body that is at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// How many seconds to wait: sent as `Retry-After`.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            kind,
            detail: detail.into(),
            parameter: None,
            retry_after: None,
        }
    }

    /// 422 for a parameter or a part of the body.
    pub(crate) fn invalid(parameter: &str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
        Self { parameter: Some(parameter.to_owned()), ..problem }
    }

    /// 500 that tells nothing: what happened is in the log.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the monitor failed to answer; its log says why")
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
    }

    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let kind = error.kind();
        match error {
            ApiError::NotFound(detail) => Self::new(StatusCode::NOT_FOUND, kind, detail),
            ApiError::Conflict(detail) => Self::new(StatusCode::CONFLICT, kind, detail),
            ApiError::Invalid(detail) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail),
            ApiError::Unavailable(detail) => Self::unavailable(detail),
            ApiError::Internal(detail) => {
                tracing::error!(%detail, "the monitor could not answer a request");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let challenge = match self.kind {
            "no-key" => Some(r#"Bearer realm="dsmil""#),
            "wrong-key" => Some(r#"Bearer realm="dsmil", error="invalid_token""#),
            "wrong-role" => Some(r#"Bearer realm="dsmil", error="insufficient_scope""#),
            _ => None,
        };
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// Nothing is here.
pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-path", "nothing is served here; /api/v1/openapi.json lists what is")
}

/// Something is here, but not for this method; the router adds `Allow`. OPTIONS is answered by `Allow` alone.
pub(crate) async fn other_method(method: axum::http::Method) -> Response {
    if method == axum::http::Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("{method} is not for this path; the header Allow lists what is");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail).into_response()
}
