//! The headers that are ours: framing, isolation, caching.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;

use crate::model::Origin;
use crate::model::Scheme;

/// Powerful features that no panel needs, and that must not be asked for in our name. Passkeys above all:
/// a page below our domain could ask for credentials of the whole domain.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     hid=(), identity-credentials-get=(), magnetometer=(), microphone=(), midi=(), otp-credentials=(), \
     payment=(), publickey-credentials-create=(), publickey-credentials-get=(), serial=(), usb=()";

/// Lines that an answer of a panel usually has.
const ROOM: usize = 24;

/// Lines of a server that most answers have. Their places are kept in what every answer begins with: lines that are
/// added are copied, with all before them, to where there is room.
pub(super) const USUAL: [HeaderName; PLACES - 1] = [header::DATE, header::CONTENT_TYPE, header::CONTENT_LENGTH];

/// The places in what every answer begins with, which are its first lines: those, and that of `Cache-Control`.
pub(super) const PLACES: usize = 4;

/// Two years, as the browsers' preload lists ask for.
const HSTS: &str = "max-age=63072000; includeSubDomains";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMITTED: HeaderName = HeaderName::from_static("permissions-policy");
const AGENT_CLUSTER: HeaderName = HeaderName::from_static("origin-agent-cluster");

/// The headers of every answer on a panel origin, and places for those that have another value in each: an answer
/// either fills them or has them taken out.
///
/// `frame-ancestors` names the panel itself as well as the console: every ancestor counts, and panels
/// frame their own pages. It stands in a policy of its own, so that a server's policy can only add to it.
/// The server's checks want a `Referer` on its own pages; nobody else gets one.
pub(super) fn panel_headers(console: &Origin) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(ROOM);
    for name in [header::CACHE_CONTROL].into_iter().chain(USUAL) {
        headers.insert(name, HeaderValue::from_static(""));
    }
    let framing = HeaderValue::try_from(format!("frame-ancestors 'self' {console}")).ok()?;
    headers.insert(header::CONTENT_SECURITY_POLICY, framing);
    own_headers(&mut headers, console.scheme);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, cookie, origin, sec-fetch-site"));
    Some(headers)
}

/// Adds the headers of an answer of our own. What may frame it stands in its own policy.
pub fn own_headers(headers: &mut HeaderMap, scheme: Scheme) {
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(OPENER, "same-origin");
    set(RESOURCE, "same-origin");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(PERMITTED, PERMISSIONS);
    set(AGENT_CLUSTER, "?1");
    if scheme == Scheme::Https {
        set(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}
