//! Whether a server's page wants to be framed at all.

use http::HeaderMap;
use http::header;

/// Whether a page forbids every frame, by the two headers that browsers obey: `frame-ancestors 'none'`
/// (Content Security Policy Level 3 section 6.4.2), or `X-Frame-Options: DENY` where no policy names ancestors
/// (HTML, "The X-Frame-Options header").
///
/// Tools that say so mean it: phpMyAdmin's script hides the page as well, so it must not be put into a frame
/// whatever we do to its headers. `SAMEORIGIN` is another matter: such a page is made for frames of its own
/// panel, and ours stands where the panel's window would be.
pub fn refuses_frames(from: &HeaderMap) -> bool {
    let mut lists = from.get_all(header::CONTENT_SECURITY_POLICY).iter().filter_map(|value| value.to_str().ok());
    let mut named = false;
    let none = lists.any(|text| {
        text.split([',', ';']).any(|directive| {
            let mut words = directive.split_ascii_whitespace();
            let is_list = words.next().is_some_and(|name| name.eq_ignore_ascii_case("frame-ancestors"));
            named |= is_list;
            is_list && words.all(|source| source.eq_ignore_ascii_case("'none'"))
        })
    });
    let deny = |value: &str| value.split(',').any(|word| word.trim().eq_ignore_ascii_case("deny"));
    none || !named && from.get_all(header::X_FRAME_OPTIONS).iter().filter_map(|value| value.to_str().ok()).any(deny)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_page_refuses_frames_by_either_header() {
        let (options, policy) = ("x-frame-options", "content-security-policy");
        for (lines, expected) in [
            (&[][..], false),
            (&[(options, "SAMEORIGIN")], false),
            (&[(options, "deny")], true),
            (&[(options, "SAMEORIGIN, DENY")], true),
            (&[(options, "DENY"), (policy, "default-src 'self'")], true),
            (&[(options, "DENY"), (policy, "frame-ancestors 'self'")], false),
            (&[(policy, "default-src 'self'; Frame-Ancestors 'none'")], true),
            (&[(policy, "frame-ancestors")], true),
            (&[(policy, "frame-ancestors 'self'"), (policy, "frame-ancestors 'none'")], true),
        ] {
            let mut from = HeaderMap::new();
            for (name, value) in lines {
                from.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(refuses_frames(&from), expected, "{lines:?}");
        }
    }
}
