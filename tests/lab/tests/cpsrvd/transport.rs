//! Behaviours 1 to 10: sockets, TLS, HTTP framing.

use std::sync::Arc;
use std::time::Duration;

use lab::cpsrvd::Alpn;
use lab::cpsrvd::Certificate;
use lab::cpsrvd::Framing;
use lab::cpsrvd::TlsVersions;
use lab::pki;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::client::*;

/// A TLS handshake with WHM's port: the ALPN protocol and version, or the error.
async fn handshake(
    double: &Double,
    change: impl FnOnce(&mut ClientConfig),
) -> Result<(Option<Vec<u8>>, rustls::ProtocolVersion), String> {
    let mut config = client_config(&double.identity().certificate);
    change(&mut config);
    let tcp = tcp(double, to(Whostmgrd)).await.unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOSTNAME).unwrap(), tcp).await;
    let tls = connected.map_err(|error| error.to_string())?;
    let (_, state) = tls.get_ref();
    Ok((state.alpn_protocol().map(<[u8]>::to_vec), state.protocol_version().unwrap()))
}

#[tokio::test]
async fn b01_no_http2() {
    let double = double().await;
    let both = |config: &mut ClientConfig| config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let only = |config: &mut ClientConfig| config.alpn_protocols = vec![b"h2".to_vec()];
    assert_eq!(handshake(&double, both).await.unwrap().0, None);
    double.switch(|switches| switches.alpn = Alpn::Http11);
    assert_eq!(handshake(&double, both).await.unwrap().0, Some(b"http/1.1".to_vec()));
    assert!(handshake(&double, only).await.is_err());

    let mut connection = connect(&double, to(Whostmgrd)).await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    connection.reply("PRI").await.unwrap().assert(400, "Bad Request");
}

#[tokio::test]
async fn b02_tls_and_certificates() {
    let double = double().await;
    let plain = |_: &mut ClientConfig| {};
    assert_eq!(handshake(&double, plain).await.unwrap().1, rustls::ProtocolVersion::TLSv1_3);
    double.switch(|switches| switches.tls_versions = TlsVersions::Only12);
    assert_eq!(handshake(&double, plain).await.unwrap().1, rustls::ProtocolVersion::TLSv1_2);
    double.switch(|switches| switches.tls_versions = TlsVersions::Both);

    double.switch(|switches| switches.certificate = Certificate::Expired);
    let error = handshake(&double, plain).await.unwrap_err();
    assert!(error.contains("expired"), "{error}");
    double.switch(|switches| switches.certificate = Certificate::WrongName);
    let error = handshake(&double, plain).await.unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
    double.switch(|switches| switches.certificate = Certificate::Own);

    let (before, pin) = (double.identity().certificate, double.spki_sha256());
    double.rotate_identity(pki::self_signed(&[HOSTNAME]).unwrap());
    assert_ne!(double.spki_sha256(), pin);
    handshake(&double, plain).await.unwrap();
    assert!(handshake(&double, |config| *config = client_config(&before)).await.is_err());
}

#[tokio::test]
async fn b03_close_habits() {
    let double = double_with(|switches| switches.framing = Framing::ContentLength).await;
    let root = visitor(&double, Whostmgrd, "root").await;
    assert!(get(Whostmgrd, "/").send(&double).await.closes());
    assert!(get(Whostmgrd, "/").header("Cookie", &root.cookie).send(&double).await.assert(307, "Moved").closes());
    assert!(get(Whostmgrd, "/x").send(&double).await.assert(401, "Token Denied").closes());
    assert!(get(Whostmgrd, "/json-api/version").send(&double).await.assert(403, "Forbidden Access denied").closes());

    let mut connection = connect(&double, to(Whostmgrd)).await;
    for _ in 0..3 {
        connection.send(root.get("/").bytes()).await;
        let reply = connection.reply("GET").await.unwrap();
        assert_eq!(reply.assert(200, "OK").header("Connection"), None);
    }
    connection.send(root.get("/").header("Connection", "close").bytes()).await;
    assert!(connection.reply("GET").await.unwrap().closes());
    assert!(connection.is_closed().await);

    double.switch(|switches| switches.keep_alive = false);
    let mut connection = connect(&double, to(Whostmgrd)).await;
    connection.send(root.get("/").bytes()).await;
    assert!(connection.reply("GET").await.unwrap().closes());
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn b04_framing_rotates() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let mut ends = Vec::new();
    for path in [
        "/",
        "/scripts/path",
        "/scripts/links",
        "/scripts/inner",
        "/scripts/terminal",
        "/scripts/events",
        "/scripts4/listaccts",
    ] {
        let (one, two) = (root.get(path).send(&double).await, root.get(path).send(&double).await);
        assert_eq!(one.end, two.end, "{path}");
        assert!(one.text().ends_with("</html>\n"));
        ends.push(one.end);
    }
    for end in [End::Length, End::Chunked, End::Close] {
        assert!(ends.contains(&end), "{ends:?} lacks {end:?}");
    }
    for (framing, end) in
        [(Framing::ContentLength, End::Length), (Framing::Chunked, End::Chunked), (Framing::UntilClose, End::Close)]
    {
        double.switch(|switches| switches.framing = framing);
        for path in ["/", "/scripts/path"] {
            let reply = root.get(path).send(&double).await;
            assert_eq!((reply.end, reply.closes()), (end, end == End::Close));
        }
    }
    let old = String::from_utf8(root.get("/").bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    double.switch(|switches| switches.framing = Framing::Chunked);
    let mut connection = connect(&double, to(Whostmgrd)).await;
    connection.send(old).await;
    assert_eq!(connection.reply("GET").await.unwrap().end, End::Close);
}

#[tokio::test]
async fn b05_spelling() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let redirect = get(Whostmgrd, "/").header("Cookie", &root.cookie);
    let reply = redirect.send(&double).await;
    let length = reply.body.len();
    let expected = format!(
        "HTTP/1.1 307 Moved\r\nConnection: close\r\nContent-length: {length}\r\nLocation: {token}/\r\n\
         Cache-Control: no-cache, no-store, must-revalidate, private\r\nContent-type: text/html; charset=\"utf-8\"\r\n",
        token = root.token
    );
    assert!(reply.head.starts_with(&expected), "{}", reply.head);
    assert!(reply.text().contains(&format!("CONTENT=\"2;URL={}/\"", root.token)));
    let denied = get(Whostmgrd, "/json-api/version").send(&double).await;
    assert!(denied.head.starts_with("HTTP/1.1 403 Forbidden Access denied\r\nConnection: close\r\n"));
    assert_eq!(denied.header("Content-Type"), Some("text/plain; charset=\"utf-8\""));

    double.switch(|switches| switches.captured_spelling = false);
    let reply = redirect.send(&double).await;
    reply.assert(307, "Temporary Redirect");
    assert!(reply.head.contains("\r\nContent-Length: ") && reply.head.contains("\r\nContent-Type: "));
}

#[tokio::test]
async fn b06_no_server_header() {
    let double = double().await;
    assert_eq!(get(Whostmgrd, "/").send(&double).await.header("Server"), None);
    double.switch(|switches| switches.server_header = Some("cpsrvd/9.4.2".to_owned()));
    assert_eq!(get(Whostmgrd, "/").send(&double).await.header("Server"), Some("cpsrvd/9.4.2"));
}

#[tokio::test]
async fn b07_smuggling() {
    let double = double().await;
    let attempts = [
        "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: a\nY: b\r\n\r\n",
        "X: a\rb\r\n\r\n",
        "X: a\r\n folded\r\n\r\n",
    ];
    for (n, attempt) in attempts.iter().enumerate() {
        let mut connection = connect(&double, to(Whostmgrd)).await;
        connection.send(format!("POST / HTTP/1.1\r\nHost: {HOSTNAME}:2087\r\n{attempt}")).await;
        connection.reply("POST").await.unwrap().assert(400, "Bad Request");
        assert!(connection.is_closed().await);
        let count = double.error_log().iter().filter(|line| line.contains("smuggling")).count();
        assert_eq!(count, n + 1, "{attempt:?}");
    }
    double.switch(|switches| switches.refuse_ambiguous_requests = false);
    for attempt in [attempts[0], attempts[1], attempts[2], attempts[4]] {
        let mut connection = connect(&double, to(Whostmgrd)).await;
        connection.send(format!("POST / HTTP/1.1\r\nHost: {HOSTNAME}:2087\r\n{attempt}")).await;
        connection.reply("POST").await.unwrap().assert(200, "OK");
    }
}

#[tokio::test]
async fn b08_handler_cap() {
    let double = double_with(|switches| {
        switches.handler_cap = 2;
        switches.overload_stall = Duration::from_millis(50);
    })
    .await;
    let first = connect(&double, to(Whostmgrd)).await;
    let _second = connect(&double, to(Cpaneld)).await;
    assert!(try_connect(&double, to(Webmaild)).await.is_err());
    drop(first);
    double.wait_for(|double| (double.open_connections() < 2).then_some(())).await.unwrap();
    let _third = connect(&double, to(Webmaild)).await;
    double.switch(|switches| switches.handler_cap = 200);
    let _fourth = connect(&double, to(Webmaild)).await;
}

#[tokio::test]
async fn b10_plain_ports() {
    let double = double().await;
    for (service, port) in [(Whostmgrd, 2087), (Cpaneld, 2083), (Webmaild, 2096)] {
        let reply = get(service, "/cpsess1/x?y=z").plain().send(&double).await;
        let expected = format!("https://{HOSTNAME}:{port}/cpsess1/x?y=z");
        assert_eq!(reply.assert(301, "Moved").header("Location"), Some(&*expected));
    }
    double.switch(|switches| switches.require_ssl = false);
    let reply = get(Whostmgrd, "/").plain().send(&double).await;
    assert!(reply.assert(200, "OK").is_login_page());
    assert!(reply.all("Set-Cookie").iter().all(|cookie| cookie.ends_with("port=2086")));
}
