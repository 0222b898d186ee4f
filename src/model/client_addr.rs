//! Whose address it is.

use std::fmt;
use std::fmt::Write as _;
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

/// An address as it is written.
#[derive(Clone, Copy, Debug)]
pub struct ClientText {
    /// As long as the longest: `ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`.
    text: [u8; 39],
    len: usize,
}

impl ClientText {
    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The same as bytes, which need no look at whether they are text.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn put(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

impl fmt::Write for ClientText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put(byte));
        Ok(())
    }
}

impl ClientAddr {
    /// The address without its port.
    pub fn text(self) -> ClientText {
        // By hand: every request's line and record has it, and the library's way costs eight times as much.
        let mut text = ClientText { text: [0; 39], len: 0 };
        match self.ip() {
            IpAddr::V4(v4) => {
                for (place, octet) in v4.octets().into_iter().enumerate() {
                    if place > 0 {
                        text.put(b'.');
                    }
                    if octet > 99 {
                        text.put(b'0' + octet / 100);
                    }
                    if octet > 9 {
                        text.put(b'0' + octet / 10 % 10);
                    }
                    text.put(b'0' + octet % 10);
                }
            }
            // What is written into memory that is long enough is written.
            IpAddr::V6(v6) => drop(write!(text, "{v6}")),
        }
        text
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
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
        // No address is longer: what ends like IPv4 is written so only behind zeros.
        for longest in [[0xffff; 8], [0x2001, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff]] {
            let v6 = Ipv6Addr::from(longest);
            assert_eq!(ClientAddr((v6, 1).into()).to_string(), v6.to_string());
        }
    }
}
