//! Whose request a balancer brings: the one configured header, read from its right end.
//!
//! A balancer writes the address that it was reached from at the right end of the list; what stands further
//! left came with the request, and anybody can have written it. From the right, addresses of balancers are
//! passed over, and the first other one is the client's. The list is not looked at beyond that.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::header::FORWARDED;

use crate::edge::gate::EdgeError;
use crate::listener::Accepted;
use crate::model::Balancers;
use crate::model::ClientAddr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the balancers in front are believed about each request. What others say never gets here: they cannot
/// connect.
#[derive(Clone, Debug)]
pub struct Forwarding {
    balancers: Balancers,
    header: ForwardingHeader,
    ends_tls: bool,
}

/// The header that is read. The other one is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto` beside it.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// One step of a request's way, as the balancer after it saw it.
#[derive(Debug, PartialEq, Eq)]
struct Hop {
    from: SocketAddr,
    /// What `proto` says, where that stands beside the address.
    secure: Option<bool>,
}

impl Forwarding {
    /// `ends_tls` says whether TLS ends at the balancers: they then have to say that a request came over it.
    pub fn new(balancers: Balancers, header: ForwardingHeader, ends_tls: bool) -> Self {
        Self { balancers, header, ends_tls }
    }

    /// The same connection with the address of the person who sent this request, which takes a place of that
    /// address for as long as the value lives.
    ///
    /// # Errors
    /// When the balancer does not say whose request it is, says that it did not come over TLS, or when the
    /// address has too many under way.
    pub fn resolve(&self, accepted: Accepted, headers: &HeaderMap) -> Result<Accepted, EdgeError> {
        let client = self.client(headers)?;
        let place = match &accepted.crowd {
            Some(crowd) => Some(Arc::new(crowd.enter(client).ok_or(EdgeError::Crowded)?)),
            None => None,
        };
        Ok(Accepted { client, place, ..accepted })
    }

    fn client(&self, headers: &HeaderMap) -> Result<ClientAddr, EdgeError> {
        let hop = match self.header {
            ForwardingHeader::XForwardedFor => self.first(headers, &X_FORWARDED_FOR, address_of),
            ForwardingHeader::Forwarded => self.first(headers, &FORWARDED, element),
        };
        let hop = hop.ok_or(EdgeError::Forwarding)?;
        let secure = match self.header {
            ForwardingHeader::XForwardedFor => said_https(headers),
            ForwardingHeader::Forwarded => hop.secure,
        };
        if self.ends_tls && secure != Some(true) {
            return Err(EdgeError::NotSecure);
        }
        Ok(ClientAddr(hop.from))
    }

    /// The first step, from the right, that is no balancer's. Nothing if there is none, or if one before it
    /// cannot be read.
    fn first(&self, headers: &HeaderMap, name: &HeaderName, read: fn(&str) -> Option<Hop>) -> Option<Hop> {
        let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().ok()).collect::<Option<_>>()?;
        for text in lines.iter().rev().flat_map(|line| split(line, ',').into_iter().rev()) {
            let hop = read(text.trim())?;
            if !self.balancers.has(hop.from.ip()) {
                return Some(hop);
            }
        }
        None
    }
}

/// An address of `X-Forwarded-For`, as `X-Forwarded-Proto` beside it belongs to the whole list.
fn address_of(text: &str) -> Option<Hop> {
    Some(Hop { from: address(text)?, secure: None })
}

/// What `X-Forwarded-Proto` says, if it says one thing once.
fn said_https(headers: &HeaderMap) -> Option<bool> {
    let mut said = headers.get_all(X_FORWARDED_PROTO).iter();
    match (said.next(), said.next()) {
        (Some(proto), None) => Some(proto.as_bytes().eq_ignore_ascii_case(b"https")),
        _ => None,
    }
}

/// An element of `Forwarded` (RFC 7239 section 4), which has each parameter once.
fn element(text: &str) -> Option<Hop> {
    let (mut from, mut proto) = (None, None);
    for pair in split(text, ';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"').filter(|inner| !inner.contains(['"', '\\']))?,
            None => value,
        };
        let slot = match name {
            name if name.eq_ignore_ascii_case("for") => &mut from,
            name if name.eq_ignore_ascii_case("proto") => &mut proto,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Hop { from: address(from?)?, secure: proto.map(|proto| proto.eq_ignore_ascii_case("https")) })
}

/// An address with or without a port; one of IPv6 in brackets if it has a port, one of IPv4 in none (RFC 7239
/// section 6).
fn address(text: &str) -> Option<SocketAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let bare = || text.parse::<IpAddr>().ok().or_else(in_brackets).map(|ip| SocketAddr::new(ip, 0));
    text.parse().ok().or_else(bare)
}

/// Splits a text at a letter that does not stand in quotes (RFC 9110 section 5.6.4).
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|letter| {
        let ends = letter == at && !quoted;
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(
        header: ForwardingHeader,
        ends_tls: bool,
        lines: &[(&'static str, &'static str)],
    ) -> Result<String, EdgeError> {
        let balancers = Balancers::new(["10.0.0.0/24", "2001:db8:0:1::/64"].map(|text| text.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Forwarding::new(balancers, header, ends_tls).client(&headers).map(|client| client.0.to_string())
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_balancer() {
        let read = |value| client(ForwardingHeader::XForwardedFor, false, &[("x-forwarded-for", value)]).ok();
        for (value, expected) in [
            ("192.0.2.7", "192.0.2.7:0"),
            ("192.0.2.7:4711", "192.0.2.7:4711"),
            ("2001:db8::7", "[2001:db8::7]:0"),
            ("[2001:db8::7]:4711", "[2001:db8::7]:4711"),
            ("127.0.0.1, 192.0.2.7", "192.0.2.7:0"),
            ("unknown, <script>, 192.0.2.7", "192.0.2.7:0"),
            ("203.0.113.9, 192.0.2.7, 10.0.0.4", "192.0.2.7:0"),
            ("203.0.113.9,192.0.2.7 , ::ffff:10.0.0.4,10.0.0.5", "192.0.2.7:0"),
            ("10.0.1.4, 10.0.0.4", "10.0.1.4:0"),
        ] {
            assert_eq!(read(value).as_deref(), Some(expected), "{value}");
        }
        for refused in [
            "",
            "10.0.0.4",
            "[192.0.2.7]",
            "192.0.2.7,",
            "192.0.2.7, unknown",
            "192.0.2.7, _hidden, 10.0.0.4",
            "192.0.2.777",
            "web1",
        ] {
            assert_eq!(read(refused), None, "{refused}");
        }
        // A balancer may add a line of its own: the last one is nearest.
        let lines = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client(ForwardingHeader::XForwardedFor, false, &lines).unwrap(), "192.0.2.7:0");
        assert_eq!(client(ForwardingHeader::XForwardedFor, false, &[]), Err(EdgeError::Forwarding));
        assert_eq!(
            client(ForwardingHeader::XForwardedFor, false, &[("forwarded", "for=192.0.2.7")]),
            Err(EdgeError::Forwarding)
        );
    }

    #[test]
    fn forwarded_is_read_as_its_specification_says() {
        let read =
            |value| client(ForwardingHeader::Forwarded, true, &[("forwarded", value), ("x-forwarded-proto", "https")]);
        for (value, expected) in [
            ("for=192.0.2.7;proto=https", "192.0.2.7:0"),
            ("For=\"192.0.2.7:4711\";Proto=HTTPS;by=_lb", "192.0.2.7:4711"),
            ("for=\"[2001:db8::7]\";proto=https", "[2001:db8::7]:0"),
            ("for=\"[2001:db8::7]:4711\" ; proto=https", "[2001:db8::7]:4711"),
            ("for=127.0.0.1;proto=https, for=192.0.2.7;proto=https;host=\"a,b;c\"", "192.0.2.7:0"),
            ("for=192.0.2.7;proto=https, for=10.0.0.4;proto=http", "192.0.2.7:0"),
            ("for=127.0.0.1;host=\"x, for=192.0.2.7\", for=203.0.113.9;proto=https", "203.0.113.9:0"),
        ] {
            assert_eq!(read(value).unwrap(), expected, "{value}");
        }
        for unread in [
            "",
            "proto=https",
            "for=unknown;proto=https",
            "for=_x",
            "192.0.2.7",
            "for=a;for=192.0.2.7",
            "for=192.0.2.7;proto=https, for",
        ] {
            assert_eq!(read(unread), Err(EdgeError::Forwarding), "{unread}");
        }
        for unsafe_ in ["for=192.0.2.7", "for=192.0.2.7;proto=http", "for=127.0.0.1;proto=https,for=192.0.2.7"] {
            assert_eq!(read(unsafe_), Err(EdgeError::NotSecure), "{unsafe_}");
        }
    }

    #[test]
    fn where_tls_ends_there_it_has_to_have_been_there() {
        let read = |lines: &[(&'static str, &'static str)]| {
            let lines = [&[("x-forwarded-for", "192.0.2.7")], lines].concat();
            client(ForwardingHeader::XForwardedFor, true, &lines).ok()
        };
        assert!(read(&[("x-forwarded-proto", "https")]).is_some());
        let proto = |value| ("x-forwarded-proto", value);
        for lines in [vec![], vec![proto("http")], vec![proto("https, http")], vec![proto("https"), proto("https")]] {
            assert_eq!(read(&lines), None, "{lines:?}");
        }
    }
}
