//! Name resolution in which `localhost` is this machine.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

use crate::model::Host;

/// The system's resolver, except that `localhost` and every name below it is the loopback address.
///
/// RFC 6761 section 6.3 asks that of applications, because many resolvers send these names to the
/// network, and a name server could then say where our secrets go.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalhostIsHere;

impl Resolve for LocalhostIsHere {
    fn resolve(&self, name: Name) -> Resolving {
        if name.as_str().parse().is_ok_and(|host: Host| host.is_localhost()) {
            let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            let addresses: Addrs = Box::new(here.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            return Box::pin(std::future::ready(Ok(addresses)));
        }
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}
