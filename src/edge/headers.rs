//! A head that can mean only one thing.

use http::HeaderMap;
use http::Method;
use http::Version;
use http::header::CONTENT_LENGTH;
use http::header::EXPECT;
use http::header::HOST;
use http::header::TRANSFER_ENCODING;
use http::uri::Uri;

use crate::edge::gate::EdgeError;

/// How the end of the body is found. The body itself is framed anew on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks (HTTP/1.1) or frames (HTTP/2).
    Streamed,
}

/// The authority that the request names, from `Host` and from the request target, which must agree
/// (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
pub(super) fn authority<'r>(version: Version, uri: &'r Uri, headers: &'r HeaderMap) -> Result<&'r str, EdgeError> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|host| host.to_str().map_err(|_| EdgeError::Host)).transpose()?;
    if hosts.next().is_some() {
        return Err(EdgeError::Host);
    }
    let target = uri.authority().map(http::uri::Authority::as_str);
    match (host, target) {
        (Some(host), Some(target)) if !host.eq_ignore_ascii_case(target) => Err(EdgeError::Host),
        (_, Some(target)) if target.contains('@') => Err(EdgeError::Host),
        (_, Some(target)) => Ok(target),
        (Some(host), None) if version != Version::HTTP_2 => Ok(host),
        _ => Err(EdgeError::Host),
    }
}

/// Whether all values stand without spaces around them. HTTP/1.1 takes them away; HTTP/2 does not, although
/// they may not be there (RFC 9113 section 8.2.1), and a server behind us might.
pub(super) fn is_tidy(version: Version, headers: &HeaderMap) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    version != Version::HTTP_2
        || headers.values().all(|value| !blank(value.as_bytes().first()) && !blank(value.as_bytes().last()))
}

/// The framing of the body, if there is exactly one.
pub(super) fn framing(version: Version, method: &Method, headers: &HeaderMap) -> Result<Framing, EdgeError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) if version == Version::HTTP_11 && coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            true
        }
        _ => return Err(EdgeError::Framing),
    };
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        (Some(length), None) => {
            let digits = length.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            Some(digits.and_then(|text| text.parse().ok()).ok_or(EdgeError::Framing)?)
        }
        _ => return Err(EdgeError::Framing),
    };
    let framing = match (chunked, length) {
        (true, Some(_)) => return Err(EdgeError::Framing),
        (true, None) => Framing::Streamed,
        (false, Some(0)) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
        (false, None) if version == Version::HTTP_2 => Framing::Streamed,
        (false, None) => Framing::None,
    };
    let bodiless = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    // A body on these has no meaning that both sides would agree on (RFC 9110 section 9.3.1).
    if bodiless && (chunked || matches!(framing, Framing::Length(_))) {
        return Err(EdgeError::Framing);
    }
    Ok(if bodiless { Framing::None } else { framing })
}

/// Refuses an expectation that nobody defined (RFC 9110 section 10.1.1).
pub(super) fn expectations(headers: &HeaderMap) -> Result<(), EdgeError> {
    if headers.get_all(EXPECT).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(EdgeError::Expectation);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::HeaderValue;

    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn host_and_target_name_one_place() {
        let named = |version, uri: &str, lines: &[(&'static str, &'static str)]| {
            let uri = uri.parse().unwrap();
            authority(version, &uri, &map(lines)).map(str::to_owned).ok()
        };
        let h1 = Version::HTTP_11;
        assert_eq!(named(h1, "/", &[("host", "a")]).as_deref(), Some("a"));
        assert_eq!(named(h1, "http://a/", &[("host", "A")]).as_deref(), Some("a"));
        assert_eq!(named(h1, "http://a/", &[("host", "b")]), None);
        assert_eq!(named(h1, "http://u@a/", &[("host", "u@a")]), None);
        assert_eq!(named(h1, "/", &[]), None);
        assert_eq!(named(h1, "/", &[("host", "a"), ("host", "a")]), None);
        assert_eq!(named(Version::HTTP_2, "https://a/", &[]).as_deref(), Some("a"));
        assert_eq!(named(Version::HTTP_2, "/", &[("host", "a")]), None);
    }

    #[test]
    fn a_body_has_one_framing() {
        let framed =
            |method, lines: &[(&'static str, &'static str)]| framing(Version::HTTP_11, &method, &map(lines)).ok();
        let (length, coding) = ("content-length", "transfer-encoding");
        assert_eq!(framed(Method::POST, &[]), Some(Framing::None));
        assert_eq!(framed(Method::POST, &[(length, "5")]), Some(Framing::Length(5)));
        assert_eq!(framed(Method::POST, &[(coding, "Chunked")]), Some(Framing::Streamed));
        for refused in [
            [(length, "5"), (length, "5")],
            [(length, "5"), (coding, "chunked")],
            [(coding, "chunked"), (coding, "chunked")],
            [(coding, "gzip, chunked"), ("x", "y")],
            [(coding, "identity"), ("x", "y")],
            [(length, "+5"), ("x", "y")],
            [(length, "5, 5"), ("x", "y")],
            [(length, "99999999999999999999"), ("x", "y")],
        ] {
            assert_eq!(framed(Method::POST, &refused), None, "{refused:?}");
        }
        assert_eq!(framed(Method::GET, &[(length, "5")]), None);
        assert_eq!(framed(Method::GET, &[(coding, "chunked")]), None);
        assert_eq!(framing(Version::HTTP_10, &Method::POST, &map(&[(coding, "chunked")])).ok(), None);
        assert_eq!(framing(Version::HTTP_2, &Method::POST, &map(&[])).ok(), Some(Framing::Streamed));
    }
}
