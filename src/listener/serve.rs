//! An accepted connection, and HTTP/2 on it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderMap;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::COOKIE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::listener::crowd::Counted;
use crate::listener::crowd::Crowd;
use crate::listener::limits::ListenerLimits;
use crate::listener::linger::Lingering;
use crate::model::ClientAddr;
use crate::upstream::Body;
use crate::upstream::empty;

/// An accepted connection, with what is known of its far end.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The person's address; behind a balancer that says so in requests, the balancer's until it was read.
    pub client: ClientAddr,
    /// The name that the TLS handshake was for.
    pub server_name: Option<Arc<str>>,
    /// Whether the head could be read in more than one way before it was tidied up.
    pub doubtful: bool,
    /// Ends the connection, whatever is still to be sent on it.
    pub cut: CancellationToken,
    /// The places of addresses, where one connection brings requests of many.
    pub crowd: Option<Crowd>,
    /// The place that this request takes among those of its address.
    pub place: Option<Arc<Counted>>,
}

impl Accepted {
    /// A new connection.
    pub(super) fn new(client: ClientAddr) -> Self {
        let cut = CancellationToken::new();
        Self { client, server_name: None, doubtful: false, cut, crowd: None, place: None }
    }
}

/// Asks a silent HTTP/2 peer for a sign of life this often, and waits as long for it.
const PING: Duration = Duration::from_secs(20);

/// HTTP/2 until the peer, draining or idleness ends it.
pub(super) async fn http2<I, S, F>(
    io: I,
    accepted: Accepted,
    service: S,
    limits: &ListenerLimits,
    draining: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Request<Incoming>, Accepted) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let open = Arc::new(AtomicUsize::new(0));
    let (counter, cut) = (Arc::clone(&open), accepted.cut.clone());
    let most_headers = limits.request_headers;
    let answer = service_fn(move |request| {
        counter.fetch_add(1, Ordering::Relaxed);
        // HTTP/1.1 counts while it reads; over HTTP/2 only the size is bounded by the engine.
        let fits = fields(request.headers()) <= most_headers;
        let (counter, answer) = (Arc::clone(&counter), fits.then(|| service(request, accepted.clone())));
        async move {
            let response = match answer {
                Some(answer) => answer.await,
                None => too_many_fields(),
            };
            counter.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        // WebSockets over HTTP/2 (RFC 8441): browsers use it when the page itself came that way.
        .enable_connect_protocol()
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(limits.http2_resets)
        .max_local_error_reset_streams(limits.http2_resets)
        .max_header_list_size(u32::try_from(limits.request_head_bytes).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(Lingering::new(io)), answer);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = cut.cancelled() => return,
        () = until_idle_or(&draining, &open, limits.keep_alive) => {
            // GOAWAY; streams that are open go on to their end.
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => result,
                () = cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// The number of header fields. Over HTTP/2 a browser may send each cookie on a line of its own, and Firefox does;
/// together they are one field (RFC 9113 section 8.2.3). Else a page below our domain that sets a hundred cookies
/// for all of it would shut people out.
fn fields(headers: &HeaderMap) -> usize {
    headers.len() - headers.get_all(COOKIE).iter().count().saturating_sub(1)
}

/// The answer that HTTP/1.1 gives by itself.
fn too_many_fields() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response
}

/// Waits for draining, or until two looks in a row, `idle` apart, found no request.
async fn until_idle_or(draining: &CancellationToken, open: &AtomicUsize, idle: Duration) {
    let mut looks = tokio::time::interval_at(Instant::now() + idle, idle);
    let mut was_idle = false;
    loop {
        tokio::select! {
            () = draining.cancelled() => return,
            _ = looks.tick() => {
                let is_idle = open.load(Ordering::Relaxed) == 0;
                if was_idle && is_idle {
                    return;
                }
                was_idle = is_idle;
            }
        }
    }
}
