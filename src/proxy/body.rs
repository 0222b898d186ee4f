//! A body on its way, watched: it must keep moving, and it ends when the session does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::upstream::Body;
use crate::upstream::BoxError;

/// Why a body was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Idle(Duration),
    /// The session ended.
    #[error("the session ended")]
    Ended,
}

/// A body with an idle limit and an end from outside. Holds `guard` until it is done.
///
/// Trailers are dropped: no panel needs them, and they could name header lines that were not checked.
pub struct Guarded<G> {
    inner: Body,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _guard: G,
}

impl<G> Guarded<G> {
    /// Watches `inner`.
    pub fn new(inner: Body, idle: Duration, ended: CancellationToken, guard: G) -> Self {
        let timer = Box::pin(tokio::time::sleep(idle));
        Self { inner, idle, timer, ended: Box::pin(ended.cancelled_owned()), _guard: guard }
    }
}

impl<G: Unpin> http_body::Body for Guarded<G> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Cut::Ended.into())));
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                this.timer.as_mut().reset(Instant::now() + this.idle);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Ok(_))) => Poll::Ready(None),
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => match this.timer.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Cut::Idle(this.idle).into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<G> fmt::Debug for Guarded<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("idle", &self.idle).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::upstream::full;

    /// A body that never says anything.
    struct Silent;

    impl http_body::Body for Silent {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_cut() {
        let idle = Duration::from_mins(5);
        let mut body = Guarded::new(Silent.boxed_unsync(), idle, CancellationToken::new(), ());
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Cut::Idle(idle)));
    }

    #[tokio::test]
    async fn a_body_ends_with_its_session() {
        let ended = CancellationToken::new();
        let mut body = Guarded::new(full("x"), Duration::from_mins(5), ended.clone(), ());
        assert!(body.frame().await.unwrap().is_ok());
        let mut body = Guarded::new(Silent.boxed_unsync(), Duration::from_mins(5), ended.clone(), ());
        ended.cancel();
        assert_eq!(body.frame().await.unwrap().unwrap_err().downcast_ref(), Some(&Cut::Ended));
    }
}
