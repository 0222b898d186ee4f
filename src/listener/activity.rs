//! What is under way on a connection of HTTP/1.1, as it shows on both sides of its engine.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Frame;
use http_body::SizeHint;

use crate::upstream::Body;
use crate::upstream::BoxError;

/// What is under way. Written and read by the connection's own task.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Signs>);

#[derive(Debug, Default)]
struct Signs {
    /// Requests that have come.
    begun: AtomicUsize,
    /// Requests whose answers are not through.
    open: AtomicUsize,
    /// The last read found nothing.
    drained: AtomicBool,
    /// Something may not have gone out yet.
    unflushed: AtomicBool,
    /// The last word was said.
    closed: AtomicBool,
}

impl Activity {
    /// A request has come; it is under way until what this gives is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// How many requests have come, beyond counting.
    pub(super) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.0.open.load(Ordering::Relaxed) > 0
    }

    /// Whether no request is under way, all that was said has gone out, and all that has come was read.
    pub(super) fn is_quiet(&self) -> bool {
        let Signs { drained, unflushed, closed, .. } = &*self.0;
        let is = |sign: &AtomicBool| sign.load(Ordering::Relaxed);
        !self.is_busy() && is(drained) && !is(unflushed) && !is(closed)
    }

    /// A read has found something, or nothing.
    pub(super) fn read(&self, found: bool) {
        self.0.drained.store(!found, Ordering::Relaxed);
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        self.0.unflushed.store(true, Ordering::Relaxed);
    }

    /// The engine flushes only when it has nothing left to write itself, so now nothing is left at all.
    pub(super) fn flushed(&self) {
        self.0.unflushed.store(false, Ordering::Relaxed);
    }

    /// The end of the connection has begun.
    pub(super) fn closed(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Activity);

impl UnderWay {
    /// It is, until its answer's body was handed to the engine.
    pub(super) fn until_end_of(self, body: Body) -> Answer {
        Answer { body, _under_way: self }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // The engine still has to say the last of it.
        self.0.wrote();
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::empty;

    #[test]
    fn it_is_quiet_when_nothing_is_left_on_either_side() {
        let activity = Activity::default();
        assert!(!activity.is_quiet(), "nobody has looked yet whether something came");
        activity.read(false);
        assert!(activity.is_quiet());
        let body = activity.begin().until_end_of(empty());
        assert!(activity.is_busy() && !activity.is_quiet());
        activity.flushed();
        assert!(!activity.is_quiet(), "the answer is not through");
        drop(body);
        assert!(!activity.is_busy() && !activity.is_quiet(), "the engine has it");
        activity.flushed();
        assert!(activity.is_quiet());
        activity.read(true);
        assert!(!activity.is_quiet(), "there may be more to read");
        activity.read(false);
        activity.closed();
        assert!(!activity.is_quiet());
        assert_eq!(activity.begun(), 1);
    }
}
