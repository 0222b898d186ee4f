//! The end of an answer that nobody reads.
//!
//! A body is asked for its next piece only when the browser has taken the last one. Whoever does not read
//! would keep a place at the server for ever, and the end of the session would not reach it: so somebody
//! watches from outside, lets go of the server's side, and cuts the browser's.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;

use crate::proxy::body::Cut;
use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::streamed;

/// How long a cut body may take to tell the browser so, before its connection is cut too.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Watches over a body on its way to the browser: it is cut when the session ends, and when its next piece
/// has not been asked for during `idle`. `connection` ends the browser's connection.
pub fn deliver(body: Body, idle: Duration, ended: CancellationToken, connection: CancellationToken) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let shared = Arc::new(Mutex::new(Shared {
        body: Some(body),
        cut: None,
        taken: Instant::now(),
        is_waiting: false,
        waker: None,
    }));
    let gone = CancellationToken::new();
    let delivered = Delivered { shared: Arc::clone(&shared), _gone: gone.clone().drop_guard() };
    tokio::spawn(watch(shared, idle, ended, gone, connection));
    streamed(delivered)
}

async fn watch(
    shared: Arc<Mutex<Shared>>,
    idle: Duration,
    ended: CancellationToken,
    gone: CancellationToken,
    connection: CancellationToken,
) {
    let cut = loop {
        let unread = lock(&shared).unread_since();
        let limit = unread.unwrap_or_else(Instant::now) + idle;
        tokio::select! {
            () = gone.cancelled() => return,
            () = ended.cancelled() => break Cut::Ended,
            () = tokio::time::sleep_until(limit) => {
                if unread.is_some() && lock(&shared).unread_since() == unread {
                    break Cut::Unread(idle);
                }
            }
        }
    };
    lock(&shared).cut(cut);
    tokio::select! {
        () = gone.cancelled() => {}
        () = tokio::time::sleep(LAST_WORD) => connection.cancel(),
    }
}

struct Shared {
    body: Option<Body>,
    cut: Option<Cut>,
    /// When the last piece was taken.
    taken: Instant,
    /// The server is waited for.
    is_waiting: bool,
    /// Who waits, or did: kept, because it is the same each time.
    waker: Option<Waker>,
}

impl Shared {
    /// Since when the browser has not asked for what is there to be had.
    fn unread_since(&self) -> Option<Instant> {
        (!self.is_waiting).then_some(self.taken)
    }

    fn cut(&mut self, cut: Cut) {
        self.body = None;
        self.cut = Some(cut);
        if let Some(waker) = self.waker.take().filter(|_| self.is_waiting) {
            waker.wake();
        }
    }
}

/// The browser's end of it.
struct Delivered {
    shared: Arc<Mutex<Shared>>,
    _gone: DropGuard,
}

impl http_body::Body for Delivered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut shared = lock(&self.shared);
        if let Some(cut) = shared.cut {
            return Poll::Ready(Some(Err(cut.into())));
        }
        let Some(body) = &mut shared.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending => {
                shared.is_waiting = true;
                match &mut shared.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    waker => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Poll::Ready(frame) => {
                shared.is_waiting = false;
                shared.taken = Instant::now();
                if !matches!(frame, Some(Ok(_))) {
                    shared.body = None;
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = lock(&self.shared);
        shared.cut.is_none() && shared.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.shared).body.as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivered")
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// A body that has always more, and says when it is let go of.
    struct Endless(CancellationToken);

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }

    const IDLE: Duration = Duration::from_mins(5);

    #[tokio::test(start_paused = true)]
    async fn what_is_not_read_is_let_go_of_and_then_the_connection_is_cut() {
        let (gone, ended, connection) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let mut body = deliver(streamed(Endless(gone.clone())), IDLE, ended, connection.clone());
        let began = Instant::now();
        while began.elapsed() < IDLE * 3 {
            assert!(body.frame().await.unwrap().is_ok());
            tokio::time::sleep(IDLE / 2).await;
        }
        gone.cancelled().await;
        connection.cancelled().await;
        assert_eq!(body.frame().await.unwrap().unwrap_err().downcast_ref(), Some(&Cut::Unread(IDLE)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_session_reaches_what_nobody_reads() {
        let (gone, ended, connection) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let body = deliver(streamed(Endless(gone.clone())), IDLE, ended.clone(), connection.clone());
        let began = Instant::now();
        ended.cancel();
        gone.cancelled().await;
        connection.cancelled().await;
        assert!(began.elapsed() < Duration::from_secs(1));
        drop(body);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_its_time_is_none_of_its_business() {
        let connection = CancellationToken::new();
        let (sender, receiver) = tokio::io::duplex(64);
        let slow = http_body_util::StreamBody::new(futures_util::stream::once(async move {
            let mut reader = receiver;
            let byte = tokio::io::AsyncReadExt::read_u8(&mut reader).await?;
            Ok::<_, BoxError>(Frame::data(Bytes::from(vec![byte])))
        }));
        let mut body = deliver(streamed(slow), IDLE, CancellationToken::new(), connection.clone());
        let reading = tokio::spawn(async move { body.frame().await.unwrap().is_ok() });
        tokio::time::sleep(IDLE * 3).await;
        let mut sender = sender;
        tokio::io::AsyncWriteExt::write_u8(&mut sender, b'x').await.unwrap();
        assert!(reading.await.unwrap());
        assert!(!connection.is_cancelled());
    }
}
