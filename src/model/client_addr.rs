//! Whose address it is.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

/// The far end of the downstream connection: the person's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

impl ClientAddr {
    /// The address without its port, with an IPv4 address mapped into IPv6 written as IPv4.
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

impl ClientAddr {
    /// Who the address counts for: one customer of an IPv6 provider has a whole /64 (RFC 6177 section 2).
    pub fn holder(self) -> IpAddr {
        match self.ip() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        }
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: every request's line and record has it, and the library's way costs eight times as much.
        let IpAddr::V4(v4) = self.ip() else { return write!(f, "{}", self.ip()) };
        let (mut text, mut len) = ([0; "255.255.255.255".len()], 0);
        let mut put = |byte: u8| {
            if let Some(slot) = text.get_mut(len) {
                *slot = byte;
                len += 1;
            }
        };
        for (place, octet) in v4.octets().into_iter().enumerate() {
            if place > 0 {
                put(b'.');
            }
            if octet > 99 {
                put(b'0' + octet / 100);
            }
            if octet > 9 {
                put(b'0' + octet / 10 % 10);
            }
            put(b'0' + octet % 10);
        }
        f.write_str(str::from_utf8(text.get(..len).unwrap_or_default()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_is_written_as_everybody_writes_it() {
        for octet in 0..=255 {
            let v4 = Ipv4Addr::new(octet, 255 - octet, 7, octet / 2);
            assert_eq!(ClientAddr((v4, 1).into()).to_string(), v4.to_string());
            assert_eq!(ClientAddr((v4.to_ipv6_mapped(), 1).into()).to_string(), v4.to_string());
        }
        assert_eq!(ClientAddr(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 1).into()).to_string(), "2001:db8::1");
    }
}
