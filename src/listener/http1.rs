//! HTTP/1.1 on a connection: with an engine while something is under way, and without one in between.
//!
//! An engine has two buffers of 8 KiB and as much again of state. Browsers and balancers keep connections for
//! the next request, and most of them are idle most of the time, so a connection of which nobody has wanted
//! anything for a moment is taken out of its engine, and gets another one when there is something to read.

use std::convert::Infallible;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::server::conn::http1::Parts;
use hyper::server::conn::http1::UpgradeableConnection;
use hyper::service::HttpService;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use crate::listener::activity::Activity;
use crate::listener::activity::Answer;
use crate::listener::heads::Head;
use crate::listener::heads::Heads;
use crate::listener::heads::Watched;
use crate::listener::limits::ListenerLimits;
use crate::listener::linger::Lingering;
use crate::listener::serve::Accepted;
use crate::listener::watch::Idle;
use crate::listener::watch::Watch;
use crate::listener::wire::Wire;
use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::Ending;

/// When draining begins, how long a connection on which nothing was said yet may take to begin.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// HTTP/1.1 until the peer, draining or idleness ends it.
pub(super) async fn http1<I, S, F>(
    io: I,
    accepted: Accepted,
    service: S,
    limits: &ListenerLimits,
    draining: CancellationToken,
) where
    I: Wire,
    S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (heads, activity) = (Heads::new(limits.request_head_bytes), Activity::default());
    let (cut, leaving) = (Ending::new(accepted.cut.clone()), draining.clone());
    let mut wire = Box::new(Lingering::new(Watched::new(io, heads.clone(), activity.clone())));
    let (coming, answering) = (heads.clone(), activity.clone());
    let mut answer = service_fn(move |request| {
        let (head, under_way, leaving) = (coming.next(), answering.begin(), leaving.clone());
        let accepted = Accepted { doubtful: head == Head::Doubtful, ..accepted.clone() };
        let answer = service(request, accepted);
        async move {
            let mut response = answer.await;
            let is_last = head != Head::Plain || leaving.is_cancelled();
            if is_last && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // Nothing more is looked at on this connection.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| under_way.until_end_of(body)))
        }
    });
    let clock = pin!(tokio::time::sleep(Duration::ZERO));
    let watch = Watch::new(activity, heads, limits.request_head);
    let mut attendant = Attendant { watch, clock, cut, draining: Ending::new(draining) };
    loop {
        let engine = Builder::new()
            // The watch has an eye on that, for all requests of the connection with one timer.
            .header_read_timeout(None)
            .max_headers(limits.request_headers)
            .max_buf_size(limits.request_head_bytes.max(8192))
            .serve_connection(TokioIo::new(wire), answer);
        let Some(taken_out) = attendant.work(Box::new(engine.with_upgrades())).await else { return };
        (wire, answer) = (taken_out.io.into_inner(), taken_out.service);
        match attendant.rest(&mut *wire).await {
            Woken::Readable => {}
            Woken::Cut => return,
            Woken::Over => {
                // Boxed: large, and the last of it.
                let end = Box::pin(tokio::time::timeout(limits.request_head, wire.shutdown()));
                if let Ok(Err(error)) = end.await {
                    tracing::debug!(%error, "an idle connection ended badly");
                }
                return;
            }
        }
    }
}

/// What is left of a connection without its engine: neither its buffers nor its box.
struct TakenOut<W, S> {
    io: W,
    service: S,
}

/// What a connection that rests has waited for.
enum Woken {
    /// There is something for an engine to do.
    Readable,
    /// It was idle for too long, or the gateway stops.
    Over,
    /// It is not to go on.
    Cut,
}

/// Who stays with a connection from its beginning to its end.
struct Attendant<'c> {
    watch: Watch,
    clock: Pin<&'c mut Sleep>,
    cut: Ending,
    draining: Ending,
}

/// How far a connection has got with leaving.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    No,
    /// The engine would close on who has not said anything yet, whose request may be on its way.
    WithFirstWord,
    Now,
}

impl Attendant<'_> {
    /// Lets an engine work until the connection is quiet, and takes it out; nothing when it is over.
    async fn work<W, S>(&mut self, mut engine: Box<UpgradeableConnection<W, S>>) -> Option<TakenOut<W, S>>
    where
        W: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
        S: HttpService<Incoming, ResBody = Answer>,
        S::Error: Into<BoxError>,
    {
        if !self.attend(&mut *engine, UpgradeableConnection::graceful_shutdown).await {
            return None;
        }
        let Parts { io, read_buf, service, .. } = engine.into_parts()?;
        if !read_buf.is_empty() {
            tracing::error!("a connection was taken for idle with a request in its engine");
            return None;
        }
        Some(TakenOut { io, service })
    }

    /// Stays with an engine until the connection is quiet; or until it is over, and then this says no.
    async fn attend<E>(&mut self, engine: &mut E, shut_down: impl Fn(Pin<&mut E>)) -> bool
    where
        E: Future<Output = hyper::Result<()>> + Unpin,
    {
        self.watch.resume(self.clock.as_mut());
        let mut leaving = Leaving::No;
        poll_fn(|cx| {
            if self.cut.has_come(cx) {
                return Poll::Ready(false);
            }
            if leaving == Leaving::No && self.draining.has_come(cx) {
                leaving = Leaving::WithFirstWord;
                self.clock.as_mut().reset(Instant::now() + FIRST_WORD);
            }
            loop {
                if let Poll::Ready(result) = Pin::new(&mut *engine).poll(cx) {
                    return Poll::Ready(ended(result));
                }
                if leaving != Leaving::WithFirstWord {
                    break;
                }
                if !self.watch.has_begun() && self.clock.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                leaving = Leaving::Now;
                self.watch.resume(self.clock.as_mut());
                shut_down(Pin::new(&mut *engine));
            }
            match ready!(self.watch.poll_idle(cx, self.clock.as_mut())) {
                Idle::Quiet => Poll::Ready(leaving == Leaving::No),
                Idle::Late => {
                    tracing::debug!("a request's head took too long");
                    Poll::Ready(false)
                }
            }
        })
        .await
    }

    /// Waits without an engine.
    async fn rest(&mut self, wire: &mut impl Wire) -> Woken {
        self.watch.last_look(self.clock.as_mut());
        poll_fn(|cx| {
            if self.cut.has_come(cx) {
                return Poll::Ready(Woken::Cut);
            }
            if self.draining.has_come(cx) {
                return Poll::Ready(if self.watch.has_begun() { Woken::Over } else { Woken::Readable });
            }
            if self.clock.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Woken::Over);
            }
            wire.poll_readable(cx).map(|()| Woken::Readable)
        })
        .await
    }
}

/// Nothing can go on after an end, whichever it was.
fn ended(result: hyper::Result<()>) -> bool {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
    false
}
