//! A connection's end that loses nothing of what was said last.

use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Sleep;

use crate::listener::wire::Wire;

/// How long the far end may take to close its side. By then it has read what it was sent, or is gone.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes read at a time of what nobody wants any more.
const SCRATCH: usize = 4096;

/// A stream that, once it has said its last word, reads on until the far end has closed too.
///
/// A socket that is closed with unread bytes is reset (RFC 1122 section 4.2.2.13), and a reset throws away
/// what the far end has received and not yet read: the end of a download, after which an HTTP/2 client
/// still sends window updates, or an answer that came before the request's body was read.
pub(super) struct Lingering<I> {
    inner: I,
    /// The far end has closed already: it has nothing more to say that could be unread.
    is_alone: bool,
    since: Option<Pin<Box<Sleep>>>,
}

impl<I> Lingering<I> {
    /// Watches over the end of `inner`.
    pub(super) fn new(inner: I) -> Self {
        Self { inner, is_alone: false, since: None }
    }
}

impl<I: Wire> Wire for Lingering<I> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_readable(cx)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Lingering<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.is_alone |= matches!(read, Poll::Ready(Ok(()))) && room > 0 && buf.filled().len() == before;
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let timer = match &mut this.since {
            Some(timer) => timer,
            since => {
                ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
                if this.is_alone {
                    return Poll::Ready(Ok(()));
                }
                since.insert(Box::pin(tokio::time::sleep(LINGER)))
            }
        };
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [MaybeUninit::uninit(); SCRATCH];
        loop {
            let mut unread = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut this.inner).poll_read(cx, &mut unread) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {}
                // Its end, or a failure: either way there is nothing left to lose.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_far_end_may_finish_what_it_was_saying() {
        // The pipe holds less than is said, so that saying it needs somebody who reads.
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = Lingering::new(near);
        let end = async move {
            near.write_all(b"the last word").await.unwrap();
            near.shutdown().await
        };
        let other = async move {
            far.write_all(&[b'x'; 10_000]).await.unwrap();
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"the last word");
        };
        let (ended, ()) = tokio::join!(end, other);
        ended.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_without_end() {
        let (far, near) = tokio::io::duplex(64);
        let began = Instant::now();
        Lingering::new(near).shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
        drop(far);
    }
}
