//! One TCP and TLS connection to one place.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::model::Host;
use crate::upstream::interim::Interims;
use crate::upstream::line::Line;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host name has no address.
    #[error("the host name does not resolve")]
    Resolve(#[source] io::Error),
    /// Connections cannot come from the address that is configured: it is none of this machine's.
    #[error("nothing can leave from the address in [upstream] source")]
    Source(#[source] io::Error),
    /// The server has no address of the family of `[upstream] source`.
    #[error("the server has no address of the family that [upstream] source has")]
    Family,
    /// Nothing listens there, or a firewall says no.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// No answer in time, from the network or in the TLS handshake.
    #[error("no connection within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The key is none of the pinned ones.
    #[error("the certificate's key is none of the pinned ones")]
    PinMismatch,
    /// The certificate does not prove the server's name.
    #[error("the certificate is not trusted")]
    Certificate(#[source] rustls::Error),
    /// The TLS handshake failed for another reason than the certificate.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
}

/// Connects to one server's service, always the same one.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) host: Host,
    pub(super) address: Option<IpAddr>,
    pub(super) source: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) timeout: Duration,
    /// How long the server may take nothing of what it is sent.
    pub(super) stall: Duration,
    /// Interim answers (1xx) before an answer.
    pub(super) interim: u32,
    /// Ends the connections, whatever is under way on them.
    pub(super) ended: CancellationToken,
}

impl Connector {
    pub(super) async fn connect(&self) -> Result<Line, ConnectError> {
        let timeout = self.timeout;
        let connecting = async {
            let tcp = self.dial(&self.addresses().await?).await?;
            // Small requests and terminals suffer from Nagle's algorithm.
            tcp.set_nodelay(true).map_err(ConnectError::Refused)?;
            let name = match &self.host {
                Host::Name(name) => ServerName::try_from(name.to_string()).map_err(|_| ConnectError::PinMismatch)?,
                Host::Ip(ip) => ServerName::from(*ip),
            };
            let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await.map_err(tls_error)?;
            Ok(Line::new(tls, self.stall, self.ended.clone(), Interims::new(self.interim)))
        };
        tokio::time::timeout(timeout, connecting).await.unwrap_or(Err(ConnectError::TimedOut(timeout)))
    }

    /// A connection to the first of these addresses that answers.
    async fn dial(&self, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let Some(source) = self.source else {
            return TcpStream::connect(addresses).await.map_err(ConnectError::Refused);
        };
        let mut last = None;
        for address in addresses.iter().filter(|address| address.is_ipv4() == source.is_ipv4()) {
            let socket = if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
            let bound = socket.and_then(|socket| socket.bind(SocketAddr::new(source, 0)).map(|()| socket));
            match bound.map_err(ConnectError::Source)?.connect(*address).await {
                Ok(tcp) => return Ok(tcp),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or(ConnectError::Family, ConnectError::Refused))
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Some(ip) = self.address {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        match &self.host {
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            // RFC 6761 section 6.3: names below localhost are loopback, whatever a resolver says.
            Host::Name(_) if self.host.is_localhost() => {
                Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port)])
            }
            Host::Name(name) => {
                let found = tokio::net::lookup_host((&**name, self.port)).await.map_err(ConnectError::Resolve)?;
                Ok(found.collect())
            }
        }
    }
}

fn tls_error(error: io::Error) -> ConnectError {
    let cause = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(reason)) = cause else {
        return ConnectError::Handshake(error);
    };
    if *reason == CertificateError::ApplicationVerificationFailure {
        return ConnectError::PinMismatch;
    }
    ConnectError::Certificate(rustls::Error::InvalidCertificate(reason.clone()))
}
