//! A body on its way, watched: it must keep moving, and it ends when the session does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::Ending;

/// Why a body was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Idle(Duration),
    /// It came, but too slowly.
    #[error("it came more slowly than {0} bytes a second")]
    Slow(u32),
    /// Nobody asked for more.
    #[error("it was not read for {} s", .0.as_secs())]
    Unread(Duration),
    /// The session ended.
    #[error("the session ended")]
    Ended,
}

/// How a body has to move.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time without a byte.
    pub idle: Duration,
    /// Time that it may be waited for at any pace.
    pub grace: Duration,
    /// Bytes a second after that, over all the time that it was waited for.
    pub rate: u32,
}

/// A body with an idle limit and an end from outside. Holds `guard` until it is done.
///
/// Trailers are dropped: no panel needs them, and they could name header lines that were not checked.
pub struct Guarded<G> {
    inner: Body,
    idle: Duration,
    pace: Option<Paced>,
    ended: CancellationToken,
    /// Since when it is waited for. What comes as fast as it is asked for needs no clock.
    since: Option<Instant>,
    /// Set by the first wait.
    alarms: Option<Alarms>,
    _guard: G,
}

/// What ends a wait.
struct Alarms {
    timer: Pin<Box<Sleep>>,
    ended: Ending,
}

/// Only the time counts during which the body is waited for: who sends fast to a slow server is not slow.
struct Paced {
    limits: Pace,
    bytes: u64,
    waited: Duration,
}

impl Paced {
    fn came(&mut self, bytes: usize, since: Option<Instant>) {
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        self.waited += since.map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// When it will have been waited for too long, if nothing comes.
    fn limit(&self, since: Instant) -> Option<Instant> {
        let Pace { grace, rate, .. } = self.limits;
        let earned = self.bytes.checked_div(u64::from(rate))?;
        let allowed = grace + Duration::from_secs(earned);
        Some(since + allowed.saturating_sub(self.waited))
    }
}

impl Guarded<()> {
    /// Watches a request's body, which has to keep up a pace.
    pub fn paced(inner: Body, pace: Pace, ended: CancellationToken) -> Self {
        let paced = Paced { limits: pace, bytes: 0, waited: Duration::ZERO };
        Self { pace: Some(paced), ..Self::new(inner, pace.idle, ended, ()) }
    }
}

impl<G> Guarded<G> {
    /// Watches `inner`.
    pub fn new(inner: Body, idle: Duration, ended: CancellationToken, guard: G) -> Self {
        Self { inner, idle, pace: None, ended, since: None, alarms: None, _guard: guard }
    }

    /// Waits for the session's end and for the limits.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let idle = since + self.idle;
        let slow = self.pace.as_ref().and_then(|pace| Some((pace.limit(since)?, pace.limits.rate)));
        let limit = slow.map_or(idle, |(slow, _)| slow.min(idle));
        let alarms = self.alarms.get_or_insert_with(|| Alarms {
            timer: Box::pin(tokio::time::sleep_until(limit)),
            ended: Ending::new(self.ended.clone()),
        });
        if alarms.ended.has_come(cx) {
            return Poll::Ready(Cut::Ended);
        }
        // A timer that is set too early is set again when it rings, and not at each piece.
        if alarms.timer.deadline() > limit {
            alarms.timer.as_mut().reset(limit);
        }
        loop {
            ready!(alarms.timer.as_mut().poll(cx));
            if limit <= Instant::now() {
                break;
            }
            alarms.timer.as_mut().reset(limit);
        }
        let slow = slow.filter(|(slow, _)| *slow <= Instant::now());
        Poll::Ready(slow.map_or(Cut::Idle(self.idle), |(_, rate)| Cut::Slow(rate)))
    }
}

impl<G: Unpin> http_body::Body for Guarded<G> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.ended.is_cancelled() {
            return Poll::Ready(Some(Err(Cut::Ended.into())));
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) if frame.is_data() => {
                let since = this.since.take();
                if let (Some(pace), Some(bytes)) = (&mut this.pace, frame.data_ref()) {
                    pace.came(bytes.len(), since);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Ok(_))) => Poll::Ready(None),
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => this.poll_cut(cx).map(|cut| Some(Err(cut.into()))),
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
    use crate::upstream::streamed;

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
        let mut body = Guarded::new(streamed(Silent), idle, CancellationToken::new(), ());
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Cut::Idle(idle)));
    }

    /// Some bytes every so often.
    struct Drip(Duration, Option<Pin<Box<Sleep>>>);

    impl http_body::Body for Drip {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            let every = self.0;
            let sleep = self.1.get_or_insert_with(|| Box::pin(tokio::time::sleep(every)));
            ready!(sleep.as_mut().poll(cx));
            self.1 = None;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 100])))))
        }
    }

    const PACE: Pace = Pace { idle: Duration::from_mins(5), grace: Duration::from_secs(30), rate: 10 };

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_cut_after_its_grace_and_one_that_keeps_pace_is_not() {
        let began = Instant::now();
        let mut body = Guarded::paced(streamed(Drip(Duration::from_secs(11), None)), PACE, CancellationToken::new());
        let error = loop {
            if let Err(error) = body.frame().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error.downcast_ref(), Some(&Cut::Slow(10)));
        assert!((30..400).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        let mut body = Guarded::paced(streamed(Drip(Duration::from_secs(9), None)), PACE, CancellationToken::new());
        for _ in 0..100 {
            assert!(body.frame().await.unwrap().is_ok());
            // The server takes its time, which is not the browser's fault.
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }

    #[tokio::test]
    async fn a_body_ends_with_its_session() {
        let ended = CancellationToken::new();
        let mut body = Guarded::new(full("x"), Duration::from_mins(5), ended.clone(), ());
        assert!(body.frame().await.unwrap().is_ok());
        let mut body = Guarded::new(streamed(Silent), Duration::from_mins(5), ended.clone(), ());
        ended.cancel();
        assert_eq!(body.frame().await.unwrap().unwrap_err().downcast_ref(), Some(&Cut::Ended));
    }
}
