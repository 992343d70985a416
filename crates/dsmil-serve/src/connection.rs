//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::Limits;
use crate::app::App;
use crate::auth::Memory;
use crate::guard::{Doing, Guarded, Progress};

/// The least that hyper takes for a buffer.
const LEAST_BUFFER: usize = 8192;

/// Serves a connection until it ends; when `stop` turns true, until the request under way is answered.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    app: Arc<App>,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    _ = stream.set_nodelay(true);
    let Some(acceptor) = tls else { return serve_http(stream, peer, app, stop).await };
    let handshake = timeout(app.shared.limits.handshake_timeout.as_std(), acceptor.accept(stream));
    let agreed = tokio::select! {
        agreed = handshake => agreed,
        () = stopped(&mut stop) => return,
    };
    match agreed {
        Ok(Ok(stream)) => serve_http(stream, peer, app, stop).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS was agreed on"),
        Err(_) => tracing::debug!(%peer, "TLS took too long to be agreed on"),
    }
}

async fn serve_http<S>(stream: S, peer: IpAddr, app: Arc<App>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Arc::new(Progress::default());
    let limits = app.shared.limits.clone();
    let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&progress), &limits));
    let memory = Memory::default();
    let service = service_fn(|request| {
        let (app, memory, progress) = (&app, &memory, &progress);
        progress.does(Doing::Answering);
        async move {
            let response = app.answer(request, peer, memory).await;
            progress.does(Doing::Resting);
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = pin!(builder(&limits).serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = progress.too_slow(&limits) => {
            tracing::debug!(%peer, "closed a connection on which no request came in time");
            return;
        }
        () = stopped(&mut stop) => {
            // A request that isn't whole would be waited for.
            if progress.doing() == Doing::Reading {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

/// Returns when it is time to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    _ = stop.wait_for(|stop| *stop).await;
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None) // `Progress` does that
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(LEAST_BUFFER));
    builder
}
