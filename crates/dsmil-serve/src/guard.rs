//! The clock on a connection: who sends or reads too slowly loses it.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};

use crate::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    /// It waits for a request.
    Resting,
    /// It is new, or a request has begun to arrive.
    Reading,
    /// A request is being answered, or its answer can't be written: each has a time-out of its own.
    Answering,
}

/// What a connection is doing, for those who watch it.
#[derive(Debug)]
pub(crate) struct Progress {
    doing: AtomicU8,
    changed: Notify,
}

impl Default for Progress {
    fn default() -> Self {
        Self { doing: AtomicU8::new(Doing::Reading as u8), changed: Notify::new() }
    }
}

impl Progress {
    pub(crate) fn doing(&self) -> Doing {
        match self.doing.load(Ordering::Acquire) {
            0 => Doing::Resting,
            1 => Doing::Reading,
            _ => Doing::Answering,
        }
    }

    pub(crate) fn does(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::Release);
        self.changed.notify_one();
    }

    /// Returns once the client has been silent, or busy with the headers of one request, for too long. hyper's own
    /// time-out on headers counts the silence between requests too; here the first byte starts the clock.
    pub(crate) async fn too_slow(&self, limits: &Limits) {
        loop {
            let limit = match self.doing() {
                Doing::Resting => Some(limits.keep_alive_timeout.as_std()),
                Doing::Reading => Some(limits.header_timeout.as_std()),
                Doing::Answering => None,
            };
            let changed = self.changed.notified();
            match limit {
                None => changed.await,
                Some(limit) => {
                    if timeout(limit, changed).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// A stream that tells when a request begins to arrive, and whose client may not dawdle over an answer.
pub(crate) struct Guarded<S> {
    stream: S,
    progress: Arc<Progress>,
    response: Duration,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>, limits: &Limits) -> Self {
        Self { stream, progress, response: limits.response_timeout.as_std(), writing: None }
    }

    /// While the stream takes nothing: an error once that has lasted too long.
    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let (limit, progress) = (self.response, &self.progress);
        let clock = self.writing.get_or_insert_with(|| {
            progress.does(Doing::Answering);
            Box::pin(sleep(limit))
        });
        let too_slow = || io::Error::new(ErrorKind::TimedOut, "the client did not read its answer in time");
        clock.as_mut().poll(context).map(|()| too_slow())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && this.progress.doing() == Doing::Resting {
            this.progress.does(Doing::Reading);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Pending => this.stalled(context).map(Err),
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(context, slices) {
            Poll::Pending => this.stalled(context).map(Err),
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Pending => this.stalled(context).map(Err),
            ready @ Poll::Ready(_) => {
                if this.writing.take().is_some() {
                    this.progress.does(Doing::Resting);
                }
                ready
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(context) {
            Poll::Pending => this.stalled(context).map(Err),
            ready @ Poll::Ready(_) => ready,
        }
    }
}
