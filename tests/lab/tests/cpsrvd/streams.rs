//! Behaviours 53 to 58: WebSocket, uploads, downloads, streams.

use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use lab::cpsrvd::DumpEnd;
use lab::cpsrvd::WebSocketOrigin;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::client::*;

type Socket = WebSocketStream<Box<dyn Stream>>;

const SHELL: &str = "/websocket/Shell?rows=24&cols=80";

fn handshake(ask: Ask) -> Ask {
    ask.header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// The WebSocket after a handshake, or the answer that refused it.
async fn open(double: &Double, ask: Ask, service: lab::cpsrvd::Service) -> Result<Socket, Reply> {
    let mut connection = connect(double, to(service)).await;
    connection.send(ask.bytes()).await;
    let reply = connection.reply("GET").await.unwrap();
    if reply.status != 101 {
        return Err(reply);
    }
    assert_eq!(reply.header("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    Ok(WebSocketStream::from_partially_read(connection.io, connection.ahead, Role::Client, None).await)
}

/// The code with which the other side closes, after whatever it sends before.
async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
            return frame.unwrap().code.into();
        }
    }
}

#[tokio::test]
async fn b53_terminal() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    let own = format!("https://{HOSTNAME}:2087");
    let shell = |visitor: &Visitor| handshake(visitor.get(SHELL));
    for wrong in ["https://web1.example.com", "https://web1.connect.example.com:2087", "null"] {
        let refused = open(&double, shell(&root).header("Origin", wrong), Whostmgrd).await.err().unwrap();
        refused.assert(403, "Forbidden");
    }
    open(&double, shell(&root), Whostmgrd).await.err().unwrap().assert(403, "Forbidden");
    let without_port = shell(&root).header("Host", HOSTNAME).header("Origin", format!("https://{HOSTNAME}"));
    open(&double, without_port, Whostmgrd).await.err().unwrap().assert(403, "Forbidden");
    let bare = handshake(get(Whostmgrd, SHELL)).header("Cookie", &root.cookie).header("Origin", &own);
    open(&double, bare, Whostmgrd).await.err().unwrap().assert(401, "Token Denied");
    let no_cookie = handshake(get(Whostmgrd, format!("{}{SHELL}", root.token))).header("Origin", &own);
    open(&double, no_cookie, Whostmgrd).await.err().unwrap().assert(401, "Token Denied");
    root.get(SHELL).header("Origin", &own).send(&double).await.assert(400, "Bad Request");

    let mut socket = open(&double, shell(&root).header("Origin", &own), Whostmgrd).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary("double# "));
    for message in [Message::text("ls\r"), Message::binary(vec![0, 159, 255])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    assert!(double.open_connections() >= 1, "a WebSocket holds a handler");
    socket.send(Message::text("exit\r")).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1000);

    let support = visitor(&double, Whostmgrd, "support").await;
    open(&double, shell(&support).header("Origin", &own), Whostmgrd).await.err().unwrap().assert(403, "Forbidden");
    let bob = visitor(&double, Cpaneld, "bob").await;
    let origin = format!("https://{HOSTNAME}:2083");
    open(&double, shell(&bob).header("Origin", origin), Cpaneld).await.unwrap();

    double.switch(|switches| {
        switches.websocket_origin = WebSocketOrigin::Any;
        switches.shell_close = Some(4001);
    });
    let mut socket = open(&double, shell(&root), Whostmgrd).await.unwrap();
    socket.send(Message::text("x")).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 4001);

    let mut socket = open(&double, shell(&root), Whostmgrd).await.unwrap();
    root.get("/logout/").send(&double).await;
    assert_eq!(close_code(&mut socket).await, 1001);
}

#[tokio::test]
async fn b54_database_dump() {
    let double = double().await;
    let path = "/websocket/MysqlDump?dbname=alice_wp&include_data=1&character_set=utf8mb4";
    let with = |authorization: String| handshake(get(Cpaneld, path)).header("Authorization", authorization);
    let right = || with(format!("cpanel alice:{}", double.token_for("alice")));
    open(&double, with("cpanel alice:WRONG".to_owned()), Cpaneld)
        .await
        .err()
        .unwrap()
        .assert(403, "Forbidden Access denied");
    for (end, code) in [(DumpEnd::Complete, 1000), (DumpEnd::Broken, 1011), (DumpEnd::Refused, 4000)] {
        double.switch(|switches| switches.dump_end = end);
        let mut socket = open(&double, right(), Cpaneld).await.unwrap();
        if end == DumpEnd::Complete {
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary("-- dump of alice_wp\n"));
        }
        assert_eq!(close_code(&mut socket).await, code);
    }
}

#[tokio::test]
async fn b55_uploads() {
    let double = double().await;
    let alice = visitor(&double, Cpaneld, "alice").await;
    let upload = |length: String, kind: &str| {
        let head =
            alice.get("/execute/Fileman/upload_files").header("Content-Type", kind).header("Content-Length", length);
        String::from_utf8(head.bytes()).unwrap().replacen("GET", "POST", 1)
    };
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file-1\"; filename=\"x\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(3 << 20)
    );
    let head = upload(body.len().to_string(), "multipart/form-data; boundary=b");
    let mut connection = connect(&double, to(Cpaneld)).await;
    connection.send(&head).await;
    connection.send(&body).await;
    let reply = connection.reply("POST").await.unwrap();
    assert_eq!(reply.json()["data"]["bytes"], body.len());
    assert_eq!(double.requests().last().unwrap().body_length, body.len() as u64);
    assert_eq!(double.requests().last().unwrap().body, "");

    let mut connection = connect(&double, to(Cpaneld)).await;
    connection.send(upload("4".to_owned(), "multipart/form-data; boundary=b") + "abcd").await;
    assert_eq!(connection.reply("POST").await.unwrap().json()["status"], 0);
    let mut connection = connect(&double, to(Cpaneld)).await;
    connection.send(upload("4".to_owned(), "text/plain") + "abcd").await;
    assert_eq!(connection.reply("POST").await.unwrap().json()["status"], 0);
    let mut connection = connect(&double, to(Cpaneld)).await;
    connection.send(head.replace("cpsession=", "x=")).await;
    connection.reply("POST").await.unwrap().assert(403, "Forbidden Access denied");

    double.switch(|switches| switches.upload_limit = Some(1000));
    let mut connection = connect(&double, to(Cpaneld)).await;
    connection.send(&head).await;
    connection.send("x".repeat(2000)).await;
    let reply = connection.reply("POST").await.unwrap();
    assert!(reply.assert(413, "Request Entity Too Large").closes(), "answered before the end of the body");
}

#[tokio::test]
async fn b56_downloads() {
    let double = double().await;
    assert_eq!(double.switches().download_bytes, 1 << 30);
    double.switch(|switches| switches.download_bytes = 1_000_000);
    let alice = visitor(&double, Cpaneld, "alice").await;
    for path in [
        "/download?skipencode=1&file=/home/alice/x",
        "/getbackup/backup-alice.example-1-31-2026.tar.gz",
        "/getsqlbackup/wp.sql.gz",
    ] {
        for announced in [true, false] {
            double.switch(|switches| switches.download_length = announced);
            let reply = alice.get(path).send(&double).await;
            assert_eq!(reply.end, if announced { End::Length } else { End::Close });
            assert_eq!(reply.body.len(), 1_000_000);
            assert!(reply.body.iter().enumerate().all(|(n, byte)| usize::from(*byte) == n % 251));
        }
    }
}

#[tokio::test]
async fn b57_streams_arrive_line_by_line() {
    let double = double().await;
    let root = visitor(&double, Whostmgrd, "root").await;
    for (path, kind, second, end) in [
        ("/scripts/upgrade", "text/html", "<span id=\"line-1\">", "</pre>\n"),
        ("/cgi/live_tail_log", "text/html", "<span id=\"line-1\">", "</pre>\n"),
        ("/scripts/events.stream", "text/event-stream", "id: 1\ndata: event 1\n\n", "event: end\ndata: end\n\n"),
    ] {
        // The first line comes although the second one is far away.
        double.switch(|switches| switches.trickle_interval = Duration::from_hours(1));
        let mut connection = connect(&double, to(Whostmgrd)).await;
        connection.send(root.get(path).bytes()).await;
        let head = connection.reply("HEAD").await.unwrap();
        assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
        assert!(head.header("Content-Type").unwrap().starts_with(kind));
        let first = connection.chunk().await.unwrap().unwrap();

        double.switch(|switches| {
            switches.trickle_interval = Duration::ZERO;
            switches.trickle_lines = 4;
        });
        connection = connect(&double, to(Whostmgrd)).await;
        connection.send(root.get(path).bytes()).await;
        connection.reply("HEAD").await.unwrap();
        let mut chunks = Vec::new();
        while let Some(chunk) = connection.chunk().await.unwrap() {
            chunks.push(String::from_utf8(chunk).unwrap());
        }
        assert_eq!((chunks.len(), chunks[0].as_bytes()), (4, &*first));
        assert!(chunks[1].starts_with(second) && chunks[3].ends_with(end), "{chunks:?}");
    }
    let mut old = connect(&double, to(Whostmgrd)).await;
    old.send(String::from_utf8(root.get("/scripts/upgrade").bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0")).await;
    assert_eq!(old.reply("GET").await.unwrap().end, End::Close);
}

#[tokio::test]
async fn b58_account_transfer() {
    let double = double().await;
    let path = "/acctxferrsync/alice/files";
    let mut connection = connect(&double, to(Whostmgrd)).await;
    connection.send(get(Whostmgrd, path).bytes()).await;
    while connection.ahead.len() < 14 && connection.more().await {}
    assert!(connection.ahead.starts_with(b"@RSYNCD: "));
    connection.ahead.clear();
    connection.io.write_all(b"\0\x01raw").await.unwrap();
    while connection.ahead.len() < 5 && connection.more().await {}
    assert_eq!(connection.ahead, b"\0\x01raw");

    double.switch(|switches| switches.account_transfer = false);
    get(Whostmgrd, path).send(&double).await.assert(401, "Token Denied");
}
