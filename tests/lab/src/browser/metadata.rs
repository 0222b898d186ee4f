//! What a browser says about a request by itself: Fetch Metadata, `Origin` and `Referer`, as Chromium does.

use http::HeaderMap;
use http::Method;
use url::Url;

use crate::browser::cookies::Relation;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A page for the top window.
    Page,
    /// A page for a frame.
    Frame,
    /// `fetch()` in its usual mode: cookies to the own origin only.
    Fetch,
    /// `fetch()` with `mode: "no-cors"` and `credentials: "include"`: what a hostile page would do.
    BlindFetch,
    /// `<script>`.
    Script,
    /// `<link rel=stylesheet>`.
    Style,
    /// `<img>`.
    Image,
    /// The script of a service worker.
    ServiceWorker,
    /// The handshake of a WebSocket.
    WebSocket,
}

impl Errand {
    pub(super) fn navigates(self) -> bool {
        matches!(self, Self::Page | Self::Frame)
    }

    /// `Sec-Fetch-Mode` and `Sec-Fetch-Dest`.
    pub(super) fn mode_and_destination(self) -> (&'static str, &'static str) {
        match self {
            Self::Page => ("navigate", "document"),
            Self::Frame => ("navigate", "iframe"),
            Self::Fetch => ("cors", "empty"),
            Self::BlindFetch => ("no-cors", "empty"),
            Self::Script => ("no-cors", "script"),
            Self::Style => ("no-cors", "style"),
            Self::Image => ("no-cors", "image"),
            Self::ServiceWorker => ("same-origin", "serviceworker"),
            Self::WebSocket => ("websocket", "empty"),
        }
    }

    pub(super) fn accepts(self) -> &'static str {
        match self {
            Self::Page | Self::Frame => "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            Self::Style => "text/css,*/*;q=0.1",
            Self::Image => "image/avif,image/webp,*/*;q=0.8",
            Self::Fetch | Self::BlindFetch | Self::Script | Self::ServiceWorker | Self::WebSocket => "*/*",
        }
    }
}

/// How much of its address a page tells (W3C Referrer Policy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReferrerPolicy {
    NoReferrer,
    SameOrigin,
    /// The browsers' default.
    #[default]
    StrictOriginWhenCrossOrigin,
}

impl ReferrerPolicy {
    /// The policy of an answer, or the one that was in force before it.
    pub(super) fn of(headers: &HeaderMap, before: Self) -> Self {
        match headers.get("referrer-policy").and_then(|value| value.to_str().ok()) {
            Some("no-referrer") => Self::NoReferrer,
            Some("same-origin") => Self::SameOrigin,
            _ => before,
        }
    }

    /// The `Referer` of a request that the page at `from` causes.
    pub(super) fn referer(self, from: &Url, to: &Url) -> Option<String> {
        match self {
            _ if from.scheme() != "https" && to.scheme() == "https" => None,
            Self::SameOrigin | Self::StrictOriginWhenCrossOrigin if from.origin() == to.origin() => {
                let mut from = from.clone();
                from.set_fragment(None);
                Some(from.into())
            }
            Self::NoReferrer | Self::SameOrigin => None,
            Self::StrictOriginWhenCrossOrigin => Some(format!("{}/", from.origin().ascii_serialization())),
        }
    }

    /// The `Origin` of a request that the page at `from` causes (Fetch standard, "append a request `Origin`
    /// header"); `chain` are the addresses that it has been at, the last of which is where it goes.
    pub(super) fn origin(self, from: &Url, chain: &[Url], errand: Errand, method: &Method) -> Option<String> {
        let to = chain.last()?;
        let own = from.origin().ascii_serialization();
        // A redirect from one foreign origin to another taints.
        let tainted = chain
            .windows(2)
            .any(|step| matches!(step, [one, next] if one.origin() != next.origin() && one.origin() != from.origin()));
        if errand == Errand::WebSocket {
            return Some(own);
        }
        if errand == Errand::Fetch {
            let shown = from.origin() != to.origin() || !matches!(*method, Method::GET | Method::HEAD);
            return shown.then(|| if tainted { "null".to_owned() } else { own });
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let hidden = match self {
            Self::NoReferrer => true,
            Self::SameOrigin => from.origin() != to.origin(),
            Self::StrictOriginWhenCrossOrigin => false,
        };
        Some(if hidden || tainted { "null".to_owned() } else { own })
    }
}

/// `Sec-Fetch-Site`: the worst that stands between who caused a request and any address on its way.
pub(super) fn site(by: Option<&Url>, chain: &[Url]) -> &'static str {
    let Some(by) = by else { return "none" };
    let mut found = "same-origin";
    for url in chain {
        if url.origin() == by.origin() {
            continue;
        }
        if !same_site(by, url) {
            return "cross-site";
        }
        found = "same-site";
    }
    found
}

/// How a request stands to the site that it is for, which decides about its cookies.
pub(super) fn relation(by: Option<&Url>, ancestors: &[Url], errand: Errand, method: &Method, to: &Url) -> Relation {
    let own_frames = ancestors.iter().all(|ancestor| same_site(ancestor, to));
    if own_frames && by.is_none_or(|by| same_site(by, to)) {
        Relation::Own
    } else if errand == Errand::Page && matches!(*method, Method::GET | Method::HEAD) {
        Relation::Linked
    } else {
        Relation::Foreign
    }
}

/// Whether two addresses have the same scheme and registrable domain. In the lab that is always the last
/// two labels.
fn same_site(one: &Url, other: &Url) -> bool {
    let domain = |url: &Url| {
        let host = url.host_str().unwrap_or_default().to_owned();
        let labels: Vec<&str> = host.rsplit('.').take(2).collect();
        labels.join(".")
    };
    one.scheme() == other.scheme() && domain(one) == domain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_chain_is_as_foreign_as_its_worst_step() {
        let (console, panel) = (url("https://connect.example.com/"), url("https://web1.connect.example.com:2087/x"));
        let (issuer, own) = (url("https://idp.localhost:20001/"), url("https://connect.example.com/callback/sso"));
        assert_eq!(site(None, std::slice::from_ref(&console)), "none");
        assert_eq!(site(Some(&console), std::slice::from_ref(&own)), "same-origin");
        assert_eq!(site(Some(&console), &[panel.clone(), own.clone()]), "same-site");
        assert_eq!(site(Some(&console), &[issuer.clone(), own.clone()]), "cross-site");
        assert_eq!(site(Some(&issuer), &[own]), "cross-site");
    }

    #[test]
    fn an_origin_is_shown_with_what_changes_something() {
        let (page, away) = (url("https://a.example.com/x"), url("https://b.example.com/"));
        let policy = ReferrerPolicy::SameOrigin;
        let origin = |to: &Url, errand, method| policy.origin(&page, std::slice::from_ref(to), errand, &method);
        assert_eq!(origin(&page, Errand::Page, Method::GET), None);
        assert_eq!(origin(&page, Errand::Page, Method::POST).as_deref(), Some("https://a.example.com"));
        assert_eq!(origin(&away, Errand::Page, Method::POST).as_deref(), Some("null"));
        assert_eq!(origin(&away, Errand::Fetch, Method::GET).as_deref(), Some("https://a.example.com"));
        assert_eq!(policy.referer(&page, &away), None);
        assert_eq!(policy.referer(&page, &page).as_deref(), Some("https://a.example.com/x"));
        let usual = ReferrerPolicy::default();
        assert_eq!(usual.referer(&page, &away).as_deref(), Some("https://a.example.com/"));
    }
}
