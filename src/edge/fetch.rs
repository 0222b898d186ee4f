//! What the browser says about who caused a request (W3C Fetch Metadata Request Headers).

use http::HeaderMap;
use http::HeaderName;
use http::header::ORIGIN;
use http::header::REFERER;

use crate::model::Origin;
use crate::model::Scheme;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// Who caused a request, as seen from the origin that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// A page of this very origin.
    SameOrigin,
    /// A page of the same site: the console, or another panel.
    SameSite,
    /// A page of another site.
    CrossSite,
    /// The person: address bar, bookmark.
    Person,
    /// The browser does not say: no Fetch Metadata, no `Origin`, no `Referer`.
    Unknown,
}

/// What the answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A whole page in a tab.
    Page,
    /// A page in a frame.
    Frame,
    /// A service worker's script.
    ServiceWorker,
    /// Anything that a page fetches: scripts, pictures, data.
    Part,
}

impl Destination {
    /// Reads the headers of a request, which may be one that is refused for something else.
    pub fn read(headers: &HeaderMap) -> Self {
        if headers.contains_key(SERVICE_WORKER) {
            return Self::ServiceWorker;
        }
        let navigates = text(headers, MODE).is_none_or(|mode| mode == "navigate");
        match text(headers, DEST) {
            Some("document") if navigates => Self::Page,
            Some("iframe" | "frame" | "embed" | "object" | "fencedframe") if navigates => Self::Frame,
            Some("serviceworker") => Self::ServiceWorker,
            // A browser without Fetch Metadata: what asks for HTML is taken for a page.
            None if wants_html(headers) => Self::Page,
            _ => Self::Part,
        }
    }
}

/// Both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchContext {
    /// Who caused it.
    pub initiator: Initiator,
    /// What the answer is for.
    pub destination: Destination,
}

impl FetchContext {
    /// Reads the headers of a request to `own`, of which it is known what the answer is for.
    pub(super) fn read(headers: &HeaderMap, own: &Origin, destination: Destination) -> Self {
        let initiator = match text(headers, SITE) {
            Some("same-origin") => Initiator::SameOrigin,
            Some("same-site") => Initiator::SameSite,
            Some("none") => Initiator::Person,
            // Over plain HTTP, which only localhost may have, Firefox calls every redirect cross-site.
            Some("cross-site") if own.scheme == Scheme::Http => Initiator::SameSite,
            Some(_) => Initiator::CrossSite,
            None => without_metadata(headers, own),
        };
        Self { initiator, destination }
    }

    /// Whether the answer will be shown as a page, in a tab or a frame.
    pub fn is_navigation(self) -> bool {
        matches!(self.destination, Destination::Page | Destination::Frame)
    }
}

/// The fallback of OWASP's CSRF Prevention Cheat Sheet: `Origin`, then `Referer`.
fn without_metadata(headers: &HeaderMap, own: &Origin) -> Initiator {
    let own = own.to_string();
    if let Some(origin) = headers.get(ORIGIN) {
        let same = origin.to_str().is_ok_and(|origin| origin == own);
        return if same { Initiator::SameOrigin } else { Initiator::CrossSite };
    }
    let Some(referer) = headers.get(REFERER) else { return Initiator::Unknown };
    let rest = referer.to_str().ok().and_then(|referer| referer.strip_prefix(&own));
    let same = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if same { Initiator::SameOrigin } else { Initiator::CrossSite }
}

/// A header as text. One that is none counts as there, with a value that means nothing.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], expected: (Initiator, Destination)) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let own = "https://web1.connect.example.com:2087".parse().unwrap();
        let context = FetchContext::read(&headers, &own, Destination::read(&headers));
        assert_eq!((context.initiator, context.destination), expected, "{lines:?}");
    }

    #[test]
    fn sites_cannot_be_told_apart_without_tls() {
        for (own, expected) in [
            ("http://connect.localhost:8080", Initiator::SameSite),
            ("https://connect.localhost:8080", Initiator::CrossSite),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(SITE, HeaderValue::from_static("cross-site"));
            let context = FetchContext::read(&headers, &own.parse().unwrap(), Destination::Part);
            assert_eq!(context.initiator, expected, "{own}");
        }
    }

    #[test]
    fn who_caused_it_and_what_for() {
        use Destination as D;
        use Initiator as I;
        let navigate = ("sec-fetch-mode", "navigate");
        check(&[("sec-fetch-site", "same-site"), navigate, ("sec-fetch-dest", "iframe")], (I::SameSite, D::Frame));
        check(&[("sec-fetch-site", "none"), navigate, ("sec-fetch-dest", "document")], (I::Person, D::Page));
        check(
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
            (I::SameOrigin, D::Part),
        );
        check(&[("sec-fetch-site", "nonsense")], (I::CrossSite, D::Part));
        check(&[("sec-fetch-dest", "document"), ("sec-fetch-mode", "cors")], (I::Unknown, D::Part));
        check(&[("service-worker", "script")], (I::Unknown, D::ServiceWorker));
        check(&[("accept", "text/html,*/*")], (I::Unknown, D::Page));
        check(&[("origin", "https://web1.connect.example.com:2087")], (I::SameOrigin, D::Part));
        check(&[("origin", "https://web1.connect.example.com")], (I::CrossSite, D::Part));
        check(&[("origin", "null")], (I::CrossSite, D::Part));
        check(&[("referer", "https://web1.connect.example.com:2087/x")], (I::SameOrigin, D::Part));
        check(&[("referer", "https://web1.connect.example.com:20870/x")], (I::CrossSite, D::Part));
        check(&[], (I::Unknown, D::Part));
    }
}
