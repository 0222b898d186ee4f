//! The head that a server sees.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;
use http::header::GetAll;

use crate::rewrite::address::PanelAddresses;

/// Header lines of a browser that pass. Never among them: `Cookie`, `Authorization`, anything that names
/// a client address or another host, anything that belongs to a single connection (RFC 9110 section 7.6.1).
///
/// By the names' text, which is compared by its length first: a list of names would be gone through for each line.
fn passes(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "cache-control"
            | "content-language"
            | "content-type"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "if-range"
            | "if-unmodified-since"
            | "pragma"
            | "range"
            | "user-agent"
            | "x-requested-with"
            | "x-csrf-token"
            | "x-xsrf-token"
    )
}

/// The head for the server: the listed lines, its own `Host`, `Referer` and `Origin`, and the panel
/// session's cookies.
///
/// `home` is a page of the panel session, for a request without a usable `Referer`: a server with
/// referrer checks on refuses those, and that our own page caused the request was checked at the edge.
pub fn request_headers(
    from: &HeaderMap,
    addresses: &PanelAddresses,
    home: &str,
    cookies: Option<HeaderValue>,
) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(16);
    let connection = from.get_all(header::CONNECTION);
    // What nearly all browsers say names no line, and is not looked through for each.
    let nominates = !connection.iter().all(|line| line.as_bytes().eq_ignore_ascii_case(b"keep-alive"));
    // Lines of one name stand together; the first one passes.
    let mut last = None;
    for (name, value) in from {
        let is_first = last.replace(name) != Some(name);
        if is_first && passes(name) && !(nominates && is_nominated(name, &connection)) {
            to.insert(name, value.clone());
        }
    }
    to.insert(header::HOST, addresses.host_line());
    let referer = [addresses.upstream(), referer_path(from, addresses).unwrap_or(home)].concat();
    if let Ok(referer) = HeaderValue::try_from(referer) {
        to.insert(header::REFERER, referer);
    }
    if from.contains_key(header::ORIGIN) {
        to.insert(header::ORIGIN, addresses.origin_line());
    }
    if let Some(cookies) = cookies {
        to.insert(header::COOKIE, cookies);
    }
    to
}

/// Whether `Connection` says that the line is for the connection alone (RFC 9110 section 7.6.1).
fn is_nominated(name: &HeaderName, connection: &GetAll<'_, HeaderValue>) -> bool {
    let lines = connection.iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|other| name.as_str().eq_ignore_ascii_case(other.trim()))
}

/// The lines of a WebSocket handshake for the server, added to [`request_headers`]: what the browser offers,
/// under a key of our own.
pub fn handshake_headers(to: &mut HeaderMap, from: &HeaderMap, key: HeaderValue) {
    for name in OFFERS {
        for value in from.get_all(&name) {
            to.append(name.clone(), value.clone());
        }
    }
    to.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    to.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    to.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    to.insert(header::SEC_WEBSOCKET_KEY, key);
}

/// What browser and server agree on between themselves: we pass bytes and look into none.
pub(super) const OFFERS: [HeaderName; 2] = [header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS];

/// The path and query of a `Referer` on our own panel origin.
fn referer_path<'h>(from: &'h HeaderMap, addresses: &PanelAddresses) -> Option<&'h str> {
    let referer = from.get(header::REFERER)?.to_str().ok()?;
    let path = referer.strip_prefix(addresses.own_text()?)?;
    (path.starts_with('/') && !path.starts_with(OURS)).then_some(path)
}

/// Our own pages on a panel origin: no server knows them.
pub(super) const OURS: &str = "/.panelgate/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::address::tests::addresses;

    fn rewritten(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let from = lines.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
        request_headers(&from, &addresses(), "/cpsess1/", Some(HeaderValue::from_static("whostmgrsession=x")))
    }

    #[test]
    fn nothing_of_the_browsers_identity_passes() {
        let to = rewritten(&[
            ("accept", "text/html"),
            ("authorization", "Basic eA=="),
            ("cookie", "whostmgrsession=forged"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-original-url", "/admin"),
            ("x-http-method-override", "DELETE"),
            ("forwarded", "for=1"),
            ("connection", "x-secret"),
            ("x_forwarded_for", "192.0.2.1"),
            ("te", "trailers"),
            ("expect", "100-continue"),
        ]);
        let names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["accept", "host", "referer", "cookie"]);
        assert_eq!(to["cookie"], "whostmgrsession=x");
        assert_eq!(to["host"], "web1.hosting.example:2087");
    }

    #[test]
    fn referer_and_origin_are_the_servers_own() {
        let own = "https://web1.connect.example.com:2087";
        let to = rewritten(&[("referer", "https://web1.connect.example.com:2087/cpsess1/x?y"), ("origin", own)]);
        assert_eq!(to["referer"], "https://web1.hosting.example:2087/cpsess1/x?y");
        assert_eq!(to["origin"], "https://web1.hosting.example:2087");
        for (referer, why) in [
            ("https://web1.connect.example.com:2087/.panelgate/enter?code=x", "our own page"),
            ("https://web1.connect.example.com:20870/x", "another port"),
            ("https://connect.example.com/", "the console"),
        ] {
            let to = rewritten(&[("referer", referer)]);
            assert_eq!(to["referer"], "https://web1.hosting.example:2087/cpsess1/", "{why}");
            assert!(!to.contains_key("origin"));
        }
    }
}
