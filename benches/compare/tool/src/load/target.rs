//! Whom the load is for: an address, a name, a session.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ClientConfig;
use rustls::HandshakeKind;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cryptography;

/// Read at a time, in bytes.
const BUFFER: usize = 64 * 1024;
/// TLS sessions that are remembered for resumption.
const TICKETS: usize = 64;

/// A proxy and a session at it.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Where to connect.
    #[arg(long)]
    address: SocketAddr,
    /// The host name, for TLS and `Host`; with the port where it is not the scheme's own.
    #[arg(long)]
    name: String,
    /// Whom to trust (PEM).
    #[arg(long)]
    authority: PathBuf,
    /// HTTP without TLS.
    #[arg(long)]
    plain: bool,
    /// What stands in front of each path.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Sent with each request, as `Name: value`.
    #[arg(long)]
    header: Vec<String>,
    /// Further people at the same proxy, as `PREFIX Cookie: value`. Connections that stay open are shared out
    /// among all of them.
    #[arg(long)]
    person: Vec<String>,
}

/// A stream of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite {}
impl<S: AsyncRead + AsyncWrite> Stream for S {}

/// A connection.
pub(crate) type Connection = BufReader<Pin<Box<dyn Stream>>>;

/// The same, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    arguments: Arguments,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Target {
    /// Reads the authority. With `resumes`, later connections resume earlier ones.
    pub(crate) fn new(arguments: Arguments, resumes: bool) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        let trusted = std::fs::read(&arguments.authority).context("cannot read the authority")?;
        roots.add(CertificateDer::from_pem_slice(&trusted)?)?;
        let mut tls = ClientConfig::builder_with_provider(cryptography::provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.resumption = if resumes { Resumption::in_memory_sessions(TICKETS) } else { Resumption::disabled() };
        let host = arguments.name.split(':').next().unwrap_or_default().to_owned();
        Ok(Self { arguments, tls: Arc::new(tls), name: ServerName::try_from(host)? })
    }

    /// How many people there are.
    pub(crate) fn people(&self) -> usize {
        self.arguments.person.len() + 1
    }

    /// The same for whoever the connection of this number is for.
    pub(crate) fn of_person(&self, number: usize) -> Self {
        let mut target = self.clone();
        let people = &self.arguments.person;
        let further = (number % (people.len() + 1)).checked_sub(1).and_then(|place| people.get(place));
        if let Some((prefix, cookie)) = further.and_then(|person| person.split_once(' ')) {
            target.arguments.header.retain(|line| !line.starts_with("Cookie:"));
            target.arguments.header.push(cookie.to_owned());
            prefix.clone_into(&mut target.arguments.prefix);
        }
        target
    }

    /// A new connection, and whether its TLS session was resumed.
    pub(crate) async fn open(&self) -> anyhow::Result<(Connection, bool)> {
        let tcp = TcpStream::connect(self.arguments.address).await.context("cannot connect")?;
        tcp.set_nodelay(true)?;
        if self.arguments.plain {
            return Ok((BufReader::with_capacity(BUFFER, Box::pin(tcp)), false));
        }
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(self.name.clone(), tcp).await.context("TLS")?;
        let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok((BufReader::with_capacity(BUFFER, Box::pin(tls)), resumed))
    }

    /// The head of a request, as a page's script would send it.
    pub(crate) fn head(&self, method: &str, path: &str, more: &[&str]) -> Vec<u8> {
        let Arguments { name, prefix, header, .. } = &self.arguments;
        let mut head = format!(
            "{method} {prefix}{path} HTTP/1.1\r\nHost: {name}\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64) benchmark\r\n\
             Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
        );
        for line in header.iter().map(String::as_str).chain(more.iter().copied()) {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The head of a WebSocket's handshake.
    pub(crate) fn handshake(&self) -> Vec<u8> {
        let origin = format!("Origin: https://{}", self.arguments.name);
        self.head(
            "GET",
            "/ws",
            &[
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                &origin,
            ],
        )
    }
}

/// Writes all, and out.
pub(crate) async fn send(connection: &mut Connection, bytes: &[u8]) -> anyhow::Result<()> {
    connection.write_all(bytes).await?;
    connection.flush().await?;
    Ok(())
}
