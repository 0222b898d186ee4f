//! The head that a browser sees.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use url::form_urlencoded;

use crate::rewrite::address::Leads;
use crate::rewrite::address::PanelAddresses;
use crate::rewrite::caching;
use crate::rewrite::link;
use crate::rewrite::request::OFFERS;
use crate::rewrite::security::PLACES;
use crate::rewrite::security::USUAL;

/// Header lines of a server that pass as they are. Not among them: `Set-Cookie` (the jar keeps it),
/// `Clear-Site-Data`, `Alt-Svc`, `NEL`, `Service-Worker-Allowed`, `WWW-Authenticate`, `Access-Control-*`,
/// HSTS and framing headers, each of which reaches beyond the server's own pages.
fn passes(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept-ranges"
            | "allow"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-range"
            | "content-type"
            | "date"
            | "etag"
            | "last-modified"
            | "retry-after"
    )
}

/// Header lines that decide what an answer is, and so may come only once.
const ONCE: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "content-type"),
    (header::CONTENT_LENGTH, "content-length"),
    (header::CONTENT_ENCODING, "content-encoding"),
    (header::LOCATION, "location"),
];

/// Directives of a server's policy that reach beyond its page: framing is ours, and reports would carry
/// addresses to a place of the server's choosing.
const CSP_DROPPED: [&str; 4] = ["frame-ancestors", "report-uri", "report-to", "sandbox"];

/// Why an answer cannot be made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// It redirects to something that is no web address.
    #[error("the answer redirects to something that is no web address")]
    Redirect,
    /// It switches protocols without having been asked, its status is none, or it has a body that its status
    /// does not allow.
    #[error("the answer's status has no place here")]
    Status,
    /// A WebSocket handshake was answered with something that was not offered.
    #[error("the WebSocket handshake was answered wrongly")]
    Handshake,
    /// A header that decides the body's meaning comes twice.
    #[error("the answer gives {0} twice")]
    Twice(&'static str),
}

/// The head for the browser.
///
/// # Errors
/// [`Unsafe`] when the answer cannot be shown safely.
pub fn response_headers(
    status: StatusCode,
    from: &HeaderMap,
    path: &str,
    addresses: &PanelAddresses,
) -> Result<HeaderMap, Unsafe> {
    if !(200..=599).contains(&status.as_u16()) {
        return Err(Unsafe::Status);
    }
    if let Some(word) = doubled(from) {
        return Err(Unsafe::Twice(word));
    }
    // With both, the length is not the body's: the chunks decide (RFC 9112 section 6.3).
    let chunked = from.contains_key(header::TRANSFER_ENCODING);
    if status == StatusCode::NO_CONTENT
        && (chunked || from.get(header::CONTENT_LENGTH).is_some_and(|length| *length != "0"))
    {
        return Err(Unsafe::Status);
    }
    let mut to = addresses.answer_lines();
    let (mut leads, mut usual) = (false, USUAL.map(|name| (name, None)));
    for (name, value) in from {
        if passes(name) && !(chunked && name == header::CONTENT_LENGTH) {
            match usual.iter_mut().find(|(usual, first)| first.is_none() && usual == name) {
                Some((_, first)) => *first = Some(value.clone()),
                None => drop(to.append(name, value.clone())),
            }
        }
        leads |= leads_or_restricts(name);
    }
    let missing = usual.each_ref().map(|(_, first)| first.is_none());
    let mut caching = Some(caching::cache_control(from));
    // Their places are there, before all others: to look for each would cost as much as all lines do.
    for (name, value) in to.iter_mut().take(PLACES) {
        let place = usual.iter_mut().find(|(usual, _)| usual == name).map(|(_, first)| first);
        let place = if name == header::CACHE_CONTROL { Some(&mut caching) } else { place };
        if let Some(its) = place.and_then(Option::take) {
            *value = its;
        }
    }
    for ((name, _), _) in usual.iter().zip(missing).filter(|(_, missing)| *missing) {
        to.remove(name);
    }
    if leads {
        leading_lines(from, &mut to, path, addresses)?;
    }
    Ok(to)
}

/// What comes twice and may come only once.
fn doubled(from: &HeaderMap) -> Option<&'static str> {
    // Lines of one name stand together.
    let mut last = None;
    let mut again = from.iter().map(|(name, _)| name).filter(|name| last.replace(*name) == Some(*name));
    again.find_map(|name| ONCE.iter().find(|(once, _)| once == name)).map(|(_, word)| *word)
}

/// Lines that hold addresses, or a policy.
fn leads_or_restricts(name: &HeaderName) -> bool {
    matches!(name.as_str(), "location" | "refresh" | "link" | "content-security-policy")
}

/// Adds the lines of an answer that lead somewhere or restrict it.
fn leading_lines(from: &HeaderMap, to: &mut HeaderMap, path: &str, addresses: &PanelAddresses) -> Result<(), Unsafe> {
    if let Some(location) = from.get(header::LOCATION) {
        let location = location.to_str().map_err(|_| Unsafe::Redirect)?;
        let address = ours(location, path, addresses).ok_or(Unsafe::Redirect)?;
        to.insert(header::LOCATION, HeaderValue::from_str(&address).map_err(|_| Unsafe::Redirect)?);
    }
    let refresh = from.get(header::REFRESH).and_then(|value| refreshed(value.to_str().ok()?, path, addresses));
    if let Some(refresh) = refresh.and_then(|refresh| HeaderValue::from_str(&refresh).ok()) {
        to.insert(header::REFRESH, refresh);
    }
    for value in from.get_all(header::LINK) {
        if let Some(links) = link::own_links(value, path, addresses) {
            to.append(header::LINK, links);
        }
    }
    for policies in from.get_all(header::CONTENT_SECURITY_POLICY).iter().filter_map(|line| line.to_str().ok()) {
        // One line can hold several policies (CSP Level 3 section 4.1); each is looked at by itself.
        for policy in policies.split(',').filter_map(own_policy) {
            to.append(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    Ok(())
}

/// The head that answers a WebSocket handshake: over HTTP/1.1 with the browser's own `accept`.
///
/// # Errors
/// [`Unsafe::Handshake`] when the server chose what the browser did not offer (RFC 6455 section 4.1).
pub fn handshake_answer(
    from: &HeaderMap,
    offered: &HeaderMap,
    accept: Option<HeaderValue>,
) -> Result<HeaderMap, Unsafe> {
    let mut to = HeaderMap::new();
    for name in OFFERS {
        let mut values = from.get_all(&name).iter();
        let (chosen, more) = (values.next(), values.next());
        if more.is_some() || chosen.is_some() && !offered.contains_key(&name) {
            return Err(Unsafe::Handshake);
        }
        if let Some(chosen) = chosen {
            to.insert(name, chosen.clone());
        }
    }
    if let Some(accept) = accept {
        to.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        to.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        to.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(to)
}

/// The address on our side. What leads away goes through a page of ours that says where to.
fn ours(address: &str, path: &str, addresses: &PanelAddresses) -> Option<String> {
    Some(match addresses.leads(path, address)? {
        Leads::Here(path) => path,
        Leads::Across(_, address) => address,
        Leads::Away(url) => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("to", url.as_str()).finish();
            format!("/.panelgate/leave?{query}")
        }
    })
}

/// `2; url=/x`, as in `Refresh` and in a page's own META element, with the address on our side; without one
/// it only reloads. Nothing if it leads to what is no web address.
pub(super) fn refreshed(text: &str, path: &str, addresses: &PanelAddresses) -> Option<String> {
    let (delay, rest) = text.split_once([';', ',']).unwrap_or((text, ""));
    let delay: u32 = delay.trim().parse().ok()?;
    let rest = rest.trim();
    let address = match rest.split_once('=') {
        Some((name, address)) if name.trim().eq_ignore_ascii_case("url") => Some(address),
        _ if rest.is_empty() => None,
        _ => Some(rest),
    };
    Some(match address {
        None => delay.to_string(),
        Some(address) => format!("{delay}; url={}", ours(address.trim_matches(['"', '\'', ' ']), path, addresses)?),
    })
}

fn own_policy(policy: &str) -> Option<HeaderValue> {
    let kept: Vec<&str> = policy
        .split(';')
        .map(str::trim)
        .filter(|directive| {
            let name = directive.split_ascii_whitespace().next().unwrap_or_default();
            !name.is_empty() && !CSP_DROPPED.iter().any(|dropped| name.eq_ignore_ascii_case(dropped))
        })
        .collect();
    (!kept.is_empty()).then(|| HeaderValue::from_str(&kept.join("; ")).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::address::tests::addresses;

    fn rewritten(status: u16, lines: &[(&'static str, &'static str)]) -> Result<HeaderMap, Unsafe> {
        let mut from = HeaderMap::new();
        for (name, value) in lines {
            from.append(*name, HeaderValue::from_static(value));
        }
        response_headers(StatusCode::from_u16(status).unwrap(), &from, "/cpsess1/x", &addresses())
    }

    #[test]
    fn a_server_cannot_reach_beyond_its_own_pages() {
        let to = rewritten(
            200,
            &[
                ("content-type", "text/html"),
                ("set-cookie", "whostmgrsession=x"),
                ("clear-site-data", "\"cookies\""),
                ("x-frame-options", "SAMEORIGIN"),
                ("strict-transport-security", "max-age=0"),
                ("service-worker-allowed", "/"),
                ("access-control-allow-origin", "*"),
                ("www-authenticate", "Basic"),
                ("alt-svc", "h3=\":443\""),
                ("nel", "{}"),
                ("connection", "close"),
                ("server", "cpsrvd"),
                ("x-accel-redirect", "/etc"),
                ("permissions-policy", "camera=*"),
            ],
        )
        .unwrap();
        let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "cache-control",
                "content-security-policy",
                "content-type",
                "cross-origin-opener-policy",
                "cross-origin-resource-policy",
                "origin-agent-cluster",
                "permissions-policy",
                "referrer-policy",
                "strict-transport-security",
                "vary",
                "x-content-type-options",
            ]
        );
        assert!(to["permissions-policy"].to_str().unwrap().contains("camera=()"));
        assert_eq!(to["cache-control"], "no-store, private");
    }

    #[test]
    fn framing_is_ours_and_a_servers_policy_only_adds() {
        let to =
            rewritten(200, &[("content-security-policy", "default-src 'self'; frame-ancestors 'none'; Report-URI /x")]);
        let to = to.unwrap();
        let policies: Vec<_> = to.get_all("content-security-policy").iter().collect();
        assert_eq!(policies, ["frame-ancestors 'self' https://connect.example.com", "default-src 'self'"]);
        let several = "img-src 'self', report-uri https://evil.example/; default-src 'self'";
        let to = rewritten(200, &[("content-security-policy", several)]).unwrap();
        let policies: Vec<_> = to.get_all("content-security-policy").iter().skip(1).collect();
        assert_eq!(policies, ["img-src 'self'", "default-src 'self'"], "several policies in one line");
        let to = rewritten(200, &[("content-security-policy", "frame-ancestors 'none'")]).unwrap();
        assert_eq!(to.get_all("content-security-policy").iter().count(), 1);
    }

    #[test]
    fn redirects_stay_on_our_side() {
        let location =
            |address| rewritten(307, &[("location", address)]).map(|to| to["location"].to_str().unwrap().to_owned());
        assert_eq!(location("/cpsess1/"), Ok("/cpsess1/".into()));
        assert_eq!(location("https://web1.hosting.example:2087/y"), Ok("/y".into()));
        assert_eq!(
            location("https://web1.hosting.example:2083/y"),
            Ok("https://web1.connect.example.com:2083/y".into())
        );
        assert_eq!(
            location("https://evil.example/?a=b"),
            Ok("/.panelgate/leave?to=https%3A%2F%2Fevil.example%2F%3Fa%3Db".into())
        );
        assert_eq!(location("javascript:alert(1)"), Err(Unsafe::Redirect));
        let refresh = |value| {
            rewritten(200, &[("refresh", value)]).unwrap().get("refresh").map(|v| v.to_str().unwrap().to_owned())
        };
        assert_eq!(refresh("2;URL=https://web1.hosting.example:2087/y").as_deref(), Some("2; url=/y"));
        assert_eq!(refresh("5").as_deref(), Some("5"));
        assert_eq!(refresh("0; url=javascript:x"), None);
    }

    #[test]
    fn what_has_two_meanings_is_withheld() {
        assert_eq!(rewritten(101, &[]), Err(Unsafe::Status));
        assert_eq!(rewritten(999, &[]), Err(Unsafe::Status));
        assert_eq!(rewritten(204, &[("content-length", "5")]), Err(Unsafe::Status));
        assert_eq!(rewritten(204, &[("transfer-encoding", "chunked")]), Err(Unsafe::Status));
        assert_eq!(
            rewritten(200, &[("content-type", "a/b"), ("content-type", "c/d")]),
            Err(Unsafe::Twice("content-type"))
        );
        let to = rewritten(200, &[("content-length", "5"), ("transfer-encoding", "chunked")]).unwrap();
        assert!(!to.contains_key("content-length"));
    }
}
