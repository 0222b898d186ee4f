//! When a request last moved: the time for an answer does not run while its body is on the way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use tokio::time::Instant;

use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::empty;
use crate::upstream::streamed;

/// Since when a request has stood still on its way to the server.
#[derive(Debug)]
pub(super) enum Moved {
    /// It has no body, and is there as soon as it is sent.
    AtOnce(Mutex<Instant>),
    /// Its body is watched.
    AsItComes(Arc<Mutex<State>>),
}

#[derive(Debug)]
pub(super) struct State {
    /// When the body was last asked for more, which happens once the server has taken what came before.
    last: Instant,
    /// It is the browser that is waited for.
    waiting: bool,
}

impl Moved {
    /// Of a request with this body, now.
    pub(super) fn of(body: &Body) -> Self {
        let last = Instant::now();
        if body.is_end_stream() {
            Self::AtOnce(Mutex::new(last))
        } else {
            Self::AsItComes(Arc::new(Mutex::new(State { last, waiting: false })))
        }
    }

    /// It moves only now: until here there was nowhere to go.
    pub(super) fn again(&self) {
        match self {
            Self::AtOnce(last) => *lock(last) = Instant::now(),
            Self::AsItComes(state) => lock(state).last = Instant::now(),
        }
    }

    /// Watches the body, where it is: what goes on with it is large.
    pub(super) fn watch(&self, body: &mut Body) {
        if let Self::AsItComes(state) = self {
            let inner = std::mem::replace(body, empty());
            *body = streamed(Watched { inner, state: Arc::clone(state) });
        }
    }

    /// Waits until it has stood still for `limit`, and not because of the browser.
    pub(super) async fn still_for(&self, limit: Duration) {
        loop {
            let since = self.still_since();
            tokio::time::sleep_until(since.unwrap_or_else(Instant::now) + limit).await;
            if since.is_some() && self.still_since() == since {
                return;
            }
        }
    }

    fn still_since(&self) -> Option<Instant> {
        match self {
            Self::AtOnce(last) => Some(*lock(last)),
            Self::AsItComes(state) => {
                let state = lock(state);
                (!state.waiting).then_some(state.last)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watched {
    inner: Body,
    state: Arc<Mutex<State>>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        *lock(&self.state) = State { last: Instant::now(), waiting: frame.is_pending() };
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::ready;

    use tokio::time::Sleep;

    use http_body_util::BodyExt as _;

    use super::*;

    /// A piece each time that it is asked.
    struct Pieces;

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_runs_from_the_last_piece_that_was_taken() {
        let (limit, began, mut body) = (Duration::from_mins(5), Instant::now(), streamed(Pieces));
        let moved = Moved::of(&body);
        moved.watch(&mut body);
        let taking = async {
            for _ in 0..10 {
                tokio::time::sleep(limit / 2).await;
                body.frame().await.unwrap().unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = taking => {}
            () = moved.still_for(limit) => {}
        }
        assert_eq!(began.elapsed(), limit * 6);
    }

    /// Nothing comes before `0`, then something each time that it is asked.
    struct Later(Pin<Box<Sleep>>);

    impl http_body::Body for Later {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            ready!(self.0.as_mut().poll(cx));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_browser_waits_for_no_answer() {
        let (limit, began) = (Duration::from_mins(5), Instant::now());
        let mut body = streamed(Later(Box::pin(tokio::time::sleep(limit * 4))));
        let moved = Moved::of(&body);
        moved.watch(&mut body);
        let taking = async {
            body.frame().await.unwrap().unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = taking => {}
            () = moved.still_for(limit) => {}
        }
        assert!((limit * 5..=limit * 6).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_the_time_runs_from_when_it_is_sent() {
        let (limit, began) = (Duration::from_mins(5), Instant::now());
        let moved = Moved::of(&empty());
        tokio::time::sleep(limit / 2).await;
        moved.again();
        moved.still_for(limit).await;
        assert_eq!(began.elapsed(), limit / 2 + limit);
    }
}
