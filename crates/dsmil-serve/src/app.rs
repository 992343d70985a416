//! From a request to its answer.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use crate::auth::{Guardian, Memory, is_probe, needed};
use crate::problem::Problem;
use crate::{Api, ApiError, Keys, Limits};

/// Calls of the monitor at once: as many as there are threads for them.
pub(crate) const CALLS_AT_ONCE: usize = 8;

/// What every request shares.
pub(crate) struct Shared {
    api: Arc<dyn Api>,
    calls: Arc<Semaphore>,
    pub(crate) guardian: Guardian,
    pub(crate) limits: Limits,
}

/// The whole of what answers requests.
pub(crate) struct App {
    pub(crate) shared: Arc<Shared>,
    router: Router,
}

impl Shared {
    pub(crate) fn new(api: Arc<dyn Api>, keys: Keys, limits: Limits) -> Self {
        let guardian = Guardian::new(keys, limits.failures, limits.failure_forgiven_after.as_std());
        Self { api, calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)), guardian, limits }
    }

    /// Asks the monitor on a thread that may block. No more calls than threads: who waits for a turn costs nothing.
    pub(crate) async fn ask<T, F>(&self, call: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Api) -> Result<T, ApiError> + Send + 'static,
    {
        let turn = Arc::clone(&self.calls).acquire_owned().await.map_err(|_| Problem::internal())?;
        let api = Arc::clone(&self.api);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = call(&*api);
            drop(turn);
            answer
        });
        let Ok(answer) = answer.await else {
            tracing::error!("the monitor panicked while it answered a request");
            return Err(Problem::internal());
        };
        answer.map_err(Problem::from)
    }
}

impl App {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { router: crate::routes::router(Arc::clone(&shared)), shared }
    }

    /// Answers within the request time-out, whatever happens.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: IpAddr, memory: &Memory) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = unless_panicked(self.admitted(request, peer, memory)).await;
        let mut response = match answer {
            Some(Ok(response)) => response,
            Some(Err(problem)) => problem.into_response(),
            None => {
                tracing::error!(%method, path, "a request made the endpoint panic");
                Problem::internal().into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        tracing::debug!(%peer, %method, path, status = response.status().as_u16(), "answered");
        response
    }

    /// The key first, then the body, then the answer: who has no key makes us read nothing.
    async fn admitted(&self, request: Request<Incoming>, peer: IpAddr, memory: &Memory) -> Result<Response, Problem> {
        let deadline = Instant::now() + self.shared.limits.request_timeout.as_std();
        let (mut parts, body) = request.into_parts();
        if !is_probe(parts.uri.path()) {
            let role = needed(&parts.method, parts.uri.path());
            let caller = self.shared.guardian.admit(&parts.headers, role, peer, memory)?;
            parts.extensions.insert(caller);
        }
        let body = timeout_at(deadline, self.read(body)).await.map_err(|_| {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body took too long to arrive; send the request again")
        })??;
        let request = Request::from_parts(parts, Body::from(body));
        let answer = timeout_at(deadline, self.router.clone().oneshot(request)).await;
        let answer = answer.map_err(|_| Problem::unavailable("the monitor took too long to answer; try again later"))?;
        Ok(answer.unwrap_or_else(|never: Infallible| match never {}))
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, Problem> {
        let most = self.shared.limits.body_bytes;
        let too_long = || {
            let detail = format!("the body is longer than {most} bytes; send less");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-long", detail)
        };
        if body.size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        match Limited::new(body, most).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "broken-body", "the body broke off; send the request again")),
        }
    }
}

/// `None` in place of a panic, which has been printed by then.
async fn unless_panicked<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Reads a body that must be JSON.
pub(crate) fn json_body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let detail = "the body must be JSON: send Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail));
    }
    // The reader of structures would take a list of their values too.
    if matches!(body.trim_ascii_start().first(), Some(b'[')) {
        return Err(Problem::invalid("body", "it is a list; send an object, at line 1 column 1"));
    }
    serde_json::from_slice(body).map_err(|error| Problem::invalid("body", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::unless_panicked;

    #[test]
    fn a_panic_becomes_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(unless_panicked(async { 5 })), Some(5));
        assert_eq!(runtime.block_on(unless_panicked(async { panic!("on purpose") })), None::<()>);
    }
}
