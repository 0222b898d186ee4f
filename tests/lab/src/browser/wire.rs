//! Connections: every name leads to its part of the world, over real TLS.

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

/// Where the names of a world lead.
#[derive(Clone, Debug)]
pub struct Names {
    issuer: String,
    provider: IpAddr,
    gateway: IpAddr,
}

impl Names {
    /// The names of this world.
    pub fn of(world: &World) -> anyhow::Result<Self> {
        let issuer = url::Url::parse(world.issuer())?;
        let issuer = issuer.host_str().context("the issuer has no host")?.to_owned();
        Ok(Self { issuer, provider: world.provider.address().ip(), gateway: world.gateway() })
    }

    fn resolve(&self, host: &str) -> IpAddr {
        if host == self.issuer { self.provider } else { self.gateway }
    }
}

/// TLS that trusts the world's authority and nobody else.
pub fn trusting(world: &World, http: Http) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(world.authority.pem().as_bytes()).context("no authority")?)?;
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

/// A pool of connections.
#[derive(Clone)]
pub(super) struct Wire(legacy::Client<Connector, Full<Bytes>>);

impl Wire {
    pub(super) fn new(world: &World, http: Http) -> anyhow::Result<Self> {
        let connector = Connector { names: Names::of(world)?, tls: Arc::new(trusting(world, http)?) };
        Ok(Self(legacy::Client::builder(TokioExecutor::new()).build(connector)))
    }

    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Incoming>> {
        Ok(self.0.request(request).await?)
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
}

impl Connector {
    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let host = uri.host().ok_or_else(|| io::Error::other("no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(io::Error::other("only https is spoken here"));
        }
        let address = SocketAddr::new(self.names.resolve(host), uri.port_u16().unwrap_or(443));
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Stream(TokioIo::new(TlsConnector::from(self.tls).connect(name, tcp).await?)))
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

/// A TLS stream that says which version of HTTP was agreed on.
struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let (_, session) = self.0.inner().get_ref();
        let connected = Connected::new();
        if session.alpn_protocol() == Some(b"h2") { connected.negotiated_h2() } else { connected }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
