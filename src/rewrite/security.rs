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

/// Two years, as the browsers' preload lists ask for.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Adds the headers of a panel origin to an answer.
///
/// `frame-ancestors` names the panel itself as well as the console: every ancestor counts, and panels
/// frame their own pages. It stands in a policy of its own, so that a server's policy can only add to it.
pub fn panel_headers(headers: &mut HeaderMap, console: &Origin) {
    append(headers, header::CONTENT_SECURITY_POLICY, &format!("frame-ancestors 'self' {console}"));
    set(headers, "cross-origin-opener-policy", "same-origin");
    set(headers, "cross-origin-resource-policy", "same-origin");
    // The server's checks want a Referer on its own pages; nobody else gets one.
    set(headers, "referrer-policy", "same-origin");
    shared(headers, console.scheme);
}

/// Adds the headers of an answer of our own. What may frame it stands in its own policy.
pub fn own_headers(headers: &mut HeaderMap, scheme: Scheme) {
    set(headers, "cross-origin-opener-policy", "same-origin");
    set(headers, "cross-origin-resource-policy", "same-origin");
    set(headers, "referrer-policy", "same-origin");
    shared(headers, scheme);
}

fn shared(headers: &mut HeaderMap, scheme: Scheme) {
    set(headers, "x-content-type-options", "nosniff");
    set(headers, "permissions-policy", PERMISSIONS);
    set(headers, "origin-agent-cluster", "?1");
    if scheme == Scheme::Https {
        set(headers, "strict-transport-security", HSTS);
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}
