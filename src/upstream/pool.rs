//! The connections of one client that wait for their next request.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use crate::upstream::body::Body;
use crate::upstream::body::BoxError;

/// An idle connection is kept this long: below the keep-alive of any server we know of, so that a
/// request seldom meets a connection that is being closed.
pub(super) const POOL_IDLE: Duration = Duration::from_secs(5);

/// The idle connections of one client. The last one used is used first, so that what is not needed grows old.
pub(super) struct Pool {
    waiting: Mutex<Waiting>,
    /// Connections that wait at once. One more is closed.
    most: usize,
}

#[derive(Default)]
struct Waiting {
    /// The last one used is the last.
    connections: Vec<Idle>,
    /// Somebody looks after what grows old.
    watched: bool,
}

struct Idle {
    sender: SendRequest<Body>,
    since: Instant,
}

impl Pool {
    /// An empty pool, in which so many connections may wait.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: Mutex::default(), most }
    }

    /// A connection that is open and has nothing under way.
    pub(super) fn take(&self) -> Option<SendRequest<Body>> {
        let (mut waiting, now) = (self.lock(), Instant::now());
        // One may still be reading a request whose answer came early, or be closed. Those before one that is too
        // old are older.
        let fresh = waiting.connections.iter().rev().take_while(|idle| now.duration_since(idle.since) < POOL_IDLE);
        let from_the_end =
            fresh.map(|idle| &idle.sender).position(|sender| sender.is_ready() && !sender.is_closed())?;
        let ready = waiting.connections.len() - 1 - from_the_end;
        Some(waiting.connections.remove(ready).sender)
    }

    pub(super) fn give(self: &Arc<Self>, sender: SendRequest<Body>) {
        let mut waiting = self.lock();
        if waiting.connections.len() >= self.most {
            waiting.drop_old(Instant::now());
        }
        if sender.is_closed() || waiting.connections.len() >= self.most {
            return;
        }
        waiting.connections.push(Idle { sender, since: Instant::now() });
        if !std::mem::replace(&mut waiting.watched, true) {
            tokio::spawn(close_old(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn drop_old(&mut self, now: Instant) {
        self.connections.retain(|idle| !idle.sender.is_closed() && now.duration_since(idle.since) < POOL_IDLE);
    }
}

/// Closes what nobody has needed, for as long as there is something to close.
async fn close_old(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(POOL_IDLE).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut waiting = pool.lock();
        waiting.drop_old(Instant::now());
        if waiting.connections.is_empty() {
            waiting.watched = false;
            return;
        }
    }
}

/// The way back to the pool of a connection that carries an answer. Without it the connection is closed after
/// this exchange.
pub(super) struct Return {
    sender: SendRequest<Body>,
    pool: Weak<Pool>,
}

impl Return {
    /// For a connection of this pool. The pool does not outlive its client because of it.
    pub(super) fn new(sender: SendRequest<Body>, pool: &Arc<Pool>) -> Self {
        Self { sender, pool: Arc::downgrade(pool) }
    }

    fn now(self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.give(self.sender);
        }
    }
}

/// The body of an answer. Its connection carries another request only when it was read to its end.
pub struct AnswerBody {
    inner: Incoming,
    back: Option<Return>,
}

impl AnswerBody {
    /// A body that comes over a connection; without a way back the connection is not used again.
    pub(super) fn new(inner: Incoming, back: Option<Return>) -> Self {
        let mut body = Self { inner, back };
        body.end_if_ended();
        body
    }

    fn end_if_ended(&mut self) {
        if self.inner.is_end_stream()
            && let Some(back) = self.back.take()
        {
            back.now();
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.end_if_ended(),
            Some(Err(_)) => self.back = None,
            None => {
                if let Some(back) = self.back.take() {
                    back.now();
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerBody")
    }
}
