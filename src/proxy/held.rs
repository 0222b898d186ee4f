//! Request bodies that can be sent once more, because what has gone of them is still held.
//!
//! A server that has dropped the panel session refuses a request without carrying it out, often before it
//! has read the body. What was read of the browser's body until then is kept, within a bound for each
//! request and one for all together; a body that outgrows them streams on and cannot be sent again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::streamed;

/// The bounds for bodies that are held.
#[derive(Clone, Debug)]
pub struct HeldBodies {
    each: usize,
    left: Arc<Semaphore>,
}

/// The right to send a body again. What it holds is let go when this is dropped.
pub struct Keeper(Option<Arc<Mutex<Held>>>);

/// The body was begun anew somewhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is being sent again")]
struct Superseded;

struct Held {
    inner: Body,
    /// What has gone, while all of it is there.
    gone: Option<Vec<Bytes>>,
    bytes: usize,
    each: usize,
    left: Arc<Semaphore>,
    permits: Option<OwnedSemaphorePermit>,
    /// Counts the readers; only the last one may read.
    reader: u32,
}

/// One reading of a held body.
struct Reader {
    held: Arc<Mutex<Held>>,
    number: u32,
    next: usize,
    left: Option<u64>,
}

impl HeldBodies {
    /// At most `each` bytes of one body, and `all` bytes of all bodies together.
    pub fn new(each: usize, all: usize) -> Self {
        Self { each, left: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))) }
    }

    /// Holds what goes of this body.
    pub fn hold(&self, body: Body) -> (Body, Keeper) {
        let left = body.size_hint().exact();
        let held = Held {
            inner: body,
            gone: Some(Vec::new()),
            bytes: 0,
            each: self.each,
            left: Arc::clone(&self.left),
            permits: None,
            reader: 0,
        };
        let held = Arc::new(Mutex::new(held));
        let reader = Reader { held: Arc::clone(&held), number: 0, next: 0, left };
        (streamed(reader), Keeper(Some(held)))
    }
}

impl Keeper {
    /// For a request without a body: there is nothing to hold, so it can always be sent again.
    pub fn of_nothing() -> Self {
        Self(None)
    }

    /// The body from its beginning, if all that has gone of it is held. Whoever reads it now gets no more.
    pub fn again(&self) -> Option<Body> {
        let Some(held) = &self.0 else { return Some(crate::upstream::empty()) };
        let mut state = lock(held);
        let gone = state.gone.as_ref()?;
        let bytes = u64::try_from(gone.iter().map(Bytes::len).sum::<usize>()).unwrap_or(u64::MAX);
        let left = state.inner.size_hint().exact().map(|rest| rest.saturating_add(bytes));
        state.reader += 1;
        let number = state.reader;
        drop(state);
        Some(streamed(Reader { held: Arc::clone(held), number, next: 0, left }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(held) = &self.0 {
            lock(held).let_go();
        }
    }
}

impl Held {
    fn let_go(&mut self) {
        self.gone = None;
        self.permits = None;
    }

    /// Keeps a copy, which is as large as it looks: the piece itself may be a part of a larger buffer.
    fn keep(&mut self, piece: &Bytes) {
        let fits = self.bytes.saturating_add(piece.len()) <= self.each;
        let permits = u32::try_from(piece.len()).ok().filter(|_| fits);
        let permits = permits.and_then(|count| Arc::clone(&self.left).try_acquire_many_owned(count).ok());
        let (Some(gone), Some(permits)) = (&mut self.gone, permits) else { return self.let_go() };
        gone.push(Bytes::copy_from_slice(piece));
        self.bytes += piece.len();
        match &mut self.permits {
            Some(all) => all.merge(permits),
            none => *none = Some(permits),
        }
    }
}

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let shared = Arc::clone(&self.held);
        let mut held = lock(&shared);
        if held.reader != self.number {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        let piece = if let Some(piece) = held.gone.as_ref().and_then(|gone| gone.get(self.next)) {
            piece.clone()
        } else {
            match ready!(Pin::new(&mut held.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => {
                        if held.gone.is_some() {
                            held.keep(&piece);
                        }
                        piece
                    }
                    // Trailers end a body; they go no further.
                    Err(_) => return Poll::Ready(None),
                },
                Some(Err(error)) => {
                    held.let_go();
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        };
        drop(held);
        self.next += 1;
        let size = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(size));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let held = lock(&self.held);
        let ahead = held.gone.as_ref().is_some_and(|gone| self.next < gone.len());
        held.reader == self.number && !ahead && held.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keeper").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt as _;

    use super::*;

    /// Pieces, one for each reading.
    struct Pieces(VecDeque<&'static str>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(Bytes::from(piece)))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
        }
    }

    fn body() -> Body {
        streamed(Pieces(VecDeque::from(["abc", "def", "gh"])))
    }

    async fn all(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_body_within_the_bound_can_be_sent_again_from_wherever_it_was() {
        for read in 0..=3 {
            let bodies = HeldBodies::new(8, 100);
            let (mut first, keeper) = bodies.hold(body());
            assert_eq!(first.size_hint().exact(), Some(8));
            for _ in 0..read {
                first.frame().await.unwrap().unwrap();
            }
            let again = keeper.again().unwrap();
            assert_eq!(again.size_hint().exact(), Some(8), "after {read}");
            assert!(read == 3 || first.frame().await.unwrap().is_err(), "the first reader has lost it");
            assert_eq!(all(again).await, "abcdefgh", "after {read}");
            drop(keeper);
            assert_eq!(bodies.left.available_permits(), 100);
        }
    }

    #[tokio::test]
    async fn a_body_that_outgrows_a_bound_streams_on_and_is_not_held() {
        for bodies in [HeldBodies::new(7, 100), HeldBodies::new(100, 7)] {
            let (first, keeper) = bodies.hold(body());
            assert_eq!(all(first).await, "abcdefgh");
            assert!(keeper.again().is_none());
        }
        // A part of a large body that stays below the bound is as good as a small one.
        let (mut first, keeper) = HeldBodies::new(6, 100).hold(body());
        first.frame().await.unwrap().unwrap();
        assert_eq!(all(keeper.again().unwrap()).await, "abcdefgh");
    }

    #[tokio::test]
    async fn what_one_request_holds_is_not_there_for_another_until_it_is_let_go() {
        let bodies = HeldBodies::new(8, 8);
        let (first, keeper) = bodies.hold(body());
        all(first).await;
        let (second, other) = bodies.hold(body());
        all(second).await;
        assert!(other.again().is_none());
        drop(keeper);
        let (third, last) = bodies.hold(body());
        all(third).await;
        assert_eq!(all(last.again().unwrap()).await, "abcdefgh");
    }

    #[tokio::test]
    async fn no_body_can_always_be_sent_again() {
        assert_eq!(all(Keeper::of_nothing().again().unwrap()).await, "");
    }
}
