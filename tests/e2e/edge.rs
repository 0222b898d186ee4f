//! Bytes that no browser sends: each refused cleanly, and never seen by a server.

use std::sync::Arc;

use lab::browser::Http;
use lab::browser::trusting;
use lab::world::Style;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::PATIENCE;
use crate::stage::Stage;

/// A connection on which anything can be said.
pub(crate) struct Raw {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

impl Raw {
    /// Connects for this server name.
    pub(crate) async fn connect(stage: &Stage, name: &str, port: u16) -> Self {
        Self::try_connect(stage, name, port).await.unwrap()
    }

    async fn try_connect(stage: &Stage, name: &str, port: u16) -> std::io::Result<Self> {
        let tls = TlsConnector::from(Arc::new(trusting(&stage.world, Http::One).unwrap()));
        let tcp = TcpStream::connect((stage.world.gateway(), port)).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Self { stream: tls.connect(name, tcp).await?, read: Vec::new() })
    }

    /// Sends bytes and reads one answer: its status and all of it. Status 0 says that the connection was
    /// closed without an answer.
    pub(crate) async fn exchange(&mut self, bytes: &str) -> (u16, String) {
        // The gateway may answer and close before it has read everything.
        self.stream.write_all(bytes.as_bytes()).await.ok();
        self.stream.flush().await.ok();
        tokio::time::timeout(PATIENCE, self.answer()).await.expect("an answer, or the end of the connection")
    }

    async fn answer(&mut self) -> (u16, String) {
        let head_end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return (0, String::from_utf8_lossy(&self.read).into_owned());
            }
        };
        let head = String::from_utf8_lossy(&self.read[..head_end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |digits| digits.trim().parse().unwrap());
        if head.contains("transfer-encoding: chunked") {
            while !self.read.ends_with(b"0\r\n\r\n") && self.more().await {}
        }
        while self.read.len() < head_end + length && self.more().await {}
        let whole = String::from_utf8_lossy(&self.read).into_owned();
        self.read.clear();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), whole)
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.read.extend_from_slice(&buffer[..read]);
                true
            }
        }
    }

    /// Whether the connection is over, or still good for an ordinary request.
    async fn is_closed_or_usable(&mut self, host: &str) -> bool {
        let (status, _) = self.exchange(&format!("GET /.panelgate/nothing HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        matches!(status, 0 | 404)
    }
}

const WHM: &str = "web1.connect.example.com:2087";

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let cookie = browser.cookie(panel.url.host_str().unwrap(), "__Host-panelgate-whm").unwrap();
    let auth = format!("Cookie: {}={}\r\n", cookie.name, cookie.value);
    let home = panel.url.path();
    let own = "Sec-Fetch-Site: same-origin\r\n";
    let ordinary = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}\r\n");
    let post = |lines: &str, body: &str| format!("POST {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}{lines}\r\n{body}");
    let before = stage.world.server(1).requests().len();
    let chunked = "5\r\na=bcd\r\n0\r\n\r\n";
    for (what, bytes, expected) in [
        ("two hosts", format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\nHost: {WHM}\r\n{auth}\r\n"), &[400][..]),
        ("two hosts that differ", format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\nHost: evil\r\n{auth}\r\n"), &[400]),
        ("no host", format!("GET {home} HTTP/1.1\r\n{auth}\r\n"), &[400]),
        ("no host in HTTP/1.0", format!("GET {home} HTTP/1.0\r\n{auth}\r\n"), &[400]),
        ("a list of hosts", format!("GET {home} HTTP/1.1\r\nHost: {WHM}, {WHM}\r\n{auth}\r\n"), &[400, 421]),
        ("a host with a user", format!("GET {home} HTTP/1.1\r\nHost: x@{WHM}\r\n{auth}\r\n"), &[400, 421]),
        ("another host in the target", format!("GET https://evil{home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}\r\n"), &[400]),
        (
            "another server in the target",
            format!("GET https://web2.connect.example.com:2087/ HTTP/1.1\r\nHost: {WHM}\r\n{auth}\r\n"),
            &[400],
        ),
        (
            "another server's host on this connection",
            format!("GET {home} HTTP/1.1\r\nHost: web2.connect.example.com:2087\r\n{auth}\r\n"),
            &[421],
        ),
        ("a host of nobody", format!("GET {home} HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n"), &[421]),
        ("another port", format!("GET {home} HTTP/1.1\r\nHost: web1.connect.example.com:2097\r\n{auth}\r\n"), &[421]),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "a=bcde"), &[400]),
        ("a length with a sign", post("Content-Length: +5\r\n", "a=bcd"), &[400]),
        ("a coding that is none", post("Transfer-Encoding: xchunked\r\n", chunked), &[400]),
        ("two codings", post("Transfer-Encoding: gzip, chunked\r\n", chunked), &[400]),
        ("chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked), &[400]),
        ("a space before the colon", post("Content-Length : 5\r\n", "a=bcd"), &[400]),
        ("a folded line", post("X-A: b\r\n c\r\nContent-Length: 0\r\n", ""), &[400]),
        (
            "a body on GET",
            format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}Content-Length: 3\r\n\r\nabc"),
            &[400],
        ),
        ("dot segments", ordinary(&format!("{home}../x")), &[400]),
        ("a dot segment", ordinary(&format!("{home}./x")), &[400]),
        ("encoded dots", ordinary(&format!("{home}%2e%2e/x")), &[400]),
        ("an encoded slash", ordinary(&format!("{home}a%2fb")), &[400]),
        ("an encoded backslash", ordinary(&format!("{home}a%5cb")), &[400]),
        ("a backslash", ordinary(&format!("{home}a\\b")), &[400]),
        ("an encoded NUL", ordinary(&format!("{home}a%00b")), &[400]),
        ("an empty segment", ordinary(&format!("{home}/x")), &[400]),
        ("a broken escape", ordinary(&format!("{home}%zz")), &[400]),
        ("our prefix in other letters", ordinary("/%2epanelgate/enter"), &[400]),
        (
            "a foreign protocol",
            format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
            &[400],
        ),
        ("an expectation", post("Expect: 200-maybe\r\nContent-Length: 0\r\n", ""), &[417]),
        (
            "CONNECT",
            format!("CONNECT web1.hosting.example:2087 HTTP/1.1\r\nHost: web1.hosting.example:2087\r\n{auth}\r\n"),
            &[400, 405, 421],
        ),
        ("CONNECT to ourselves", format!("CONNECT {WHM} HTTP/1.1\r\nHost: {WHM}\r\n{auth}\r\n"), &[400, 405]),
        ("TRACE", format!("TRACE {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}\r\n"), &[405]),
        ("a method of nobody", format!("FROB {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}\r\n"), &[405]),
        ("an asterisk", format!("OPTIONS * HTTP/1.1\r\nHost: {WHM}\r\n{auth}{own}\r\n"), &[400]),
        ("no HTTP", "\x16\x03\x01 nonsense\r\n\r\n".to_owned(), &[0, 400]),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[0, 400, 505]),
    ] {
        let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
        let (status, answer) = raw.exchange(&bytes).await;
        assert!(expected.contains(&status), "{what}: {status} {answer}");
        assert!(raw.is_closed_or_usable(WHM).await, "{what}: the connection is out of step");
    }
    assert_eq!(stage.world.server(1).requests().len(), before, "a server heard of it");
    // What they differ from is taken.
    let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
    assert_eq!(raw.exchange(&ordinary(home)).await.0, 200);
    let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
    assert_eq!(raw.exchange(&post("Transfer-Encoding: chunked\r\n", chunked)).await.0, 200);
}

#[tokio::test]
async fn a_length_beside_chunks_counts_for_nothing_and_ends_the_connection() {
    let stage = Stage::new(Style::Ports).await;
    let (browser, console) = stage.signed_in("ada").await;
    let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    let cookie = browser.cookie(panel.url.host_str().unwrap(), "__Host-panelgate-whm").unwrap();
    let path = panel.resolve("scripts2/dotweaksettings").unwrap();
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 400\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
        let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {WHM}\r\n\r\n");
        let (status, _) = raw
            .exchange(&format!(
                "POST {} HTTP/1.1\r\nHost: {WHM}\r\nCookie: {}={}\r\nSec-Fetch-Site: same-origin\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n{lines}\r\n5\r\na=bcd\r\n0\r\n\r\n{smuggled}",
                path.path(),
                cookie.name,
                cookie.value
            ))
            .await;
        // RFC 9112 section 6.1: by the chunks alone, and nothing more on this connection.
        assert!(matches!(status, 200 | 400), "{lines}: {status}");
        assert_eq!(raw.exchange("").await.0, 0, "{lines}: the connection goes on");
    }
    for heard in stage.world.server(1).requests() {
        assert!(!heard.target.contains("smuggled"));
        assert!(heard.method == "GET" || heard.body.contains("a=bcd") || heard.path().starts_with("/json-api"));
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let host = "connect.example.com";
    let long = "x".repeat(200 * 1024);
    let many: String = (0..150).map(|n| format!("X-{n}: y\r\n")).collect();
    for (what, bytes, expected) in [
        ("a long line", format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {long}\r\n\r\n"), 431),
        ("many lines", format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n"), 431),
        ("a long target", format!("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n"), 431),
    ] {
        let mut raw = Raw::connect(&stage, host, 443).await;
        let (status, answer) = raw.exchange(&bytes).await;
        assert!(matches!(status, 0 | 414) || status == expected, "{what}: {status} {answer}");
    }
    // A target of a length that fits into a head and is still too long.
    let mut raw = Raw::connect(&stage, host, 443).await;
    let (status, _) = raw.exchange(&format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(40_000))).await;
    assert!(matches!(status, 400 | 414), "{status}");
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn an_unknown_host_is_misdirected() {
    let stage = Stage::new(Style::Ports).await;
    let browser = stage.browser();
    for url in [
        "https://web9.connect.example.com:2087/",
        "https://web9.connect.example.com/",
        "https://web1.connect.example.com/",
    ] {
        let page = browser.visit(url).await.unwrap();
        assert_eq!(page.status, 421, "{url}");
        assert!(page.text().contains("Not served here"), "{url}");
    }
    // For a name outside of our certificates there is no connection at all.
    assert!(Raw::try_connect(&stage, "evil.example", 443).await.is_err());
    assert!(stage.world.servers.iter().all(|server| server.requests().is_empty()));
}

#[tokio::test]
async fn plain_http_gets_no_answer_that_it_could_act_on() {
    let stage = Stage::new(Style::Hosts).await;
    let mut tcp = TcpStream::connect((stage.world.gateway(), 443)).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: connect.example.com\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.unwrap().ok();
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let stage = Stage::with(Style::Ports, "[limits]\nrequest_head_seconds = 1\ntls_handshake_seconds = 1\n").await;
    let mut raw = Raw::connect(&stage, "connect.example.com", 443).await;
    let (status, _) = raw.exchange("GET / HTTP/1.1\r\nHost: connect.example.com\r\nX-Slow: ").await;
    assert!(matches!(status, 0 | 408), "{status}");
    let mut tcp = TcpStream::connect((stage.world.gateway(), 443)).await.unwrap();
    let mut nothing = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut nothing)).await.expect("closed").ok();
    assert!(nothing.is_empty());
}
