//! The head of a request, parsed strictly.

use std::borrow::Cow;

use thiserror::Error;

const MAX_HEADERS: usize = 128;

/// A request's head as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The request target, untouched.
    pub(crate) target: String,
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub(crate) minor: u8,
    /// The fields in the order and spelling in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(super) length: Length,
}

/// How the end of the request's body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Known(u64),
    Chunked,
}

/// Why a head is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum BadHead {
    #[error("not HTTP/1")]
    Syntax,
    #[error("smuggling: a line ends without CRLF")]
    BareLineEnd,
    #[error("smuggling: a header field is folded")]
    Folded,
    #[error("smuggling: more than one Content-Length")]
    TwoLengths,
    #[error("smuggling: both Transfer-Encoding and Content-Length")]
    LengthAndCoding,
    #[error("smuggling: a Transfer-Encoding other than chunked")]
    UnknownCoding,
    #[error("a Content-Length that is no number")]
    BadLength,
    #[error("a request target that is no path")]
    Target,
    #[error("not exactly one Host")]
    Host,
}

/// Where the first head in `bytes` ends, with or without carriage returns.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    let bare = bytes.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
    let full = bytes.windows(3).position(|three| three == b"\n\r\n").map(|at| at + 3);
    match (bare, full) {
        (Some(bare), Some(full)) => Some(bare.min(full)),
        (one, other) => one.or(other),
    }
}

impl Request {
    /// Parses a head. Unless `strict`, ambiguous ones are repaired as careless servers do it.
    pub(super) fn parse(bytes: &[u8], strict: bool) -> Result<Self, BadHead> {
        let bytes = if strict { refuse_odd_lines(bytes)? } else { repair_lines(bytes) };
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut fields);
        if !matches!(parsed.parse(&bytes), Ok(httparse::Status::Complete(_))) {
            return Err(BadHead::Syntax);
        }
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(BadHead::Syntax);
        };
        if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(BadHead::Target);
        }
        let headers = parsed
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
            .collect();
        let mut request =
            Self { method: method.to_owned(), target: target.to_owned(), minor, headers, length: Length::Known(0) };
        let hosts = request.all("Host").count();
        if hosts > 1 || (hosts == 0 && minor == 1) {
            return Err(BadHead::Host);
        }
        request.length = request.body_length(strict)?;
        Ok(request)
    }

    /// The first field of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether one of the comma-separated members of this field is `member`.
    pub(crate) fn lists(&self, name: &str, member: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(member))
    }

    /// The request line as the access log quotes it.
    pub(crate) fn line(&self) -> String {
        format!("{} {} HTTP/1.{}", self.method, self.target, self.minor)
    }

    /// Whether the client keeps the connection open.
    pub(super) fn keeps_alive(&self) -> bool {
        if self.minor == 0 { self.lists("Connection", "keep-alive") } else { !self.lists("Connection", "close") }
    }

    /// Whether the client waits for `100 Continue`.
    pub(super) fn expects_continue(&self) -> bool {
        self.minor == 1 && self.lists("Expect", "100-continue")
    }

    /// RFC 9112 section 6.3, with every doubtful case refused when `strict`.
    fn body_length(&self, strict: bool) -> Result<Length, BadHead> {
        let mut lengths = self.all("Content-Length");
        let length = lengths.next();
        if strict && lengths.next().is_some() {
            return Err(BadHead::TwoLengths);
        }
        if let Some(coding) = self.header("Transfer-Encoding") {
            if strict && length.is_some() {
                return Err(BadHead::LengthAndCoding);
            }
            let one = self.all("Transfer-Encoding").count() == 1;
            if strict && !(one && coding.eq_ignore_ascii_case("chunked")) {
                return Err(BadHead::UnknownCoding);
            }
            return Ok(Length::Chunked);
        }
        match length {
            None => Ok(Length::Known(0)),
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map(Length::Known).map_err(|_| BadHead::BadLength)
            }
            Some(_) => Err(BadHead::BadLength),
        }
    }
}

fn refuse_odd_lines(bytes: &[u8]) -> Result<Cow<'_, [u8]>, BadHead> {
    let mut before = b'\n';
    for &byte in bytes {
        match (before, byte) {
            (b'\r', b'\n') => {}
            (_, b'\n') | (b'\r', _) => return Err(BadHead::BareLineEnd),
            (b'\n', b' ' | b'\t') => return Err(BadHead::Folded),
            _ => {}
        }
        before = byte;
    }
    Ok(Cow::Borrowed(bytes))
}

fn repair_lines(bytes: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(bytes).replace('\r', "");
    let unfolded = text.replace("\n ", " ").replace("\n\t", " ");
    Cow::Owned(unfolded.replace('\n', "\r\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(head: &str, reason: &BadHead) {
        assert_eq!(Request::parse(head.as_bytes(), true).map(drop).unwrap_err(), *reason, "{head:?}");
    }

    #[test]
    fn a_doubtful_head_is_refused() {
        refused("GET / HTTP/1.1\nHost: a\n\n", &BadHead::BareLineEnd);
        refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", &BadHead::BareLineEnd);
        refused("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", &BadHead::Folded);
        refused("GET / HTTP/1.1\r\n\r\n", &BadHead::Host);
        refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", &BadHead::Host);
        refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", &BadHead::Target);
        refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", &BadHead::TwoLengths);
        refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", &BadHead::BadLength);
        refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", &BadHead::UnknownCoding);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let valid = b"POST /cpsess1/a?b HTTP/1.1\r\nHost: a:2087\r\nContent-Length: 4\r\nCookie: a=b; c=d\r\n\r\n";
        let mut state = 0x2545_f491_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            usize::try_from(state).unwrap()
        };
        for _ in 0..20_000 {
            let mut bytes = valid.to_vec();
            for _ in 0..=next() % 4 {
                let at = next() % bytes.len();
                bytes[at] = u8::try_from(next() % 256).unwrap();
            }
            bytes.truncate(next() % (valid.len() + 1));
            for strict in [true, false] {
                if let Ok(request) = Request::parse(&bytes, strict) {
                    assert!(request.target.starts_with('/'));
                }
            }
        }
    }

    #[test]
    fn a_careless_server_repairs_it() {
        let request = Request::parse(b"GET / HTTP/1.1\nHost: a\n b\n\n", false).unwrap();
        assert_eq!(request.header("host"), Some("a b"));
    }
}
