//! A connection to a server that does not outlive what it is for, and is not held by who takes nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use hyper::rt::ReadBufCursor;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::upstream::ending::Ending;

/// A TLS stream as the HTTP client wants it.
///
/// The client asks a request's body for more, and looks whether anybody still waits for the answer, only
/// when the server has taken what it was sent. So a server that takes nothing would keep a connection, and
/// what is under way on it, for as long as it likes; the ends are therefore in the stream itself.
pub(super) struct Line {
    io: TokioIo<TlsStream<TcpStream>>,
    ended: Ending,
    limit: Duration,
    /// Runs while the server takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Line {
    /// Ends at `ended`, and when the server has taken nothing for `limit`.
    pub(super) fn new(stream: TlsStream<TcpStream>, limit: Duration, ended: CancellationToken) -> Self {
        Self { io: TokioIo::new(stream), ended: Ending::new(ended), limit, stalled: None }
    }

    /// The certificate that the server proved itself with.
    pub(super) fn certificate(&self) -> Option<&[u8]> {
        self.io.inner().get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.ended.has_come(cx) {
            return Ok(());
        }
        Err(self.cut(io::ErrorKind::ConnectionAborted, "the session ended"))
    }

    /// Nothing of what has not gone yet is to go after all: closing says so to the server at once.
    fn cut(&self, kind: io::ErrorKind, why: &'static str) -> io::Error {
        match self.io.inner().get_ref().0.set_zero_linger() {
            Ok(()) => io::Error::new(kind, why),
            Err(error) => error,
        }
    }

    /// Does something that waits for the server, for as long as it may.
    fn take<T>(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut TokioIo<TlsStream<TcpStream>>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.check(cx)?;
        let done = act(Pin::new(&mut self.io), cx);
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(self.cut(io::ErrorKind::TimedOut, "the server takes nothing of what it is sent")))
    }
}

impl hyper::rt::Read for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        hyper::rt::Read::poll_read(Pin::new(&mut self.io), cx, buf)
    }
}

impl hyper::rt::Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.take(cx, |io, cx| hyper::rt::Write::poll_write(io, cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take(cx, hyper::rt::Write::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take(cx, hyper::rt::Write::poll_shutdown)
    }

    fn is_write_vectored(&self) -> bool {
        hyper::rt::Write::is_write_vectored(&self.io)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take(cx, |io, cx| hyper::rt::Write::poll_write_vectored(io, cx, bufs))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("limit", &self.limit).finish_non_exhaustive()
    }
}
