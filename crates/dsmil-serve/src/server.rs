//! The endpoint as a whole.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::app::{App, CALLS_AT_ONCE, Shared};
use crate::listener::{Accepting, TlsSlot};
use crate::{Api, Error, Keys, ServeConfig, TlsFiles, tls};

/// Serves HTTP from threads of its own until it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    app: Arc<App>,
    keys_file: PathBuf,
    tls_files: Option<TlsFiles>,
    tls: TlsSlot,
    permits: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads the keys, the certificate and the private key, takes the address and begins to serve.
    pub fn start(config: &ServeConfig, api: Arc<dyn Api>) -> Result<Self, Error> {
        config.check()?;
        let keys_file = config.keys_file.clone().ok_or(Error::NoKeysFile)?;
        let keys = Keys::load(&keys_file)?;
        let acceptor = config.tls.as_ref().map(tls::load).transpose()?;
        let cannot_listen = |source| Error::Listen { listen: config.listen, source };
        let listener = StdListener::bind(config.listen).map_err(cannot_listen)?;
        listener.set_nonblocking(true).map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(CALLS_AT_ONCE)
            .thread_name("dsmil-serve")
            .enable_io()
            .enable_time()
            .build()
            .map_err(Error::Threads)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(cannot_listen)?
        };
        let app = Arc::new(App::new(Arc::new(Shared::new(api, keys, config.limits.clone()))));
        let permits = Arc::new(Semaphore::new(config.limits.connections));
        let tls: TlsSlot = Arc::new(RwLock::new(acceptor));
        let (stop, stopped) = watch::channel(false);
        let accepting =
            Accepting { listener, app: Arc::clone(&app), tls: Arc::clone(&tls), permits: Arc::clone(&permits), stop: stopped };
        let accepting = Some(runtime.spawn(accepting.run()));
        tracing::info!(%address, tls = config.tls.is_some(), "serving HTTP");
        Ok(Self { address, app, keys_file, tls_files: config.tls.clone(), tls, permits, stop, accepting, runtime: Some(runtime) })
    }

    /// Where it listens; the port that was found, if port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Reads the keys file again. If it can't be used, the keys stay as they were.
    pub fn reload_keys(&self) -> Result<(), Error> {
        let keys = Keys::load(&self.keys_file)?;
        tracing::info!(keys = keys.len(), "read the keys again");
        self.app.shared.guardian.replace_keys(keys);
        Ok(())
    }

    /// Reads certificate and private key again, for connections from now on. If they can't be used, the old ones stay.
    pub fn reload_certificate(&self) -> Result<(), Error> {
        if let Some(files) = &self.tls_files {
            let acceptor = tls::load(files)?;
            *self.tls.write().unwrap_or_else(PoisonError::into_inner) = Some(acceptor);
        }
        Ok(())
    }

    /// Takes no more connections, lets the requests under way finish, and ends. Blocks until then, at most for
    /// [`stop_timeout`](crate::Limits::stop_timeout); what is not done by then is broken off.
    pub fn stop(mut self) {
        let patience = self.app.shared.limits.stop_timeout.as_std();
        self.end(patience);
    }

    fn end(&mut self, patience: Duration) {
        self.stop.send_replace(true);
        let Some(runtime) = self.runtime.take() else { return };
        let (permits, accepting) = (Arc::clone(&self.permits), self.accepting.take());
        let all = u32::try_from(self.app.shared.limits.connections).unwrap_or(u32::MAX);
        // Waits here and not by `block_on`, which would panic if the caller is a thread of another runtime.
        let (done, wait) = mpsc::sync_channel::<()>(1);
        runtime.spawn(async move {
            if let Some(accepting) = accepting {
                _ = accepting.await;
            }
            _ = permits.acquire_many(all).await;
            _ = done.send(());
        });
        if wait.recv_timeout(patience).is_err() {
            tracing::warn!("broke off the requests that were still under way");
        }
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}
