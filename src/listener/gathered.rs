//! The end of a TLS handshake goes out together with the first word of HTTP.
//!
//! The last that a server says in a handshake of TLS 1.3 are tickets for the next time (RFC 8446 section 4.6.1).
//! Nobody waits for them, and sent by themselves they cost a system call and a packet, of the few that a new connection
//! takes.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::listener::wire::Wire;

/// Bytes of a handshake that wait for more. What is longer, as with a long chain of certificates, goes out at once.
const MOST: usize = 16 * 1024;

/// A stream on which what is said in a handshake is gathered, until it is the other side's turn.
pub(super) struct Gathered<I> {
    inner: I,
    held: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What is said waits until a read finds nothing.
    Handshake,
    /// What is still held waits for the next word, or for the connection's first rest.
    Tickets,
    /// Nothing waits.
    Open,
}

impl<I> Gathered<I> {
    /// Over a stream on which a handshake begins.
    pub(super) fn new(inner: I) -> Self {
        Self { inner, held: Vec::new(), stage: Stage::Handshake }
    }

    /// The handshake is over; whether the other side can go on without what is still held.
    pub(super) fn shaken(&mut self, needs_no_more: bool) {
        self.stage = if needs_no_more { Stage::Tickets } else { Stage::Open };
    }
}

impl<I: AsyncWrite + Unpin> Gathered<I> {
    fn poll_let_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let gone = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held))?;
            self.gone(gone)?;
        }
        Poll::Ready(Ok(()))
    }

    /// So much went out; gives how much of it was not held.
    fn gone(&mut self, bytes: usize) -> io::Result<usize> {
        if bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if bytes < self.held.len() {
            self.held.drain(..bytes);
            return Ok(0);
        }
        // Its room too: most of a connection's life is still to come.
        Ok(bytes - std::mem::take(&mut self.held).len())
    }

    /// Keeps what is said in a handshake, if there is room.
    fn keep(&mut self, bufs: &[IoSlice<'_>]) -> Option<usize> {
        let more = bufs.iter().map(|buf| buf.len()).sum();
        let fits = self.stage == Stage::Handshake && self.held.len().saturating_add(more) <= MOST;
        fits.then(|| bufs.iter().for_each(|buf| self.held.extend_from_slice(buf)))?;
        Some(more)
    }
}

impl<I: Wire> Wire for Gathered<I> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The connection rests, and nothing else is to be said soon. A failure is found by the read.
        drop(self.poll_let_out(cx));
        self.inner.poll_readable(cx)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathered<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_pending() && self.stage != Stage::Tickets {
            ready!(self.poll_let_out(cx))?;
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Gathered<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.stage != Stage::Handshake && self.held.is_empty() {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(kept) = self.keep(bufs) {
            return Poll::Ready(Ok(kept));
        }
        while !self.held.is_empty() {
            let this = &mut *self;
            let all: Vec<_> =
                [&*this.held].into_iter().chain(bufs.iter().map(|buf| &**buf)).map(IoSlice::new).collect();
            let gone = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, &all))?;
            let of_these = this.gone(gone)?;
            if of_these > 0 {
                return Poll::Ready(Ok(of_these));
            }
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stage == Stage::Open {
            ready!(self.poll_let_out(cx))?;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;

    use super::*;

    /// Both ends of a connection.
    async fn pair() -> (TcpStream, Gathered<TcpStream>) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        (far, Gathered::new(socket.accept().await.unwrap().0))
    }

    /// Says something, as the TLS library does: with a flush behind it.
    async fn say(near: &mut Gathered<TcpStream>, word: &[u8]) {
        near.write_all(word).await.unwrap();
        near.flush().await.unwrap();
    }

    /// Both ends behind a handshake whose last word may wait.
    async fn shaken(last_word: &[u8]) -> (TcpStream, Gathered<TcpStream>) {
        let (far, mut near) = pair().await;
        say(&mut near, last_word).await;
        near.shaken(true);
        (far, near)
    }

    async fn hear(far: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        far.read_exact(&mut heard).await.unwrap();
        heard
    }

    /// What one read of the far end brings: what was sent together.
    async fn at_once(far: &mut TcpStream) -> Vec<u8> {
        let mut heard = vec![0; 1000];
        let bytes = far.read(&mut heard).await.unwrap();
        heard.truncate(bytes);
        heard
    }

    #[tokio::test]
    async fn it_goes_out_when_it_is_the_other_sides_turn() {
        let (mut far, mut near) = pair().await;
        say(&mut near, b"hello, ").await;
        say(&mut near, b"finished").await;
        assert_eq!(near.held, b"hello, finished");
        let mut byte = [0];
        // The socket may not have heard yet that it can write.
        while !near.held.is_empty() {
            assert!(near.read(&mut byte).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        assert_eq!(at_once(&mut far).await, b"hello, finished");
    }

    #[tokio::test]
    async fn tickets_go_with_the_next_word_and_not_before() {
        let (mut far, mut near) = shaken(b"tickets, ").await;
        let mut byte = [0];
        assert!(near.read(&mut byte).now_or_never().is_none());
        near.flush().await.unwrap();
        assert_eq!(near.held, b"tickets, ");
        say(&mut near, b"answer").await;
        assert_eq!(at_once(&mut far).await, b"tickets, answer");
        assert_eq!(near.held.capacity(), 0);
        say(&mut near, b"more").await;
        assert_eq!(at_once(&mut far).await, b"more");
    }

    #[tokio::test]
    async fn tickets_go_out_when_the_connection_rests_and_when_it_ends() {
        let (mut far, mut near) = shaken(b"tickets").await;
        // The socket may not have heard yet that it can write.
        while !near.held.is_empty() {
            tokio::select! {
                biased;
                () = std::future::poll_fn(|cx| near.poll_readable(cx)) => {}
                () = std::future::ready(()) => {}
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(hear(&mut far, 7).await, b"tickets");
        let (mut far, mut near) = shaken(b"tickets").await;
        near.shutdown().await.unwrap();
        assert_eq!(at_once(&mut far).await, b"tickets");
    }

    #[tokio::test]
    async fn what_the_other_side_needs_does_not_wait() {
        let (mut far, mut near) = pair().await;
        say(&mut near, b"finished").await;
        near.shaken(false);
        near.flush().await.unwrap();
        assert_eq!(at_once(&mut far).await, b"finished");
    }

    #[tokio::test]
    async fn no_more_than_so_much_waits() {
        let (mut far, mut near) = pair().await;
        let long = vec![b'x'; MOST];
        say(&mut near, &long).await;
        assert_eq!(near.held.len(), MOST);
        say(&mut near, b"y").await;
        assert!(near.held.is_empty());
        assert_eq!(hear(&mut far, MOST + 1).await, [&*long, b"y"].concat());
    }

    #[tokio::test]
    async fn a_far_end_that_takes_little_at_a_time_gets_all_in_order() {
        let (mut far, near) = tokio::io::duplex(3);
        let mut near = Gathered::new(near);
        near.write_all(b"tickets, ").await.unwrap();
        near.shaken(true);
        let said = async {
            near.write_all(b"answer").await.unwrap();
            near.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let ((), read) = tokio::join!(said, far.read_to_end(&mut heard));
        read.unwrap();
        assert_eq!(heard, b"tickets, answer");
    }
}
