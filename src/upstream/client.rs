//! Clients: pools of connections to one service of one server.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http::header::TRANSFER_ENCODING;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::ClientConfig;
use tokio_util::sync::CancellationToken;

use crate::model::Host;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Timestamp;
use crate::upstream::body::Body;
use crate::upstream::connect::ConnectError;
use crate::upstream::connect::Connector;
use crate::upstream::interim::TooMany;
use crate::upstream::line::Line;
use crate::upstream::look;
use crate::upstream::look::LookError;
use crate::upstream::look::Presented;
use crate::upstream::moved::Moved;
use crate::upstream::pool::AnswerBody;
use crate::upstream::pool::Pool;
use crate::upstream::pool::Return;
use crate::upstream::trust::TrustError;
use crate::upstream::trust::TrustSettings;

/// Buffer for an answer's head and body pieces, in bytes.
const BUFFER: usize = 128 * 1024;

/// How long things may take, and how much there may be at once.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamLimits {
    /// From the first packet to the end of the TLS handshake.
    pub connect: Duration,
    /// From the last that the server took of the request to the head of the answer.
    pub response: Duration,
    /// While the server takes nothing of what it is sent.
    pub stall: Duration,
    /// Interim answers (1xx) before the answer.
    pub interim: u32,
    /// Connections of one client that wait for their next request. One more is closed: idle connections hold handlers
    /// of cpsrvd, of which a server has 200 (`maxcpsrvdconnections`).
    pub idle: usize,
}

/// One server: where it is and how it proves itself.
#[derive(Clone)]
pub struct Upstream {
    id: ServerId,
    host: Host,
    address: Option<IpAddr>,
    /// Where connections come from; the system chooses, if it is nothing.
    source: Option<IpAddr>,
    tls: Arc<ClientConfig>,
    limits: UpstreamLimits,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no connection.
    #[error("cannot connect to the server")]
    Connect(#[source] ConnectError),
    /// The server did not answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke, or what came over it is not HTTP.
    #[error("the exchange with the server failed")]
    Exchange(#[source] hyper::Error),
    /// It sent interim answers without end.
    #[error("more than {0} interim answers came before the answer")]
    Interim(u32),
}

impl Upstream {
    /// Reads what the server's entry refers to and prepares TLS.
    pub fn new(server: &Server, limits: UpstreamLimits) -> Result<Self, TrustError> {
        Self::one_of(server, limits, &TrustSettings::default())
    }

    /// The same for one of many servers.
    pub fn one_of(server: &Server, limits: UpstreamLimits, settings: &TrustSettings) -> Result<Self, TrustError> {
        let tls = settings.of(&server.trust)?;
        let (id, host, address) = (server.id.clone(), server.host.clone(), server.address);
        Ok(Self { id, host, address, source: None, tls, limits })
    }

    /// The same, with connections that come from this address of the machine. Servers are then reached over its
    /// address family alone: cpsrvd ties a session to one address.
    #[must_use]
    pub fn leaving_from(self, source: Option<IpAddr>) -> Self {
        Self { source, ..self }
    }

    /// The server's short name.
    pub fn id(&self) -> &ServerId {
        &self.id
    }

    /// The server's own host name.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The address that it is reached at, where the directory has one.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Host and port of a service as cpsrvd itself writes them.
    pub fn authority(&self, service: Service) -> String {
        format!("{}:{}", self.host, service.port())
    }

    /// The certificate that it shows on WHM's port, whether it is trusted or not. Nothing is sent to it.
    pub async fn shown(&self) -> Result<Presented, LookError> {
        look(&self.host, self.address, self.source, self.limits.connect).await
    }

    /// How long things may take.
    pub fn limits(&self) -> UpstreamLimits {
        self.limits
    }

    /// A new client with a pool of its own.
    pub fn client(&self, service: Service) -> Client {
        self.client_until(service, CancellationToken::new())
    }

    /// The same, whose connections are all closed at `ended`, whatever is under way on them.
    pub fn client_until(&self, service: Service, ended: CancellationToken) -> Client {
        let connector = Connector {
            host: self.host.clone(),
            address: self.address,
            source: self.source,
            port: service.port(),
            tls: Arc::clone(&self.tls),
            timeout: self.limits.connect,
            stall: self.limits.stall,
            interim: self.limits.interim,
            ended,
        };
        let (pool, authority) = (Arc::new(Pool::new(self.limits.idle)), self.authority(service).into());
        Client { pool, connector, authority, limits: self.limits }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("id", &self.id).field("host", &self.host).finish_non_exhaustive()
    }
}

/// A pool of connections to one service of one server.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    connector: Connector,
    authority: Arc<str>,
    limits: UpstreamLimits,
}

impl Client {
    /// Host and port that requests are for.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Connects, verifies the server's certificate, and closes again: nothing is asked.
    pub async fn reach(&self) -> Result<(), ConnectError> {
        self.connector.connect().await.map(drop)
    }

    /// Sends one request and waits for the head of the answer.
    ///
    /// The request's URI is path and query alone; who makes it says `Host`.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<AnswerBody>, SendError> {
        let response = self.limits.response;
        let moved = Moved::of(request.body());
        moved.watch(request.body_mut());
        let (mut sender, is_new) = match self.pool.take() {
            Some(sender) => (sender, false),
            // Seldom, and large: it has no place in the future of every request.
            None => (Box::pin(self.connect()).await?, true),
        };
        // The time for an answer does not run while there is nobody to ask.
        if is_new {
            moved.again();
        }
        // Goes off here, and not from within what waits for it: a request is large.
        let sent = sender.try_send_request(request);
        let answer = async {
            let mut error = match sent.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A request that might have been executed is never sent again. This one never left: its connection was
            // just being closed.
            let Some(unsent) = error.take_message().filter(|_| !is_new) else {
                return Err(broken(error.into_error()));
            };
            Box::pin(async {
                sender = self.connect().await?;
                moved.again();
                sender.send_request(unsent).await.map_err(broken)
            })
            .await
        };
        let answer = tokio::select! {
            biased;
            answer = answer => answer?,
            () = moved.still_for(response) => return Err(SendError::TimedOut(response)),
        };
        // After what is odd, the next thing on the connection might belong to this answer.
        let back = (!is_odd(&answer)).then(|| Return::new(sender, &self.pool));
        Ok(answer.map(|body| AnswerBody::new(body, back)))
    }

    /// Connects, and says until when the certificate is valid that the server proved itself with. The connection
    /// waits for a request.
    pub async fn certificate_end(&self) -> Result<Timestamp, SendError> {
        let line = self.connector.connect().await.map_err(SendError::Connect)?;
        let seen = line.certificate().and_then(|der| look::read(der, false));
        let unreadable = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
        let seen = seen.ok_or_else(|| SendError::Connect(ConnectError::Certificate(unreadable())))?;
        self.lay_ready(line).await?;
        Ok(seen.not_after)
    }

    /// Connects, so that the next request finds a connection that waits for it. One that comes too late is no worse
    /// off: the connection is closed when it has not been needed for a moment.
    pub async fn prepare(&self) -> Result<(), SendError> {
        self.lay_ready(self.connector.connect().await.map_err(SendError::Connect)?).await
    }

    /// The same, while the caller does something else. What fails here the next request meets too, and tells.
    pub fn prepare_meanwhile(&self) {
        let client = self.clone();
        tokio::spawn(async move {
            if let Err(error) = client.prepare().await {
                tracing::debug!(%error, "a connection could not be prepared");
            }
        });
    }

    async fn lay_ready(&self, line: Line) -> Result<(), SendError> {
        let mut sender = over(line).await?;
        sender.ready().await.map_err(SendError::Exchange)?;
        self.pool.give(sender);
        Ok(())
    }

    async fn connect(&self) -> Result<SendRequest<Body>, SendError> {
        over(self.connector.connect().await.map_err(SendError::Connect)?).await
    }
}

/// Speaks HTTP over a connection.
async fn over(line: Line) -> Result<SendRequest<Body>, SendError> {
    let (sender, connection) = http1::Builder::new()
        // A hundred header lines, of which panels send up to a few dozen: for more, the client asks for memory twice
        // with each answer, 850 instructions of the 80,000 that a small one takes.
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(line))
        .await
        .map_err(SendError::Exchange)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a server ended badly");
        }
    });
    Ok(sender)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// Why an exchange failed.
fn broken(error: hyper::Error) -> SendError {
    let line = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match line.and_then(|error| error.get_ref()?.downcast_ref::<TooMany>()) {
        Some(TooMany(most)) => SendError::Interim(*most),
        None => SendError::Exchange(error),
    }
}

/// Whether the end of an answer can be seen in more than one way (RFC 9112 section 6.3), or its status is none.
fn is_odd(answer: &Response<Incoming>) -> bool {
    let (status, headers) = (answer.status(), answer.headers());
    let (length, coding) = (headers.get(CONTENT_LENGTH), headers.contains_key(TRANSFER_ENCODING));
    let bodiless = status == StatusCode::NO_CONTENT && (coding || length.is_some_and(|length| length != "0"));
    bodiless || (coding && length.is_some()) || !(200..=599).contains(&status.as_u16())
}
