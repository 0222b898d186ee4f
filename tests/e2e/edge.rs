//! Bytes that no browser sends: each refused cleanly, and never seen by a server.

use lab::world::Style;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::raw::Raw;
use crate::stage::PATIENCE;
use crate::stage::Stage;

pub(crate) const WHM: &str = "web1.connect.example.com:2087";

/// A person with an open panel, and the bytes of requests to it.
pub(crate) struct Panel {
    pub(crate) stage: Stage,
    pub(crate) home: String,
    pub(crate) auth: String,
}

/// What is sent, as a name and bytes, and the statuses that it may be answered with.
type Row = (&'static str, String, &'static [u16]);

pub(crate) const OWN: &str = "Sec-Fetch-Site: same-origin\r\n";

impl Panel {
    pub(crate) async fn new() -> Self {
        let stage = Stage::new(Style::Ports).await;
        let (browser, console) = stage.signed_in("ada").await;
        let panel = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        let cookie = browser.cookie(panel.url.host_str().unwrap(), "__Host-panelgate-whm").unwrap();
        let auth = format!("Cookie: {}={}\r\n", cookie.name, cookie.value);
        stage.world.server(1).forget();
        Self { stage, home: panel.url.path().to_owned(), auth }
    }

    pub(crate) fn get(&self, target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: {WHM}\r\n{}{OWN}\r\n", self.auth)
    }

    pub(crate) fn post(&self, lines: &str, body: &str) -> String {
        let Self { home, auth, .. } = self;
        format!("POST {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}{lines}\r\n{body}")
    }

    pub(crate) async fn send(&self, bytes: &str) -> (Raw, u16, String) {
        let mut raw = Raw::connect(&self.stage, "web1.connect.example.com", 2087).await;
        let (status, answer) = raw.exchange(bytes).await;
        (raw, status, answer)
    }

    /// Each is answered with one of its statuses and never gets to the server; an ordinary request does.
    async fn refuses(&self, rows: Vec<Row>) {
        for (what, bytes, expected) in rows {
            let (mut raw, status, answer) = self.send(&bytes).await;
            assert!(expected.contains(&status), "{what}: {status} {answer}");
            assert!(raw.is_closed_or_usable(WHM).await, "{what}: the connection is out of step");
        }
        let heard = self.stage.world.server(1).requests();
        assert!(heard.is_empty(), "a server heard of it: {heard:?}");
        assert_eq!(self.send(&self.get(&self.home)).await.1, 200);
        let chunked = self.post("Transfer-Encoding: chunked\r\n", CHUNKED);
        assert_eq!(self.send(&chunked).await.1, 200);
    }
}

/// A body in chunks.
const CHUNKED: &str = "5\r\na=bcd\r\n0\r\n\r\n";

#[tokio::test]
async fn a_request_names_one_host_of_ours() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let rows: Vec<Row> = vec![
        ("two hosts", format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\nHost: {WHM}\r\n{auth}\r\n"), &[400]),
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
    ];
    panel.refuses(rows).await;
}

#[tokio::test]
async fn a_body_has_one_end() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let rows: Vec<Row> = vec![
        ("two lengths", panel.post("Content-Length: 5\r\nContent-Length: 6\r\n", "a=bcde"), &[400]),
        ("a length with a sign", panel.post("Content-Length: +5\r\n", "a=bcd"), &[400]),
        ("a coding that is none", panel.post("Transfer-Encoding: xchunked\r\n", CHUNKED), &[400]),
        ("two codings", panel.post("Transfer-Encoding: gzip, chunked\r\n", CHUNKED), &[400]),
        ("chunks twice", panel.post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED), &[400]),
        ("a space before the colon", panel.post("Content-Length : 5\r\n", "a=bcd"), &[400]),
        ("a folded line", panel.post("X-A: b\r\n c\r\nContent-Length: 0\r\n", ""), &[400]),
        (
            "a body on GET",
            format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}Content-Length: 3\r\n\r\nabc"),
            &[400],
        ),
        ("an expectation", panel.post("Expect: 200-maybe\r\nContent-Length: 0\r\n", ""), &[417]),
    ];
    panel.refuses(rows).await;
}

#[tokio::test]
async fn an_address_has_one_spelling() {
    let panel = Panel::new().await;
    let Panel { home, .. } = &panel;
    let rows: Vec<Row> = vec![
        ("dot segments", panel.get(&format!("{home}../x")), &[400]),
        ("a dot segment", panel.get(&format!("{home}./x")), &[400]),
        ("encoded dots", panel.get(&format!("{home}%2e%2e/x")), &[400]),
        ("an encoded slash", panel.get(&format!("{home}a%2fb")), &[400]),
        ("an encoded backslash", panel.get(&format!("{home}a%5cb")), &[400]),
        ("a backslash", panel.get(&format!("{home}a\\b")), &[400]),
        ("an encoded NUL", panel.get(&format!("{home}a%00b")), &[400]),
        ("an empty segment", panel.get(&format!("{home}/x")), &[400]),
        ("a broken escape", panel.get(&format!("{home}%zz")), &[400]),
        ("our prefix in other letters", panel.get("/%2epanelgate/enter"), &[400]),
    ];
    panel.refuses(rows).await;
}

#[tokio::test]
async fn only_what_browsers_do_on_pages_is_spoken() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let rows: Vec<Row> = vec![
        (
            "a foreign protocol",
            format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
            &[400],
        ),
        (
            "CONNECT",
            format!("CONNECT web1.hosting.example:2087 HTTP/1.1\r\nHost: web1.hosting.example:2087\r\n{auth}\r\n"),
            &[400, 405, 421],
        ),
        ("CONNECT to ourselves", format!("CONNECT {WHM} HTTP/1.1\r\nHost: {WHM}\r\n{auth}\r\n"), &[400, 405]),
        ("TRACE", format!("TRACE {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\r\n"), &[405]),
        ("a method of nobody", format!("FROB {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\r\n"), &[405]),
        ("an asterisk", format!("OPTIONS * HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\r\n"), &[400]),
        ("no HTTP", "\x16\x03\x01 nonsense\r\n\r\n".to_owned(), &[0, 400]),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[0, 400, 505]),
    ];
    panel.refuses(rows).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::new(Style::Ports).await;
    let host = "connect.example.com";
    let long = "x".repeat(200 * 1024);
    let many = "X: y\r\n".repeat(150);
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
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut nothing)).await.unwrap().ok();
    assert!(nothing.is_empty());
}
