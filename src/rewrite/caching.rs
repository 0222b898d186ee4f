//! How long an answer may be kept, and by whom.

use http::HeaderMap;
use http::HeaderValue;
use http::header;

/// Kept nowhere.
const NOWHERE: HeaderValue = HeaderValue::from_static("no-store, private");

/// Types of what makes up a page but holds nothing of the person's.
const PARTS: [&str; 7] =
    ["text/css", "text/javascript", "application/javascript", "image/", "font/", "audio/", "video/"];

/// The `Cache-Control` for the browser.
///
/// Pages and data are kept nowhere: they would outlive the session, and whatever a compromised server planted
/// would outlive its being mended. Style sheets, scripts and pictures are kept for as long as the server says,
/// by the browser alone: every answer is one person's (RFC 9111 section 5.2.2.7).
pub(super) fn cache_control(from: &HeaderMap) -> HeaderValue {
    let kind = from.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.trim_start();
    let is = |part: &str| kind.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part));
    if !PARTS.into_iter().any(is) || !from.contains_key(header::CACHE_CONTROL) {
        return NOWHERE;
    }
    let lines = from.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).map(str::trim);
    let own = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        let shared = ["public", "private", "s-maxage", "proxy-revalidate"];
        !name.is_empty() && !shared.iter().any(|shared| name.eq_ignore_ascii_case(shared))
    };
    let kept: Vec<&str> = directives.filter(own).chain(["private"]).collect();
    HeaderValue::from_str(&kept.join(", ")).unwrap_or(NOWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parts_of_pages_are_kept_and_only_by_the_browser() {
        let kept = |kind: &'static str, lines: &[&'static str]| {
            let mut from = HeaderMap::new();
            from.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            for line in lines {
                from.append(header::CACHE_CONTROL, HeaderValue::from_static(line));
            }
            cache_control(&from).to_str().unwrap().to_owned()
        };
        let nowhere = "no-store, private";
        assert_eq!(kept("text/css; charset=utf-8", &["max-age=5184000, public"]), "max-age=5184000, private");
        assert_eq!(kept("Image/PNG", &["s-maxage=9", "max-age=5"]), "max-age=5, private");
        assert_eq!(kept("application/javascript", &["no-cache, no-store"]), "no-cache, no-store, private");
        assert_eq!(kept("text/javascript", &[]), nowhere);
        assert_eq!(kept("text/html", &["public, max-age=31536000, immutable"]), nowhere);
        assert_eq!(kept("application/json", &["max-age=60"]), nowhere);
        assert_eq!(kept("", &["max-age=60"]), nowhere);
    }
}
