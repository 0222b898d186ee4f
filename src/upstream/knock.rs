//! Whether something answers on a port, and whether it is the server that it should be.
//!
//! Nothing is sent over a TLS connection. Over one in clear text goes a request that says nothing of ours.

use std::io;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::model::Host;
use crate::model::Server;
use crate::upstream::trust;

/// Addresses of one host name that are knocked at, at most.
const ADDRESSES: usize = 16;

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// TLS.
    Tls,
    /// HTTP in clear text.
    Http,
    /// Whatever: a connection is enough.
    Any,
}

/// What a port did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knocked {
    /// It answers as the server should: with its certificate, or with HTTP.
    Server,
    /// Something else answers.
    Stranger,
    /// The connection is refused.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// A router or firewall says that it cannot be reached.
    Unreachable,
    /// We could not even try: this machine has no way there, or no sockets left.
    NotTried,
}

/// Knocks at one server.
#[derive(Clone, Debug)]
pub struct Knocker {
    host: Host,
    address: Option<IpAddr>,
    /// Nothing, where the server's trust refers to a file that is not here.
    tls: Option<Arc<ClientConfig>>,
    patience: Duration,
}

impl Knocker {
    /// For a server, waiting so long for a connection, and as long again for what comes over it.
    pub fn new(server: &Server, patience: Duration) -> Self {
        let tls = trust::client_config(&server.trust).ok().map(Arc::new);
        Self { host: server.host.clone(), address: server.address, tls, patience }
    }

    /// Where the server can be reached: the address in the directory, and whatever its name resolves to, since
    /// people who look for it come by its name. An error of the resolver counts only where there is no address.
    pub async fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        let mut addresses: Vec<IpAddr> = self.address.into_iter().collect();
        match &self.host {
            Host::Ip(ip) => addresses.push(*ip),
            Host::Name(_) if self.host.is_localhost() => addresses.push(Ipv4Addr::LOCALHOST.into()),
            Host::Name(name) => {
                let found = tokio::time::timeout(self.patience, tokio::net::lookup_host((&**name, 0))).await;
                match found.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
                    Ok(found) => addresses.extend(found.map(|address| address.ip())),
                    Err(error) if addresses.is_empty() => return Err(error),
                    Err(_) => {}
                }
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES);
        Ok(addresses)
    }

    /// The address that this machine has on its way to another. No packet is sent for that.
    pub fn from(ip: IpAddr) -> Option<IpAddr> {
        let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(SocketAddr::new(ip, 2087)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    }

    /// Knocks at a port.
    pub async fn knock(&self, ip: IpAddr, port: u16, speech: Speech) -> Knocked {
        let connecting = TcpStream::connect(SocketAddr::new(ip, port));
        let tcp = match tokio::time::timeout(self.patience, connecting).await {
            Err(_) => return Knocked::Silent,
            Ok(Err(error)) => return refusal(&error),
            Ok(Ok(tcp)) => tcp,
        };
        let proves = async {
            match speech {
                Speech::Any => true,
                Speech::Tls => self.is_server(tcp).await,
                Speech::Http => self.is_http(tcp).await,
            }
        };
        let is_server = tokio::time::timeout(self.patience, proves).await.unwrap_or(false);
        if is_server { Knocked::Server } else { Knocked::Stranger }
    }

    /// Whether the certificate is the server's. The connection ends with the handshake.
    async fn is_server(&self, tcp: TcpStream) -> bool {
        let Some(tls) = &self.tls else { return false };
        let name = match &self.host {
            Host::Name(name) => ServerName::try_from(name.to_string()).ok(),
            Host::Ip(ip) => Some(ServerName::from(*ip)),
        };
        let Some(name) = name else { return false };
        TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.is_ok()
    }

    /// Whether it answers a request with HTTP, whatever it says.
    async fn is_http(&self, mut tcp: TcpStream) -> bool {
        let request = format!("HEAD / HTTP/1.0\r\nHost: {}\r\n\r\n", self.host);
        let mut start = [0; 5];
        tcp.write_all(request.as_bytes()).await.is_ok()
            && tcp.read_exact(&mut start).await.is_ok()
            && &start == b"HTTP/"
    }
}

fn refusal(error: &io::Error) -> Knocked {
    let kind = error.kind();
    if [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted].contains(&kind) {
        Knocked::Refused
    } else if kind == ErrorKind::TimedOut {
        Knocked::Silent
    } else if kind == ErrorKind::HostUnreachable {
        Knocked::Unreachable
    } else {
        // No route, a firewall of our own, no sockets left: that says nothing of the server.
        Knocked::NotTried
    }
}
