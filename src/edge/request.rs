//! A request that has passed the edge.

use http::HeaderMap;
use http::Method;
use http::Request;
use http::request::Parts;
use tokio_util::sync::CancellationToken;

use crate::edge::cookies::Cookies;
use crate::edge::fetch::Destination;
use crate::edge::fetch::FetchContext;
use crate::edge::gate;
use crate::edge::gate::Arrival;
use crate::edge::gate::EdgeError;
use crate::edge::headers;
use crate::edge::headers::Framing;
use crate::edge::place::Origins;
use crate::edge::place::Place;
use crate::edge::websocket;
use crate::edge::websocket::Handshake;
use crate::listener::Accepted;
use crate::model::ClientAddr;
use crate::model::MalformedTarget;
use crate::model::ReferenceId;
use crate::model::Target;
use crate::telemetry::Waits;

/// A request in which nothing is ambiguous and which one of our own pages may have caused; its body stands beside it,
/// unread.
#[derive(Debug)]
#[must_use]
pub struct EdgeRequest {
    /// The reference that people and logs share.
    pub reference: ReferenceId,
    /// The far end.
    pub client: ClientAddr,
    /// The origin that it is for.
    pub place: Place,
    /// The method: GET, HEAD, POST, and on panels PUT, PATCH, DELETE and OPTIONS.
    pub method: Method,
    /// Path and query.
    pub target: Target,
    /// Who caused it.
    pub fetch: FetchContext,
    /// Whether it may be acted on.
    pub arrival: Arrival,
    /// All header lines; the rooms behind take what they list by name.
    pub headers: HeaderMap,
    /// How the end of the body is found.
    pub framing: Framing,
    /// Set if it asks for a WebSocket, which its own panel may have.
    pub websocket: Option<Handshake>,
    /// The time that it waits for others, which is not ours.
    pub waits: Waits,
    /// Ends the connection that it came on.
    pub connection: CancellationToken,
}

impl EdgeRequest {
    /// Our own cookies.
    pub const fn cookies(&self) -> Cookies<'_> {
        Cookies::of(&self.headers)
    }
}

/// Checks a request, of which its headers were asked what the answer is for.
///
/// # Errors
/// [`EdgeError`] with the first thing that is wrong, in this order: head, host, method, target, framing,
/// expectations, who caused it.
pub fn check<B>(
    mut request: Request<B>,
    destination: Destination,
    accepted: &Accepted,
    reference: ReferenceId,
    origins: &Origins,
    waits: &Waits,
) -> Result<(EdgeRequest, B), EdgeError> {
    if accepted.doubtful || !headers::is_tidy(request.version(), request.headers()) {
        return Err(EdgeError::Ambiguous);
    }
    let (method, websocket) = websocket::take(&mut request)?;
    let (Parts { uri, version, headers, .. }, body) = request.into_parts();
    let authority = headers::authority(version, &uri, &headers)?;
    // HTTP/2 lets a browser reuse a connection for another name that the certificate covers (RFC 9113
    // section 9.1.1). Origins are kept apart: 421 makes it open one of its own.
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if accepted.server_name.as_deref().is_some_and(|name| !name.eq_ignore_ascii_case(host)) {
        return Err(EdgeError::Misdirected);
    }
    if uri.scheme_str().is_some_and(|scheme| scheme != origins.console().scheme.as_str()) {
        return Err(EdgeError::Host);
    }
    let place = origins.find(authority).ok_or(EdgeError::UnknownHost)?.clone();
    if !allowed(&place, &method) {
        return Err(EdgeError::Method);
    }
    let spelled = uri.into_parts().path_and_query.ok_or(MalformedTarget::NotAbsolute);
    let target = spelled.and_then(Target::of).map_err(EdgeError::Target)?;
    let framing = headers::framing(version, &method, &headers)?;
    headers::expectations(&headers)?;
    let own = match &place {
        Place::Console => origins.console(),
        Place::Panel(panel) => &panel.origin,
    };
    let fetch = FetchContext::read(&headers, own, destination);
    let arrival = gate::admit(&place, &method, &target, fetch)?;
    if websocket.is_some() {
        gate::admit_websocket(&place, &headers)?;
    }
    let request = EdgeRequest {
        reference,
        client: accepted.client,
        place,
        method,
        target,
        fetch,
        arrival,
        headers,
        framing,
        websocket,
        waits: waits.clone(),
        connection: accepted.cut.clone(),
    };
    Ok((request, body))
}

fn allowed(place: &Place, method: &Method) -> bool {
    let page = matches!(*method, Method::GET | Method::HEAD | Method::POST);
    match place {
        Place::Console => page,
        Place::Panel(_) => page || matches!(*method, Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS),
    }
}
