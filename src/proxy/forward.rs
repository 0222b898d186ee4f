//! Sending a signed request.

use std::time::Duration;

use http::HeaderMap;
use http::Response;
use http::StatusCode;
use http_body::Body as _;
use hyper::ext::ReasonPhrase;
use tokio_util::sync::CancellationToken;

use crate::panel;
use crate::panel::HeadSign;
use crate::panel::Lost;
use crate::panel_session::NoPlace;
use crate::panel_session::Placed;
use crate::panel_session::SignedRequest;
use crate::proxy::body::Guarded;
use crate::proxy::body::Pace;
use crate::proxy::peek;
use crate::proxy::peek::Arrived;
use crate::upstream::AnswerBody;
use crate::upstream::Body;
use crate::upstream::SendError;
use crate::upstream::empty;
use crate::upstream::full;
use crate::upstream::streamed;

/// Why there is no answer to pass on.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The server gave none.
    #[error("the server gave no answer")]
    Send(#[source] SendError),
    /// There is no place for it at the server.
    #[error("there is no place for one more request")]
    Crowded(#[source] NoPlace),
    /// The server's answer to a WebSocket handshake does not belong to it (RFC 6455 section 4.1).
    #[error("the server answered the WebSocket handshake wrongly")]
    Handshake,
    /// The session ended while the request was under way.
    #[error("the session ended")]
    Ended,
}

/// The head of an answer with its body still streaming.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The server's header lines.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Whether all of the body is here, and nothing at the server waits for its reader.
    pub is_whole: bool,
    /// Set if the answer says that the panel session is gone.
    pub lost: Option<Lost>,
    /// Whether the path needs a session that is alive: what stands under a security token, APIs, and the
    /// server's first page. A refusal on another path says nothing of the session.
    pub needed: bool,
}

/// A request that was sent, with the head of its answer and what is held while it lasts.
pub(super) struct Sent {
    pub(super) response: Response<AnswerBody>,
    pub(super) ended: CancellationToken,
    pub(super) placed: Placed,
    needed: bool,
}

/// Sends the request and gives the head of the answer; both bodies stream, each cut when it
/// loses its pace, and when the session ends.
///
/// The answer's cookies stay on our side, in the panel session's jar.
pub async fn forward(signed: SignedRequest, pace: Pace) -> Result<Answer, ProxyError> {
    Ok(send(signed, pace).await?.into_answer(pace.idle).await)
}

pub(super) async fn send(signed: SignedRequest, pace: Pace) -> Result<Sent, ProxyError> {
    let (panel, mut request, ended) = signed.into_parts();
    if ended.is_cancelled() {
        return Err(ProxyError::Ended);
    }
    let placed = tokio::select! {
        biased;
        placed = panel.places().take() => placed.map_err(ProxyError::Crowded)?,
        () = ended.cancelled() => return Err(ProxyError::Ended),
    };
    let needed = needs_session(request.uri().path());
    // What is not there has no pace to keep.
    if !request.body().is_end_stream() {
        let body = std::mem::replace(request.body_mut(), empty());
        *request.body_mut() = streamed(Guarded::paced(body, pace, ended.clone()));
    }
    let response = tokio::select! {
        // With the panel session its connections end: what breaks off then is no failure of the server.
        biased;
        () = ended.cancelled() => return Err(ProxyError::Ended),
        response = panel.client().send(request) => response.map_err(ProxyError::Send)?,
    };
    panel.absorb(response.headers());
    Ok(Sent { response, ended, placed, needed })
}

impl Sent {
    pub(super) async fn into_answer(self, idle: Duration) -> Answer {
        let Self { response, ended, placed, needed } = self;
        let (parts, body) = response.into_parts();
        let reason = parts.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
        let sign = panel::head_sign(parts.status, reason, &parts.headers);
        let sign = if needed || !matches!(sign, HeadSign::InBody(_)) { sign } else { HeadSign::Lives };
        let (body, is_whole, lost) = match (peek::arrived(body), sign) {
            (Arrived::Whole(bytes), HeadSign::InBody(sign)) => {
                let lost = sign.found_in(&[&bytes], true);
                (full(bytes), true, lost)
            }
            (Arrived::Whole(bytes), HeadSign::Gone(lost)) => (full(bytes), true, Some(lost)),
            (Arrived::Whole(bytes), HeadSign::Lives) => (full(bytes), true, None),
            (Arrived::Part(body), sign) => {
                let body = streamed(Guarded::new(body, idle, ended, placed));
                match sign {
                    HeadSign::Lives => (body, false, None),
                    HeadSign::Gone(lost) => (body, false, Some(lost)),
                    HeadSign::InBody(sign) => {
                        let (body, lost) = Box::pin(peek::look_into(body, sign)).await;
                        (body, false, lost)
                    }
                }
            }
        };
        Answer { status: parts.status, headers: parts.headers, body, is_whole, lost, needed }
    }
}

fn needs_session(path: &str) -> bool {
    path == "/" || ["/cpsess", "/json-api/", "/xml-api/", "/execute/"].iter().any(|start| path.starts_with(start))
}
