//! A connection to a server that does not outlive what it is for, and is not held by who takes nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::upstream::ending::Ending;
use crate::upstream::interim::Interims;

/// A TLS stream as the HTTP client wants it.
///
/// The client asks a request's body for more, and looks whether anybody still waits for the answer, only
/// when the server has taken what it was sent. So a server that takes nothing would keep a connection, and
/// what is under way on it, for as long as it likes; the ends are therefore in the stream itself.
pub(super) struct Line {
    io: TlsStream<TcpStream>,
    ended: Ending,
    limit: Duration,
    /// Runs while the server takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    interims: Interims,
}

impl Line {
    /// Ends at `ended`, and when the server has taken nothing for `limit`, or says more than it may before an answer.
    pub(super) fn new(io: TlsStream<TcpStream>, limit: Duration, ended: CancellationToken, interims: Interims) -> Self {
        Self { io, ended: Ending::new(ended), limit, stalled: None, interims }
    }

    /// The certificate that the server proved itself with.
    pub(super) fn certificate(&self) -> Option<&[u8]> {
        self.io.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.ended.has_come(cx) {
            return Ok(());
        }
        Err(self.cut(io::ErrorKind::ConnectionAborted, "the session ended"))
    }

    /// Nothing of what has not gone yet is to go after all: closing says so to the server at once.
    fn cut(&self, kind: io::ErrorKind, why: &'static str) -> io::Error {
        match self.io.get_ref().0.set_zero_linger() {
            Ok(()) => io::Error::new(kind, why),
            Err(error) => error,
        }
    }

    /// Does something that waits for the server, for as long as it may.
    fn take<T>(
        &mut self,
        cx: &mut Context<'_>,
        act: impl FnOnce(Pin<&mut TlsStream<TcpStream>>, &mut Context<'_>) -> Poll<io::Result<T>>,
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

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let heard = self.interims.heard(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(heard.map_err(|many| io::Error::new(io::ErrorKind::InvalidData, many)))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.interims.asked();
        self.take(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Mostly nothing is left to be taken: no reason to look whether the end has come.
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(done) => {
                self.stalled = None;
                Poll::Ready(done)
            }
            Poll::Pending => self.take(cx, AsyncWrite::poll_flush),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take(cx, AsyncWrite::poll_shutdown)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.interims.asked();
        self.take(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("limit", &self.limit).finish_non_exhaustive()
    }
}
