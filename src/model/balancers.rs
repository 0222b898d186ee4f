//! Load balancers in front of the gateway: which there are, and how they say whose request they bring.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::Network;

/// The addresses of the load balancers in front. Nobody else may speak for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancers(Arc<[Network]>);

impl Balancers {
    /// Those at these addresses.
    pub fn new(addresses: impl IntoIterator<Item = Network>) -> Self {
        Self(addresses.into_iter().collect())
    }

    /// Whether an address is one of theirs. An IPv4 address mapped into IPv6 is that of IPv4.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }

    /// The networks, as they were written.
    pub fn networks(&self) -> &[Network] {
        &self.0
    }
}

/// How a balancer says whose connection or request it brings. There is one way, and no other is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFrom {
    /// By the PROXY protocol (version 1 or 2) before the first byte of a connection.
    ProxyProtocol,
    /// By `X-Forwarded-For` in each request.
    XForwardedFor,
    /// By `Forwarded` (RFC 7239) in each request.
    Forwarded,
}

impl ClientFrom {
    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProxyProtocol => "proxy_protocol",
            Self::XForwardedFor => "x_forwarded_for",
            Self::Forwarded => "forwarded",
        }
    }
}
