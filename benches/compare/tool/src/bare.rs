//! The floor: a proxy of Panelgate's own libraries that does nothing but pass on.
//!
//! What Panelgate costs above it is Panelgate's own work; what it costs itself, no gateway of these libraries can
//! save. It lets everybody in and passes all header lines on as they are. One thread, one pool, no WebSockets.
//! Told of a cookie, it does the least besides that a proxy does which knows who asks ([`Checked`]).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::header::CONNECTION;
use http::header::HOST;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::body::SizeHint;
use hyper::client::conn::http1 as client;
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::TlsConnector;

use crate::checked::Checked;
use crate::cryptography;
use crate::upstream::listen;

/// Where, and what is behind it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to listen with TLS.
    #[arg(long)]
    address: SocketAddr,
    /// Where to listen without.
    #[arg(long)]
    plain: SocketAddr,
    /// The server.
    #[arg(long)]
    server: SocketAddr,
    /// The folder with the certificate (`proxy.pem`, `proxy.key`) and the authority (`authority.pem`).
    #[arg(long)]
    folder: PathBuf,
    /// Lets in only who has this cookie (`session`), and writes a line for each request to `checked.log` in the folder.
    #[arg(long)]
    session: Option<String>,
}

/// The name in the server's certificate.
const SERVER: &str = "upstream.example";

/// Serves until it is killed.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let path = |name| arguments.folder.join(name);
    let chain = CertificateDer::pem_file_iter(path("proxy.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let mut tls = ServerConfig::builder_with_provider(cryptography::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(path("proxy.key"))?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(path("authority.pem"))?)?;
    let tls = ClientConfig::builder_with_provider(cryptography::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let pool = Arc::new(Pool {
        idle: Mutex::default(),
        connector: TlsConnector::from(Arc::new(tls)),
        server: arguments.server,
        checked: arguments.session.map(|session| Checked::start(&session, &path("checked.log"))).transpose()?,
    });
    let (secure, plain) = (listen(arguments.address)?, listen(arguments.plain)?);
    tokio::try_join!(accept(secure, Some(acceptor), Arc::clone(&pool)), accept(plain, None, pool))?;
    Ok(())
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, pool: Arc<Pool>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (tls, pool) = (tls.clone(), Arc::clone(&pool));
        tokio::spawn(async move {
            let Some(tls) = tls else { return serve(stream, false, pool).await };
            // Whoever breaks off has its own reasons.
            let Ok(stream) = tls.accept(stream).await else { return };
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve(stream, is_http2, pool).await;
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, is_http2: bool, pool: Arc<Pool>) {
    let service = service_fn(move |request| {
        let pool = Arc::clone(&pool);
        async move { pool.send(request).await }
    });
    let io = TokioIo::new(stream);
    // A connection that is closed, whichever way, is at its end.
    if is_http2 {
        drop(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await);
    } else {
        drop(http1::Builder::new().header_read_timeout(None).serve_connection(io, service).await);
    }
}

/// Connections to the server that wait for a request.
struct Pool {
    idle: Mutex<Vec<SendRequest<Incoming>>>,
    connector: TlsConnector,
    server: SocketAddr,
    checked: Option<Checked>,
}

impl Pool {
    async fn send(self: Arc<Self>, mut request: Request<Incoming>) -> anyhow::Result<Response<Passed>> {
        // The server is addressed by path alone, and over HTTP/2 the host was no header line.
        if let Some(authority) = request.uri().authority() {
            let host = HeaderValue::from_str(authority.as_str())?;
            request.headers_mut().insert(HOST, host);
            let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            *request.uri_mut() = path.parse::<Uri>()?;
        }
        *request.version_mut() = http::Version::HTTP_11;
        // What it says is for us alone (RFC 9110 section 7.6.1).
        request.headers_mut().remove(CONNECTION);
        let this = Arc::clone(&self);
        let asked = match &this.checked {
            Some(checked) => {
                let (mut parts, body) = request.into_parts();
                let Some(asked) = checked.admit(&parts.method, &parts.uri, &mut parts.headers) else {
                    let mut refused = Response::new(Passed { inner: None, back: None });
                    *refused.status_mut() = StatusCode::UNAUTHORIZED;
                    return Ok(refused);
                };
                request = Request::from_parts(parts, body);
                Some(asked)
            }
            None => None,
        };
        let idle = self.lock().pop();
        let mut sender = match idle {
            Some(sender) => sender,
            None => Box::pin(self.connect()).await?,
        };
        let answer = sender.send_request(request).await?;
        if let Some(asked) = asked {
            asked.answered(answer.status())?;
        }
        Ok(answer.map(|inner| Passed { inner: Some(inner), back: Some((sender, self)) }.ended()))
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Incoming>> {
        let stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::try_from(SERVER)?, stream).await?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SendRequest<Incoming>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's body, at whose end its connection goes back.
struct Passed {
    /// Nothing of the server's, for who was refused.
    inner: Option<Incoming>,
    back: Option<(SendRequest<Incoming>, Arc<Pool>)>,
}

impl Passed {
    fn ended(mut self) -> Self {
        self.end_if_ended();
        self
    }

    fn end_if_ended(&mut self) {
        if self.is_end_stream()
            && let Some((sender, pool)) = self.back.take()
        {
            pool.lock().push(sender);
        }
    }
}

impl Body for Passed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        self.end_if_ended();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
