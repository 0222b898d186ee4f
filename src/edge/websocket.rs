//! WebSocket handshakes: over HTTP/1.1 (RFC 6455 section 4.2.1) and over HTTP/2 (RFC 8441).

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Version;
use http::header;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;

use crate::edge::gate::EdgeError;

/// What a handshake appends to the key before hashing it (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A browser's handshake that is in order. The socket is there once it has been answered.
#[derive(Clone)]
pub struct Handshake {
    /// The value of `Sec-WebSocket-Accept`; over HTTP/2 there is none.
    pub accept: Option<HeaderValue>,
    /// The socket to come.
    pub socket: OnUpgrade,
}

/// Takes the handshake out of a request, if it is one.
///
/// Gives the method to go on with as well: over HTTP/2 a handshake is a CONNECT that means a GET.
pub(super) fn take<B>(request: &mut Request<B>) -> Result<(Method, Option<Handshake>), EdgeError> {
    let method = request.method().clone();
    let headers = request.headers();
    if method == Method::CONNECT {
        let asked = request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket");
        if !asked || request.version() != Version::HTTP_2 || !is_version_13(headers) {
            return Err(EdgeError::Method);
        }
        let socket = hyper::upgrade::on(request);
        return Ok((Method::GET, Some(Handshake { accept: None, socket })));
    }
    if !headers.contains_key(header::UPGRADE) {
        return Ok((method, None));
    }
    let connection = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let nominated = connection.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upgrade"));
    let websocket = single(headers, &header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    if method != Method::GET || request.version() != Version::HTTP_11 || !nominated || !websocket {
        return Err(EdgeError::Upgrade);
    }
    let key = single(headers, &header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let (Some(key), true) = (key, is_version_13(headers)) else { return Err(EdgeError::Upgrade) };
    let accept = HeaderValue::from_str(&accept(key)).map_err(|_| EdgeError::Upgrade)?;
    let socket = hyper::upgrade::on(request);
    Ok((method, Some(Handshake { accept: Some(accept), socket })))
}

/// The answer to a key (RFC 6455 section 4.2.2). SHA-1 is what the protocol asks for; it protects nothing.
pub fn accept(key: &str) -> String {
    let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    STANDARD.encode(sum)
}

fn is_key(key: &str) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn is_version_13(headers: &HeaderMap) -> bool {
    single(headers, &header::SEC_WEBSOCKET_VERSION) == Some("13")
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("accept", &self.accept).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &[(&'static str, &'static str)]) -> Result<bool, EdgeError> {
        let mut request = Request::builder().uri("/");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        take(&mut request.body(()).unwrap()).map(|(_, handshake)| handshake.is_some())
    }

    #[test]
    fn the_example_of_the_specification() {
        // RFC 6455 section 1.3.
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_handshake_is_complete_or_refused() {
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(asked(&good), Ok(true));
        assert_eq!(asked(&[]), Ok(false));
        assert_eq!(asked(&[("upgrade", "h2c"), ("connection", "upgrade")]), Err(EdgeError::Upgrade));
        for missing in 1..good.len() {
            let rest: Vec<_> = (0..good.len()).filter(|n| *n != missing).map(|n| good[n]).collect();
            assert_eq!(asked(&rest), Err(EdgeError::Upgrade), "without {}", good[missing].0);
        }
        let doubled: Vec<_> = good.into_iter().chain([("upgrade", "h2c")]).collect();
        assert_eq!(asked(&doubled), Err(EdgeError::Upgrade));
        let mut plain = Request::connect("example.com:443").body(()).unwrap();
        assert_eq!(take(&mut plain).err(), Some(EdgeError::Method));
    }
}
