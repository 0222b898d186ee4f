//! Whose address it is.

use std::fmt;
use std::net::IpAddr;
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

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ip())
    }
}
