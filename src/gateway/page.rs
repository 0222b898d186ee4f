//! A panel's page, whose addresses are rewritten while it streams.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header;
use http_body::Frame;

use crate::console::assets;
use crate::rewrite::PageLinks;
use crate::rewrite::PanelAddresses;
use crate::upstream::Body;
use crate::upstream::BoxError;
use crate::upstream::streamed;

/// Rewrites an answer that a browser will show as a page, if it is one in HTML.
///
/// A page that comes compressed although it was asked for as it is, or in an encoding without ASCII, is
/// passed on unchanged. So is part of a page.
pub(super) fn with_our_links(
    mut response: Response<Body>,
    asked: &Method,
    path: &str,
    addresses: &Arc<PanelAddresses>,
) -> Response<Body> {
    let (status, headers) = (response.status(), response.headers());
    if !is_plain_html(headers) || status == StatusCode::PARTIAL_CONTENT {
        return response;
    }
    let encoding = parameter(headers, "charset");
    let script = assets::panel_script();
    let Some(links) =
        PageLinks::new(Arc::clone(addresses), path, encoding.as_deref(), &script, nonce(headers).as_deref())
    else {
        return response;
    };
    // They describe the server's bytes, which are not the ones that the browser gets.
    for name in [header::CONTENT_LENGTH, header::ETAG, header::LAST_MODIFIED, header::ACCEPT_RANGES] {
        response.headers_mut().remove(name);
    }
    if *asked == Method::HEAD {
        return response;
    }
    response.map(|body| streamed(PageBody { body, links: Some(links) }))
}

fn is_plain_html(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let essence = text(header::CONTENT_TYPE);
    let html = essence.split(';').next().is_some_and(|essence| essence.trim() == "text/html");
    html && matches!(text(header::CONTENT_ENCODING).as_str(), "" | "identity")
}

/// A parameter of `Content-Type`, as cpsrvd writes it: quoted or not.
fn parameter(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parameters = value.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(known, _)| known.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// What the page's own policy asks of its scripts (CSP Level 3, "nonce-source").
fn nonce(headers: &HeaderMap) -> Option<String> {
    let policies = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().filter_map(|value| value.to_str().ok());
    let mut nonces = policies.filter_map(|policy| policy.split("'nonce-").nth(1)?.split('\'').next());
    nonces.find(|nonce| nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-_".contains(&b))).map(str::to_owned)
}

/// A body that passes through the rewriting.
struct PageBody {
    body: Body,
    /// Nothing once the page has ended.
    links: Option<PageLinks>,
}

impl http_body::Body for PageBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(links) = &mut this.links else { return Poll::Ready(None) };
            let ready = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame.into_data().map(|piece| links.write(&piece)).unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let rest = links.end();
                    this.links = None;
                    rest
                }
            };
            if !ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(ready.into()))));
            }
        }
    }
}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").field("links", &self.links).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_is_html_that_is_not_compressed() {
        let page = |content_type: &'static str, encoding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            (is_plain_html(&headers), parameter(&headers, "charset").unwrap_or_default())
        };
        assert_eq!(page("text/html; charset=\"utf-8\"", "identity"), (true, "utf-8".to_owned()));
        assert_eq!(page("Text/HTML;Charset=windows-1252", ""), (true, "windows-1252".to_owned()));
        assert!(!page("text/html", "gzip").0);
        assert!(!page("text/htmlx", "").0);
        assert!(!page("application/json", "").0);
    }

    #[test]
    fn a_nonce_is_taken_from_the_pages_policy() {
        let of = |policy: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
            headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
            nonce(&headers)
        };
        assert_eq!(of("script-src 'self' 'nonce-aB3+/=' 'strict-dynamic'").as_deref(), Some("aB3+/="));
        assert_eq!(of("script-src 'self'"), None);
        assert_eq!(of("script-src 'nonce-a\"b'"), None);
    }
}
