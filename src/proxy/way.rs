//! One direction of a WebSocket: bytes from one side to the other. While none come, none are held.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Buf as _;
use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::sync::Notify;

use crate::proxy::frames::Farewell;
use crate::proxy::frames::Frames;

/// Bytes read at once: what one TLS record can hold (RFC 8446 section 5.1).
const AT_ONCE: usize = 16 * 1024;

thread_local! {
    /// What is read goes through here, whichever socket of this thread it is of. Two buffers for each socket
    /// were 16 of the 44 KiB that an idle one took.
    static PASSAGE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// One direction.
pub(super) struct Way<'t> {
    frames: Frames,
    /// What is said at the end if the gateway stops.
    farewell: Farewell,
    /// Who hears of content.
    used: Option<&'t Notify>,
    /// What was read, and the far side has not taken yet. Nothing is read while there is any.
    rest: Bytes,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Something was read since it was last asked.
    moved: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more is read: the far side is still to get the rest, and to hear of the end.
    Ending,
    Ended,
}

impl<'t> Way<'t> {
    /// A direction in which nothing has gone yet.
    pub(super) fn new(farewell: Farewell, used: Option<&'t Notify>) -> Self {
        Self {
            frames: Frames::default(),
            farewell,
            used,
            rest: Bytes::new(),
            unflushed: false,
            moved: false,
            state: State::Open,
        }
    }

    /// Whether anything was read since the last call.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Carries what there is. Ready at the end, which is passed on, so that each side can close on its own. When
    /// the gateway is `stopping`, the frame that has begun is let through, and the farewell after it.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
        stopping: bool,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        loop {
            ready!(self.poll_rest(cx, to.as_mut()))?;
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Ending => {
                    ready!(to.as_mut().poll_shutdown(cx))?;
                    self.state = State::Ended;
                }
                State::Open if stopping && self.frames.is_between() => {
                    self.rest = self.farewell.frame();
                    self.state = State::Ending;
                }
                State::Open => match self.poll_pass(cx, from.as_mut(), to.as_mut(), stopping)? {
                    Poll::Ready(0) => self.state = State::Ending,
                    Poll::Ready(_) => self.moved = true,
                    // TLS may hold what the socket had no room for, and nobody else would come back for it.
                    Poll::Pending if self.unflushed => {
                        ready!(to.as_mut().poll_flush(cx))?;
                        self.unflushed = false;
                        return Poll::Pending;
                    }
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Writes what the far side has not taken yet.
    fn poll_rest(&mut self, cx: &mut Context<'_>, mut to: Pin<&mut impl AsyncWrite>) -> Poll<io::Result<()>> {
        while self.rest.has_remaining() {
            let written = ready!(to.as_mut().poll_write(cx, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.advance(written);
            self.unflushed = true;
        }
        // What is empty may still hold what it was cut from.
        self.rest = Bytes::new();
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes at once what the far side takes of it; the others wait as the rest. Says how many
    /// bytes were read.
    fn poll_pass(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut impl AsyncRead>,
        to: Pin<&mut impl AsyncWrite>,
        stopping: bool,
    ) -> Poll<io::Result<usize>> {
        let mut passage = PASSAGE.take();
        passage.resize(AT_ONCE, 0);
        let mut read = ReadBuf::new(&mut passage);
        let come = from.poll_read(cx, &mut read);
        let passed = come.map(|come| come.and_then(|()| self.pass(cx, to, read.filled(), stopping)));
        PASSAGE.set(passage);
        passed
    }

    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        to: Pin<&mut impl AsyncWrite>,
        come: &[u8],
        stopping: bool,
    ) -> io::Result<usize> {
        let bytes = if stopping {
            come.get(..self.frames.finish(come)).unwrap_or_default()
        } else {
            self.frames.pass(come);
            if let Some(used) = self.used.filter(|_| self.frames.take_content()) {
                used.notify_one();
            }
            come
        };
        if bytes.is_empty() {
            return Ok(come.len());
        }
        let written = match to.poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        self.unflushed |= written > 0;
        if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            self.rest = Bytes::copy_from_slice(rest);
        }
        Ok(come.len())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::io::DuplexStream;

    use super::*;

    /// Carries as far as it goes now; says whether that was to the end.
    fn carry(way: &mut Way<'_>, from: &mut DuplexStream, to: &mut (impl AsyncWrite + Unpin)) -> Option<io::Result<()>> {
        poll_fn(|cx| way.poll(cx, Pin::new(from), Pin::new(to), false)).now_or_never()
    }

    fn way() -> Way<'static> {
        Way::new(Farewell::Plain, None)
    }

    #[tokio::test]
    async fn what_the_far_side_does_not_take_waits_and_nothing_is_read_meanwhile() {
        let (mut near, mut from) = tokio::io::duplex(100);
        let (mut to, mut far) = tokio::io::duplex(8);
        let (mut way, said): (_, Vec<u8>) = (way(), (0..200).collect());
        near.write_all(&said[..100]).await.unwrap();
        assert!(carry(&mut way, &mut from, &mut to).is_none());
        assert_eq!(way.rest, said[8..100]);
        near.write_all(&said[100..]).await.unwrap();
        assert!(carry(&mut way, &mut from, &mut to).is_none());
        assert_eq!(way.rest, said[8..100], "there is a rest, and something was read nevertheless");
        // The end is passed on behind what waits.
        near.shutdown().await.unwrap();
        let mut heard = Vec::new();
        while carry(&mut way, &mut from, &mut to).is_none() {
            let mut some = [0; 5];
            let read = far.read(&mut some).await.unwrap();
            heard.extend_from_slice(&some[..read]);
        }
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, said);
        assert!(way.rest.is_empty());
    }

    /// Takes up to `most` bytes, or none if it is `full`, and passes them on when it is flushed.
    #[derive(Default)]
    struct Holding {
        most: usize,
        full: bool,
        held: Vec<u8>,
        out: Vec<u8>,
    }

    impl AsyncWrite for Holding {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.most);
            self.held.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.full {
                return Poll::Pending;
            }
            let held = std::mem::take(&mut self.held);
            self.out.extend(held);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    #[tokio::test]
    async fn what_was_taken_and_held_is_flushed_before_the_wait_for_more() {
        let (mut near, mut from) = tokio::io::duplex(100);
        let (mut way, mut to) = (way(), Holding { most: 3, full: true, ..Holding::default() });
        near.write_all(b"a terminal").await.unwrap();
        assert!(carry(&mut way, &mut from, &mut to).is_none());
        assert_eq!((&to.held[..], &to.out[..]), (&b"a terminal"[..], &b""[..]));
        to.full = false;
        assert!(carry(&mut way, &mut from, &mut to).is_none());
        assert_eq!(to.out, b"a terminal");
    }

    #[tokio::test]
    async fn a_far_side_that_takes_nothing_ends_it() {
        let (mut near, mut from) = tokio::io::duplex(100);
        near.write_all(b"x").await.unwrap();
        let error = carry(&mut way(), &mut from, &mut Holding::default()).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn an_idle_direction_is_small() {
        assert!(size_of::<Way<'_>>() <= 128, "{}", size_of::<Way<'_>>());
    }
}
