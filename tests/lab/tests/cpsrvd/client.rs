//! A small HTTP client that hides nothing: raw heads, framing, the end of the connection.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Service;
use lab::cpsrvd::Settings;
use lab::cpsrvd::Switches;
use lab::loopback::Loopback;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) use Service::Cpaneld;
pub(crate) use Service::Webmaild;
pub(crate) use Service::Whostmgrd;

pub(crate) const HOSTNAME: &str = "web1.example.com";

/// A double on an address of its own.
pub(crate) struct Double {
    cpsrvd: Cpsrvd,
    _address: Loopback,
}

impl Deref for Double {
    type Target = Cpsrvd;

    fn deref(&self) -> &Cpsrvd {
        &self.cpsrvd
    }
}

/// A double as it is after installation.
pub(crate) async fn double() -> Double {
    double_with(|_| {}).await
}

/// A double with some switches thrown.
pub(crate) async fn double_with(change: impl FnOnce(&mut Switches)) -> Double {
    let address = Loopback::claim().unwrap();
    let mut settings = Settings::new(HOSTNAME, address.ip());
    change(&mut settings.switches);
    Double { cpsrvd: Cpsrvd::start(settings).await.unwrap(), _address: address }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection.
pub(crate) struct Connection {
    pub(crate) io: Box<dyn Stream>,
    pub(crate) ahead: Vec<u8>,
}

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) service: Service,
    pub(crate) tls: bool,
    /// The local address to connect from.
    pub(crate) from: Option<IpAddr>,
}

pub(crate) fn to(service: Service) -> Way {
    Way { service, tls: true, from: None }
}

/// Connects to the plain-text or TLS port.
pub(crate) async fn connect(double: &Cpsrvd, way: Way) -> Connection {
    try_connect(double, way).await.unwrap()
}

pub(crate) async fn try_connect(double: &Cpsrvd, way: Way) -> std::io::Result<Connection> {
    let tcp = tcp(double, way).await?;
    let io: Box<dyn Stream> = if way.tls {
        let name = ServerName::try_from(HOSTNAME).unwrap();
        let config = client_config(&double.identity().certificate);
        Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?)
    } else {
        Box::new(tcp)
    };
    Ok(Connection { io, ahead: Vec::new() })
}

pub(crate) async fn tcp(double: &Cpsrvd, way: Way) -> std::io::Result<TcpStream> {
    let port = if way.tls { way.service.port() } else { way.service.plain_port() };
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = way.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    socket.connect(SocketAddr::new(double.ip(), port)).await
}

/// A client that trusts exactly this certificate.
pub(crate) fn client_config(certificate: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The head with its line ends.
    pub(crate) head: String,
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How the end of the body was marked.
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Length,
    Chunked,
    Close,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// `name=value` of a cookie that is set.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let mut set = self.all("Set-Cookie").into_iter().filter_map(|cookie| cookie.split(';').next());
        set.rfind(|pair| pair.split_once('=').unwrap().0 == name)
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("Connection") == Some("close")
    }

    /// Whether this is a login page.
    pub(crate) fn is_login_page(&self) -> bool {
        self.text().contains("id=\"login_form\"")
    }

    /// Status and reason phrase.
    #[track_caller]
    pub(crate) fn assert(&self, status: u16, reason: &str) -> &Self {
        assert_eq!(
            (self.status, &*self.reason),
            (status, reason),
            "{}{}",
            self.head,
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

impl Connection {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Reads one answer; `None` when the connection ends before one.
    pub(crate) async fn reply(&mut self, method: &str) -> Option<Reply> {
        let head = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.ahead.drain(..at + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            if !self.more().await {
                return None;
            }
        };
        let mut lines = head.trim_end().split("\r\n");
        let mut status = lines.next().unwrap().splitn(3, ' ');
        assert_eq!(status.next(), Some("HTTP/1.1"));
        let code: u16 = status.next().unwrap().parse().unwrap();
        let reason = status.next().unwrap().to_owned();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut reply = Reply { status: code, reason, headers, body: Vec::new(), end: End::Close, head };
        if method == "HEAD" || code == 101 || code == 100 {
            return Some(reply);
        }
        let length: Option<usize> = reply.header("Content-Length").map(|length| length.parse().unwrap());
        if let Some(length) = length {
            reply.end = End::Length;
            reply.body = self.exactly(length).await?;
        } else if reply.header("Transfer-Encoding") == Some("chunked") {
            reply.end = End::Chunked;
            while let Some(chunk) = self.chunk().await.unwrap() {
                reply.body.extend(chunk);
            }
        } else {
            while self.more().await {}
            reply.body = std::mem::take(&mut self.ahead);
        }
        Some(reply)
    }

    /// One chunk of a chunked body: `Some(None)` at its end, `None` when the connection ends first.
    pub(crate) async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let size = loop {
            if let Some(at) = self.ahead.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.ahead.drain(..at + 2).collect();
                break usize::from_str_radix(String::from_utf8(line).unwrap().trim_end(), 16).unwrap();
            }
            if !self.more().await {
                return None;
            }
        };
        let mut chunk = self.exactly(size + 2).await?;
        chunk.truncate(size);
        Some((size > 0).then_some(chunk))
    }

    /// Whether the other side ended the connection in an orderly way.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.io.read(&mut byte).await, Ok(0))
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some(self.ahead.drain(..length).collect())
    }

    pub(crate) async fn more(&mut self) -> bool {
        matches!(self.io.read_buf(&mut self.ahead).await, Ok(1..))
    }
}

/// A request under construction.
#[derive(Clone)]
pub(crate) struct Ask {
    way: Way,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub(crate) fn get(service: Service, target: impl Into<String>) -> Ask {
    ask("GET", service, target)
}

pub(crate) fn post(service: Service, target: impl Into<String>, form: &str) -> Ask {
    let mut ask = ask("POST", service, target).header("Content-Type", "application/x-www-form-urlencoded");
    ask.body = form.as_bytes().to_vec();
    ask
}

pub(crate) fn ask(method: &str, service: Service, target: impl Into<String>) -> Ask {
    Ask { way: to(service), method: method.to_owned(), target: target.into(), headers: Vec::new(), body: Vec::new() }
}

impl Ask {
    /// Adds a field. `Host` replaces the one that is sent otherwise.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn from(mut self, address: IpAddr) -> Self {
        self.way.from = Some(address);
        self
    }

    pub(crate) fn plain(mut self) -> Self {
        self.way.tls = false;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            let port = if self.way.tls { self.way.service.port() } else { self.way.service.plain_port() };
            head.extend([format!("Host: {HOSTNAME}:{port}\r\n")]);
        }
        head.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        if !self.body.is_empty() {
            head.extend([format!("Content-Length: {}\r\n", self.body.len())]);
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(&self, double: &Cpsrvd) -> Reply {
        self.try_send(double).await.unwrap_or_else(|| panic!("the connection ended before an answer"))
    }

    pub(crate) async fn try_send(&self, double: &Cpsrvd) -> Option<Reply> {
        let mut connection = connect(double, self.way).await;
        connection.send(self.bytes()).await;
        connection.reply(&self.method).await
    }
}

/// Calls a WHM API 1 function with root's token.
pub(crate) async fn whm(double: &Cpsrvd, function: &str, query: &str) -> Reply {
    whm_as(double, "root", function, query).await
}

/// Calls a WHM API 1 function with a user's token.
pub(crate) async fn whm_as(double: &Cpsrvd, user: &str, function: &str, query: &str) -> Reply {
    get(Whostmgrd, format!("/json-api/{function}?api.version=1&{query}"))
        .header("Authorization", format!("whm {user}:{}", double.token_for(user)))
        .send(double)
        .await
}

/// The path and query of the login URL of a new session.
pub(crate) async fn login_url(double: &Cpsrvd, service: Service, user: &str) -> String {
    let reply = whm(double, "create_user_session", &format!("user={user}&service={}", service.name())).await;
    path_of(reply.json()["data"]["url"].as_str().unwrap_or_else(|| panic!("{}", reply.text())))
}

/// What follows the origin of a URL.
pub(crate) fn path_of(url: &str) -> String {
    format!("/{}", url.splitn(4, '/').nth(3).unwrap())
}

/// Somebody with a session.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) service: Service,
    /// `/cpsess##########`.
    pub(crate) token: String,
    /// `name=value`.
    pub(crate) cookie: String,
}

/// Signs in as a user.
pub(crate) async fn visitor(double: &Cpsrvd, service: Service, user: &str) -> Visitor {
    let url = login_url(double, service, user).await;
    let reply = get(service, &url).send(double).await;
    Visitor::after(service, &url, &reply)
}

impl Visitor {
    /// Who a login URL's answer has made of the client.
    #[track_caller]
    pub(crate) fn after(service: Service, url: &str, reply: &Reply) -> Self {
        let cookie = reply.cookie(service.session_cookie()).unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        Self { service, token: format!("/{}", url.split('/').nth(1).unwrap()), cookie }
    }

    /// A request for a path below the security token.
    pub(crate) fn get(&self, path: &str) -> Ask {
        get(self.service, format!("{}{path}", self.token)).header("Cookie", &self.cookie)
    }

    pub(crate) fn post(&self, path: &str, form: &str) -> Ask {
        post(self.service, format!("{}{path}", self.token), form).header("Cookie", &self.cookie)
    }

    /// The home page's path below the security token.
    pub(crate) fn home(&self) -> &'static str {
        match self.service {
            Whostmgrd => "/",
            Cpaneld => "/frontend/jupiter/index.html",
            Webmaild => "/webmail/jupiter/index.html",
        }
    }

    pub(crate) async fn is_in(&self, double: &Cpsrvd) -> bool {
        self.get(self.home()).send(double).await.status == 200
    }
}
