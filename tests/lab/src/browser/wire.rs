//! Connections: every name leads to its part of the world, over real TLS; names below `localhost`, which browsers
//! trust, may go without.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;
use http::Response;
use http::Uri;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::World;

/// Which versions of HTTP a client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// HTTP/2, as every browser does, and HTTP/1.1 for who cannot.
    Two,
    /// HTTP/1.1 only.
    One,
}

/// Where names lead.
#[derive(Clone, Debug)]
pub struct Names {
    known: BTreeMap<String, IpAddr>,
    others: Option<IpAddr>,
}

impl Names {
    /// The names of this world: the provider's, and all others lead to the gateway.
    pub fn of(world: &World) -> anyhow::Result<Self> {
        let issuer = url::Url::parse(world.issuer())?;
        let issuer = issuer.host_str().context("the issuer has no host")?.to_owned();
        let mut known = BTreeMap::from([(issuer, world.provider.address().ip())]);
        if let Some(contractors) = &world.contractors {
            known.insert("contractors.localhost".to_owned(), contractors.address().ip());
        }
        Ok(Self { known, others: Some(world.gateway()) })
    }

    /// The same, with the gateway somewhere else.
    #[must_use]
    pub fn leading_to(self, gateway: IpAddr) -> Self {
        Self { others: Some(gateway), ..self }
    }

    /// These names; no others exist.
    pub fn only(names: impl IntoIterator<Item = (String, IpAddr)>) -> Self {
        Self { known: names.into_iter().collect(), others: None }
    }

    fn resolve(&self, host: &str) -> io::Result<IpAddr> {
        let found = self.known.get(host).copied().or(self.others);
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no such name: {host}")))
    }
}

/// TLS that trusts the world's authority and nobody else.
pub fn trusting(world: &World, http: Http) -> anyhow::Result<ClientConfig> {
    trusting_only(world.authority.pem(), http)
}

/// TLS that trusts one certificate (PEM).
fn trusting_only(certificate: &str, http: Http) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).context("no certificate")?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match http {
        Http::Two => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http::One => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

/// A request's body on its way out.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A pool of connections.
#[derive(Clone)]
pub(super) struct Wire {
    connector: Connector,
    client: legacy::Client<Connector, Outgoing>,
}

impl Wire {
    pub(super) fn new(names: Names, trust: &str, http: Http) -> anyhow::Result<Self> {
        let tls = Arc::new(trusting_only(trust, http)?);
        Ok(Self::over(Connector { names, tls, from: None }))
    }

    /// New connections to the same names, from this address.
    pub(super) fn from(&self, address: IpAddr) -> Self {
        Self::over(Connector { from: Some(address), ..self.connector.clone() })
    }

    /// New connections.
    pub(super) fn anew(&self) -> Self {
        Self::over(self.connector.clone())
    }

    /// New connections of HTTP/1.1.
    pub(super) fn http_1(&self) -> Self {
        let mut tls = ClientConfig::clone(&self.connector.tls);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::over(Connector { tls: Arc::new(tls), ..self.connector.clone() })
    }

    fn over(connector: Connector) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector.clone());
        Self { connector, client }
    }

    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        self.upload(request.map(http_body_util::BodyExt::boxed_unsync)).await
    }

    pub(super) async fn upload(&self, request: Request<Outgoing>) -> anyhow::Result<Response<Incoming>> {
        Ok(self.client.request(request).await?)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

#[derive(Clone)]
struct Connector {
    names: Names,
    tls: Arc<ClientConfig>,
    from: Option<IpAddr>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let host = uri.host().ok_or_else(|| io::Error::other("no host"))?;
        let is_clear = uri.scheme_str() == Some("http") && host.ends_with(".localhost");
        if !is_clear && uri.scheme_str() != Some("https") {
            return Err(io::Error::other("only https is spoken here"));
        }
        let usual = if is_clear { 80 } else { 443 };
        let address = SocketAddr::new(self.names.resolve(host)?, uri.port_u16().unwrap_or(usual));
        let tcp = match self.from {
            Some(from) if from.is_ipv4() == address.is_ipv4() => {
                let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.bind(SocketAddr::new(from, 0))?;
                socket.connect(address).await?
            }
            // From an address of one family nobody gets to one of the other.
            _ => TcpStream::connect(address).await?,
        };
        tcp.set_nodelay(true)?;
        if is_clear {
            return Ok(Stream::Clear(TokioIo::new(tcp)));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(TokioIo::new(TlsConnector::from(self.tls).connect(name, tcp).await?))))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A stream that says which version of HTTP was agreed on.
enum Stream {
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
    Clear(TokioIo<TcpStream>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        match self {
            Self::Tls(stream) if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") => connected.negotiated_h2(),
            Self::Tls(_) | Self::Clear(_) => connected,
        }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
