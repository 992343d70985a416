//! Takes connections, as many as are allowed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::connection::{self, stopped};

/// What a connection beyond the limit gets, without TLS.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: 162\r\n\
retry-after: 1\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n\
{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"kind\":\"too-many-connections\",\"detail\":\
\"no more connections are served at once; try again later\"}";

/// Connections beyond the limit that are told so at once; still more are closed without a word.
const TOLD_AT_ONCE: usize = 8;

/// The certificate in use: replaced when it is renewed.
pub(crate) type TlsSlot = Arc<RwLock<Option<TlsAcceptor>>>;

pub(crate) struct Accepting {
    pub(crate) listener: TcpListener,
    pub(crate) app: Arc<App>,
    pub(crate) tls: TlsSlot,
    /// A permit for each connection.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Accepting {
    /// Until it is stopped; then the address is free again.
    pub(crate) async fn run(mut self) {
        let telling = Arc::new(Semaphore::new(TOLD_AT_ONCE));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stopped(&mut self.stop) => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, most likely: they come back when connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let tls = self.tls.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                let (app, stop) = (Arc::clone(&self.app), self.stop.clone());
                tokio::spawn(async move {
                    connection::serve(stream, peer.ip(), app, tls, stop).await;
                    drop(permit);
                });
            } else if tls.is_none()
                && let Ok(permit) = Arc::clone(&telling).try_acquire_owned()
            {
                tokio::spawn(async move {
                    _ = timeout(Duration::from_secs(1), refuse(stream)).await;
                    drop(permit);
                });
            }
        }
    }
}

/// Says that there is no room. What the client has sent is read for a while, or the answer would be lost in a reset.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(FULL).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_fixed_refusal_is_what_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["kind"], "too-many-connections");
    }
}
