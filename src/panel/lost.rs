//! How cpsrvd shows that a session is gone (`docs/cpsrvd.md` section 3.5).

use std::sync::LazyLock;

use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_TYPE;
use http::header::SET_COOKIE;
use memchr::memmem::Finder;

/// The signs, and what each says of the request that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// `401 Token Denied`, or 401 with the sign-in page: the cookie is dead, or does not go with the token.
    TokenDenied,
    /// 403 with `cpanelresult.error` "Access denied", on API paths.
    AccessDenied,
    /// The sign-in page with status 200, which clears a `…relogin` cookie.
    SignInPage,
    /// 200 with a page that holds the sign-in form. A page that shows somebody's HTML file may do so too.
    SignInForm,
}

impl Lost {
    /// Whether the request was surely not carried out.
    pub fn is_unexecuted(self) -> bool {
        !matches!(self, Self::SignInForm)
    }

    /// Whether a session that is alive may give the same answer: a missing privilege, a page with such a form.
    pub fn is_doubtful(self) -> bool {
        matches!(self, Self::AccessDenied | Self::SignInForm)
    }
}

/// What the head of an answer says about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadSign {
    /// Nothing: the session lives.
    Lives,
    /// It is gone.
    Gone(Lost),
    /// The beginning of the body decides: gone if it holds the sign.
    InBody(BodySign),
}

/// What is looked for at the beginning of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySign {
    /// The JSON of an API that denies access.
    DenyingJson,
    /// The sign-in form, in an answer with this meaning.
    SignInForm(Lost),
}

/// The cookies that cpsrvd clears on its sign-in page.
const RELOGIN: [&[u8]; 3] = [b"whostmgrrelogin=no", b"cprelogin=no", b"webmailrelogin=no"];

/// The form's identifier, in the two ways to quote it.
const FORM: [&[u8]; 2] = [b"id=\"login_form\"", b"id='login_form'"];

/// What both have in them.
static FORM_NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("login_form"));

/// What an answer's head says, to a request of a signed-in session under its security token or to an API.
///
/// `reason` is the reason phrase, where it is not the usual one for the status.
pub fn head_sign(status: StatusCode, reason: Option<&[u8]>, headers: &HeaderMap) -> HeadSign {
    let media = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let html = media.starts_with(b"text/html");
    // A compressed body is not looked into: cpsrvd does not compress its sign-in page.
    let plain = !headers.contains_key(CONTENT_ENCODING);
    match status {
        StatusCode::UNAUTHORIZED if reason == Some(b"Token Denied") => HeadSign::Gone(Lost::TokenDenied),
        StatusCode::UNAUTHORIZED if html && plain => HeadSign::InBody(BodySign::SignInForm(Lost::TokenDenied)),
        StatusCode::FORBIDDEN if !html && plain => HeadSign::InBody(BodySign::DenyingJson),
        StatusCode::OK if html && clears_relogin(headers) => HeadSign::Gone(Lost::SignInPage),
        StatusCode::OK if html && plain => HeadSign::InBody(BodySign::SignInForm(Lost::SignInForm)),
        _ => HeadSign::Lives,
    }
}

/// Whether a head is that of the sign-in page with status 200.
pub(super) fn is_sign_in_page(status: StatusCode, headers: &HeaderMap) -> bool {
    head_sign(status, None, headers) == HeadSign::Gone(Lost::SignInPage)
}

fn clears_relogin(headers: &HeaderMap) -> bool {
    let clears = |line: &HeaderValue| RELOGIN.iter().any(|mark| line.as_bytes().starts_with(mark));
    headers.get_all(SET_COOKIE).iter().any(clears)
}

impl BodySign {
    /// How much of a body is looked at, in bytes: the denial is one line, the form stands in the first half
    /// of a page of some 40 KiB.
    pub fn reach(self) -> usize {
        match self {
            Self::DenyingJson => 4 * 1024,
            Self::SignInForm(_) => 64 * 1024,
        }
    }

    /// What the beginning of a body says, in the pieces in which it came; `whole` if it is all of it.
    pub fn found_in(self, beginning: &[impl AsRef<[u8]>], whole: bool) -> Option<Lost> {
        let mut pieces = beginning.iter().map(AsRef::as_ref);
        match self {
            Self::DenyingJson => {
                let text: Vec<&[u8]> = pieces.collect();
                (whole && denies(&text.concat())).then_some(Lost::AccessDenied)
            }
            Self::SignInForm(lost) => {
                let mut seam = Seam::default();
                pieces.any(|piece| seam.has_form(piece) || has_form(piece)).then_some(lost)
            }
        }
    }
}

/// The end of what came before a piece: the form's identifier may stand in both.
#[derive(Default)]
struct Seam(Vec<u8>);

impl Seam {
    /// Whether it does, with as much of the next piece as could belong to it.
    fn has_form(&mut self, piece: &[u8]) -> bool {
        const LONGEST: usize = FORM[0].len() - 1;
        self.0.extend_from_slice(piece.get(..LONGEST).unwrap_or(piece));
        let found = has_form(&self.0);
        match piece.len().checked_sub(LONGEST).and_then(|end| piece.get(end..)) {
            Some(end) => {
                self.0.clear();
                self.0.extend_from_slice(end);
            }
            None => drop(self.0.drain(..self.0.len().saturating_sub(LONGEST))),
        }
        found
    }
}

fn has_form(text: &[u8]) -> bool {
    let places = FORM_NAME.find_iter(text);
    places
        .filter_map(|place| text.get(place.checked_sub(4)?..))
        .any(|text| FORM.iter().any(|mark| text.starts_with(mark)))
}

/// `{"cpanelresult":{"error":"Access denied",…}}`, as `text/plain`.
fn denies(body: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    value.as_ref().and_then(|value| value.pointer("/cpanelresult/error")).and_then(serde_json::Value::as_str)
        == Some("Access denied")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENIAL: &str = r#"{"cpanelresult":{"apiversion":"2","error":"Access denied","data":{"reason":"Access denied","result":"0"},"type":"text"}}"#;
    const FORM_PAGE: &str = "<form id=\"login_form\" class=\"card\">";

    fn judged(status: u16, reason: Option<&str>, lines: &[(&'static str, &'static str)], body: &str) -> Option<Lost> {
        let headers = lines
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        match head_sign(StatusCode::from_u16(status).unwrap(), reason.map(str::as_bytes), &headers) {
            HeadSign::Lives => None,
            HeadSign::Gone(lost) => Some(lost),
            HeadSign::InBody(sign) => sign.found_in(&[body], true),
        }
    }

    #[test]
    fn a_lost_session_is_told_from_an_ordinary_refusal() {
        let html = ("content-type", "text/html; charset=\"utf-8\"");
        let text = ("content-type", "text/plain; charset=\"utf-8\"");
        let relogin = ("set-cookie", "cprelogin=no; HttpOnly; path=/");
        for (status, reason, lines, body, expected) in [
            (401, Some("Token Denied"), vec![html], "", Some(Lost::TokenDenied)),
            (401, None, vec![html], FORM_PAGE, Some(Lost::TokenDenied)),
            (401, None, vec![html], "<p>no", None),
            (401, Some("Access Denied"), vec![text], "{\"status\":0}", None),
            (403, Some("Forbidden Access denied"), vec![text], DENIAL, Some(Lost::AccessDenied)),
            (403, None, vec![("content-type", "application/json")], DENIAL, Some(Lost::AccessDenied)),
            (403, Some("Forbidden Access denied"), vec![text], "not yours", None),
            (403, None, vec![html], DENIAL, None),
            (200, None, vec![html, relogin], "", Some(Lost::SignInPage)),
            (200, None, vec![html], FORM_PAGE, Some(Lost::SignInForm)),
            (200, None, vec![html], "<form id=\"other_form\">", None),
            (200, None, vec![text], FORM_PAGE, None),
            (200, None, vec![html, ("content-encoding", "gzip")], FORM_PAGE, None),
            (404, None, vec![html], FORM_PAGE, None),
        ] {
            assert_eq!(judged(status, reason, &lines, body), expected, "{status} {reason:?} {body}");
        }
    }

    #[test]
    fn half_a_denial_is_none() {
        assert_eq!(BodySign::DenyingJson.found_in(&[DENIAL], false), None);
    }

    #[test]
    fn the_form_is_found_wherever_the_pieces_part() {
        let sign = BodySign::SignInForm(Lost::SignInForm);
        for size in 1..FORM_PAGE.len() {
            let pieces: Vec<_> = FORM_PAGE.as_bytes().chunks(size).collect();
            assert_eq!(sign.found_in(&pieces, true), Some(Lost::SignInForm), "pieces of {size}");
            let other = FORM_PAGE.replace("login", "logon");
            let pieces: Vec<_> = other.as_bytes().chunks(size).collect();
            assert_eq!(sign.found_in(&pieces, true), None, "pieces of {size}");
        }
        let (one, other) = FORM_PAGE.split_at(10);
        let denial: Vec<_> = DENIAL.as_bytes().chunks(7).collect();
        assert_eq!(sign.found_in(&[other, one], true), None);
        assert_eq!(BodySign::DenyingJson.found_in(&denial, true), Some(Lost::AccessDenied));
    }
}
