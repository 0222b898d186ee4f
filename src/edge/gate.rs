//! Only our own pages can act.
//!
//! Panel origins and the console are of one site, so a cookie's `SameSite` does not tell them apart. Who
//! caused a request does, and it is asked before anything else.

use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::header::ORIGIN;

use crate::edge::fetch::Destination;
use crate::edge::fetch::FetchContext;
use crate::edge::fetch::Initiator;
use crate::edge::place::Place;
use crate::model::MalformedTarget;
use crate::model::Target;

/// Our own paths on every origin. Nothing below it ever reaches a server.
pub const RESERVED: &str = "/.panelgate/";

/// Where a provider says, from its own machine, that somebody signed out. On the console.
pub const BACKCHANNEL_LOGOUT: &str = "/backchannel-logout";

/// Where it says so in a frame of its own page. On the console.
pub const FRONTCHANNEL_LOGOUT: &str = "/frontchannel-logout";

/// Why a request goes no further than the edge.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// Its head can be read in more than one way: a length beside chunks, two lengths, a line that ends
    /// without CR, a fragment in the target, a value with a space around it.
    #[error("the request's head can be read in more than one way")]
    Ambiguous,
    /// The balancer does not say whose request it is.
    #[error("the balancer does not say whose request it is")]
    Forwarding,
    /// The balancer does not say that the request came over TLS.
    #[error("the balancer does not say that the request came over TLS")]
    NotSecure,
    /// Too many requests of one address are under way.
    #[error("the address has too many requests under way")]
    Crowded,
    /// No host, two hosts, or a host that differs from the request target's.
    #[error("the request does not name one host")]
    Host,
    /// The connection was made for another name.
    #[error("the connection is for another host")]
    Misdirected,
    /// The host is none of ours.
    #[error("the host is not served here")]
    UnknownHost,
    /// A path or query that can be read in two ways.
    #[error("the address is ambiguous")]
    Target(#[source] MalformedTarget),
    /// A method that browsers do not use on pages, or CONNECT and TRACE.
    #[error("the method is not allowed")]
    Method,
    /// A body whose end can be read in two ways.
    #[error("the body's framing is ambiguous")]
    Framing,
    /// An `Expect` other than `100-continue`.
    #[error("the expectation cannot be met")]
    Expectation,
    /// A protocol that is not spoken here.
    #[error("the upgrade is not allowed")]
    Upgrade,
    /// A page of another origin tried to act here.
    #[error("another origin may not do this")]
    ForeignOrigin,
    /// A page tried to register a service worker.
    #[error("service workers are not allowed")]
    ServiceWorker,
}

/// Where an admitted request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A page of this origin, or the person: it may be acted on.
    Own,
    /// A link on another origin: it may be shown a way in, and is never forwarded to a server.
    Elsewhere,
}

/// Lets a request through if one of our own pages, or the person, may have caused it, or if it is a
/// navigation that changes nothing by itself.
pub(super) fn admit(
    place: &Place,
    method: &Method,
    target: &Target,
    fetch: FetchContext,
) -> Result<Arrival, EdgeError> {
    if fetch.destination == Destination::ServiceWorker {
        return Err(EdgeError::ServiceWorker);
    }
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let arrival = match fetch.initiator {
        Initiator::SameOrigin => Some(Arrival::Own),
        // The person cannot be made to type; a request without any hint may only look.
        Initiator::Person => (safe && fetch.is_navigation()).then_some(Arrival::Own),
        // No browser sends this one: the token in its body says who does, and what it may.
        Initiator::Unknown if *place == Place::Console && target.path() == BACKCHANNEL_LOGOUT => {
            Some(Arrival::Elsewhere)
        }
        Initiator::Unknown => safe.then_some(Arrival::Own),
        Initiator::SameSite | Initiator::CrossSite => {
            (safe && fetch.is_navigation() && arrives(place, target, fetch)).then_some(Arrival::Elsewhere)
        }
    };
    arrival.ok_or(EdgeError::ForeignOrigin)
}

/// Lets a WebSocket handshake through: on a panel, from a page of that very panel. Handshakes are not bound
/// by the same-origin policy, so `Origin` must be there and exact (RFC 6455 section 10.2).
pub(super) fn admit_websocket(place: &Place, headers: &HeaderMap) -> Result<(), EdgeError> {
    let Place::Panel(panel) = place else { return Err(EdgeError::Upgrade) };
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next().map(HeaderValue::as_bytes), origins.next()) {
        (Some(origin), None) if origin == panel.origin.to_string().as_bytes() => Ok(()),
        _ => Err(EdgeError::ForeignOrigin),
    }
}

/// Navigations from elsewhere that change nothing by themselves.
fn arrives(place: &Place, target: &Target, fetch: FetchContext) -> bool {
    match place {
        // Links to the console, and the way back from the provider, lead to whole pages. The hand-off comes
        // from a panel origin inside the frame.
        Place::Console => {
            fetch.destination == Destination::Page
                || (fetch.initiator == Initiator::SameSite && target.path() == "/handoff")
                || (fetch.destination == Destination::Frame && target.path() == FRONTCHANNEL_LOGOUT)
        }
        // The entry, and links from elsewhere into a panel: these are sent to the console instead.
        Place::Panel(_) => {
            fetch.destination == Destination::Page
                || (fetch.initiator == Initiator::SameSite && target.path().starts_with(RESERVED))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::edge::place::PanelOrigin;
    use crate::model::Service;

    #[test]
    fn only_our_own_pages_can_act() {
        use Destination as D;
        use Initiator as I;
        let panel = Place::Panel(Arc::new(PanelOrigin {
            server: "web1".parse().unwrap(),
            service: Service::Whostmgrd,
            origin: "https://web1.connect.example.com:2087".parse().unwrap(),
        }));
        let (console, get, post) = (Place::Console, Method::GET, Method::POST);
        for (place, method, path, initiator, destination, admitted) in [
            (&panel, &post, "/cpsess1/x", I::SameOrigin, D::Part, true),
            (&panel, &post, "/cpsess1/x", I::SameSite, D::Frame, false),
            (&panel, &post, "/cpsess1/x", I::CrossSite, D::Page, false),
            (&panel, &post, "/cpsess1/x", I::Unknown, D::Part, false),
            (&panel, &post, "/cpsess1/x", I::Person, D::Page, false),
            (&panel, &get, "/cpsess1/x", I::SameSite, D::Part, false),
            (&panel, &get, "/cpsess1/x", I::SameSite, D::Frame, false),
            (&panel, &get, "/cpsess1/x", I::SameSite, D::Page, true),
            (&panel, &get, "/.panelgate/enter", I::SameSite, D::Frame, true),
            (&panel, &get, "/.panelgate/enter", I::CrossSite, D::Frame, false),
            (&panel, &get, "/cpsess1/x", I::CrossSite, D::Part, false),
            (&panel, &get, "/cpsess1/x", I::Person, D::Page, true),
            (&panel, &get, "/cpsess1/x", I::Unknown, D::Part, true),
            (&panel, &get, "/cpsess1/sw.js", I::SameOrigin, D::ServiceWorker, false),
            (&console, &get, "/callback/sso", I::CrossSite, D::Page, true),
            (&console, &get, "/callback/sso", I::CrossSite, D::Frame, false),
            (&console, &get, "/handoff", I::SameSite, D::Frame, true),
            (&console, &get, "/handoff", I::CrossSite, D::Frame, false),
            (&console, &get, "/", I::SameSite, D::Frame, false),
            (&console, &get, "/api/x", I::SameSite, D::Part, false),
            (&console, &get, "/frontchannel-logout", I::CrossSite, D::Frame, true),
            (&console, &get, "/frontchannel-logout", I::CrossSite, D::Part, false),
            (&console, &post, "/backchannel-logout", I::Unknown, D::Part, true),
            (&console, &post, "/backchannel-logout", I::CrossSite, D::Part, false),
            (&panel, &post, "/backchannel-logout", I::Unknown, D::Part, false),
            (&console, &post, "/api/open", I::SameSite, D::Part, false),
            (&console, &post, "/api/open", I::SameOrigin, D::Part, true),
        ] {
            let fetch = FetchContext { initiator, destination };
            let target = Target::parse(path).unwrap();
            let found = admit(place, method, &target, fetch).is_ok();
            assert_eq!(found, admitted, "{place:?} {method} {path} {initiator:?} {destination:?}");
        }
    }
}
