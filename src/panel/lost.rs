//! How cpsrvd shows that a session is gone.

use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::header::SET_COOKIE;

/// The signs, from the head of an answer alone, so that bodies can stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// `401 Token Denied`: the cookie is dead, or it does not go with the security token.
    TokenDenied,
    /// `403 Forbidden Access denied`, on API paths.
    AccessDenied,
    /// The sign-in page with status 200: it clears a `…relogin` cookie.
    SignInPage,
}

/// The cookies that cpsrvd clears on its sign-in page.
const RELOGIN: [&[u8]; 3] = [b"whostmgrrelogin=no", b"cprelogin=no", b"webmailrelogin=no"];

/// Whether an answer to a request of a signed-in session says that the session is gone.
///
/// `reason` is the reason phrase, where it is not the usual one for the status.
pub fn is_lost(status: StatusCode, reason: Option<&[u8]>, headers: &HeaderMap) -> Option<Lost> {
    if status == StatusCode::UNAUTHORIZED && reason == Some(b"Token Denied") {
        return Some(Lost::TokenDenied);
    }
    if status == StatusCode::FORBIDDEN && reason == Some(b"Forbidden Access denied") {
        return Some(Lost::AccessDenied);
    }
    let html = headers.get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    let clears = |line: &http::HeaderValue| RELOGIN.iter().any(|mark| line.as_bytes().starts_with(mark));
    let sign_in = status == StatusCode::OK && html && headers.get_all(SET_COOKIE).iter().any(clears);
    sign_in.then_some(Lost::SignInPage)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_lost_session_is_told_from_an_ordinary_refusal() {
        let mut page = HeaderMap::new();
        page.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=\"utf-8\""));
        let plain = page.clone();
        page.append(SET_COOKIE, HeaderValue::from_static("cprelogin=no; HttpOnly; path=/"));
        let none = HeaderMap::new();
        for (status, reason, headers, expected) in [
            (401, Some("Token Denied"), &none, Some(Lost::TokenDenied)),
            (401, None, &none, None),
            (403, Some("Forbidden Access denied"), &none, Some(Lost::AccessDenied)),
            (403, None, &none, None),
            (200, None, &page, Some(Lost::SignInPage)),
            (200, None, &plain, None),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_lost(status, reason.map(str::as_bytes), headers), expected, "{status} {reason:?}");
        }
    }
}
