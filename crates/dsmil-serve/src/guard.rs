//! The clock on a connection: who sends or reads too slowly loses it.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::Limits;

/// What the connection is doing: even while it waits for a request or reads its headers, odd while a request is answered.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU64);

impl Progress {
    /// The headers of a request have been read, or its answer is there.
    pub(crate) fn step(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A stream on which nobody may dawdle. hyper's own time-out on headers counts the silence between requests too, so that
/// it would have to be long; here the first byte starts the clock.
pub(crate) struct Guarded<S> {
    stream: S,
    progress: Arc<Progress>,
    header: Duration,
    keep_alive: Duration,
    response: Duration,
    /// What the clock of reading was set for.
    step: u64,
    in_headers: bool,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S, progress: Arc<Progress>, limits: &Limits) -> Self {
        let header = limits.header_timeout.as_std();
        Self {
            stream,
            step: progress.now(),
            progress,
            header,
            keep_alive: limits.keep_alive_timeout.as_std(),
            response: limits.response_timeout.as_std(),
            in_headers: false,
            reading: Box::pin(sleep(header)),
            writing: None,
        }
    }

    /// While the stream takes nothing: an error once that has lasted too long.
    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let limit = self.response;
        let clock = self.writing.get_or_insert_with(|| Box::pin(sleep(limit)));
        clock.as_mut().poll(context).map(|()| too_slow("the client did not read its answer in time"))
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let step = this.progress.now();
        if step != this.step {
            this.step = step;
            this.in_headers = false;
            this.reading.as_mut().reset(Instant::now() + this.keep_alive);
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        if step % 2 == 1 {
            return poll; // a body: the request's own time-out looks after it
        }
        if poll.is_ready() {
            if !this.in_headers && buffer.filled().len() > before {
                this.in_headers = true;
                this.reading.as_mut().reset(Instant::now() + this.header);
            }
            return poll;
        }
        ready!(this.reading.as_mut().poll(context));
        Poll::Ready(Err(too_slow("the client sent no whole request in time")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Pending => this.stalled(context).map(Err),
            ready => ready,
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(context, slices) {
            Poll::Pending => this.stalled(context).map(Err),
            ready => ready,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Pending => this.stalled(context).map(Err),
            ready => {
                this.writing = None;
                ready
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(context) {
            Poll::Pending => this.stalled(context).map(Err),
            ready => ready,
        }
    }
}
