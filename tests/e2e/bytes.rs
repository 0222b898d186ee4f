//! One meaning per request, over HTTP/1.1: every way of saying something twice, as bytes. `docs/wire.md`
//! lists the rows by number; each test has its row's number in its name.

use crate::edge::OWN;
use crate::edge::Panel;
use crate::edge::WHM;

/// A body in chunks.
const CHUNKED: &str = "5\r\na=bcd\r\n0\r\n\r\n";

/// A second request, to be found behind a first one by whoever sees its end elsewhere.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: web1.connect.example.com:2087\r\n\r\n";

/// Each request is answered with one of its statuses (0: no answer, the connection ends), never gets to the
/// server, and leaves nothing behind that counts as another.
async fn refused(panel: &Panel, rows: &[(&str, Vec<u8>, &[u16])]) {
    for (what, bytes, expected) in rows {
        let mut raw = crate::raw::Raw::connect(&panel.stage, "web1.connect.example.com", 2087).await;
        let mut bytes = bytes.clone();
        bytes.extend_from_slice(SMUGGLED.as_bytes());
        let (status, answer) = raw.exchange_bytes(&bytes).await;
        assert!(expected.contains(&status), "{what}: {status} {answer}");
    }
    let heard = panel.stage.world.server(1).requests();
    assert!(heard.is_empty(), "a server heard of it: {heard:?}");
    assert_eq!(panel.send(&panel.get(&panel.home)).await.1, 200, "an ordinary request goes through");
}

/// Each request is carried out; gives what the server heard.
async fn carried_out(panel: &Panel, bytes: &str) -> lab::cpsrvd::RecordedRequest {
    let (mut raw, status, answer) = panel.send(bytes).await;
    assert_eq!(status, 200, "{answer}");
    assert!(raw.is_closed_or_usable(WHM).await, "out of step");
    let heard = panel.stage.world.server(1).requests();
    assert_eq!(heard.len(), 1, "{heard:?}");
    heard.into_iter().next().unwrap()
}

fn post(panel: &Panel, lines: &str, body: &str) -> Vec<u8> {
    panel.post(lines, body).into_bytes()
}

/// A GET for the panel's first page with this line in its head.
fn with_line(panel: &Panel, line: &[u8]) -> Vec<u8> {
    let Panel { home, auth, .. } = panel;
    let mut bytes = format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}").into_bytes();
    bytes.extend_from_slice(line);
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes
}

#[tokio::test]
async fn w01_a_length_beside_chunks() {
    let panel = Panel::new().await;
    let rows = [
        ("length first", post(&panel, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNKED), &[400][..]),
        ("chunks first", post(&panel, "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", CHUNKED), &[400]),
        ("a long one", post(&panel, "Transfer-Encoding: chunked\r\nContent-Length: 400\r\n", CHUNKED), &[400]),
        ("on a GET", with_line(&panel, b"Content-Length: 0\r\nTransfer-Encoding: chunked"), &[400]),
    ];
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w01_a_length_beside_chunks_on_a_connection_in_use() {
    let panel = Panel::new().await;
    for before in [panel.get(&panel.home), panel.post("Content-Length: 5\r\n", "a=bcd")] {
        let (mut raw, status, _) = panel.send(&before).await;
        assert_eq!(status, 200);
        let sent = panel.stage.world.server(1).requests().len();
        let both = panel.post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", CHUNKED);
        assert_eq!(raw.exchange(&both).await.0, 400);
        assert_eq!(raw.exchange(&panel.get(&panel.home)).await.0, 0, "nothing more on this connection");
        assert_eq!(panel.stage.world.server(1).requests().len(), sent);
    }
}

#[tokio::test]
async fn w02_w03_codings_other_than_chunked() {
    let panel = Panel::new().await;
    let rows = [
        "gzip, chunked",
        "identity",
        "chunked, identity",
        "xchunked",
        "\x0bchunked",
        "chunked, chunked",
        "chunked;q=1",
        "",
    ]
    .map(|coding| (coding, post(&panel, &format!("Transfer-Encoding: {coding}\r\n"), CHUNKED), &[400, 0][..]));
    refused(&panel, &rows).await;
    let twice = post(&panel, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", CHUNKED);
    let spaced = post(&panel, "Transfer-Encoding : chunked\r\n", CHUNKED);
    panel.stage.world.server(1).forget();
    refused(&panel, &[("two lines", twice, &[400]), ("a space before the colon", spaced, &[400])]).await;
}

#[tokio::test]
async fn w04_a_name_with_an_underscore_goes_no_further() {
    let panel = Panel::new().await;
    let heard = carried_out(&panel, &panel.post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "a=bcd")).await;
    assert_eq!((heard.header("transfer_encoding"), &*heard.body), (None, "a=bcd"));
}

#[tokio::test]
async fn w05_lengths_that_are_none_or_two() {
    let panel = Panel::new().await;
    let rows = ["+5", "0x5", "5, 5", "-5", "5 5", "", "99999999999999999999"]
        .map(|length| (length, post(&panel, &format!("Content-Length: {length}\r\n"), "a=bcd"), &[400, 0][..]));
    refused(&panel, &rows).await;
    panel.stage.world.server(1).forget();
    let different = post(&panel, "Content-Length: 5\r\nContent-Length: 6\r\n", "a=bcde");
    let same = post(&panel, "Content-Length: 5\r\nContent-Length: 5\r\n", "a=bcd");
    refused(&panel, &[("different", different, &[400]), ("the same twice", same, &[400])]).await;
}

#[tokio::test]
async fn w06_lines_that_end_without_cr() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let all = format!("GET {home} HTTP/1.1\nHost: {WHM}\n{auth}{OWN}\n").replace('\r', "");
    let one = with_line(&panel, b"X-A: b\nX-C: d");
    let last = format!("GET {home} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\n");
    let rows =
        [("all", all.into_bytes(), &[400][..]), ("one", one, &[400]), ("the empty one", last.into_bytes(), &[400])];
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w07_bytes_that_are_no_part_of_a_head() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let rows = [
        ("a bare CR", with_line(&panel, b"X-A: b\rX-C: d"), &[400][..]),
        ("NUL", with_line(&panel, b"X-A: b\0c"), &[400]),
        ("a folded line", with_line(&panel, b"X-A: b\r\n c"), &[400]),
        (
            "a space first",
            format!("GET {home} HTTP/1.1\r\n Host: {WHM}\r\nHost: {WHM}\r\n{auth}\r\n").into_bytes(),
            &[400],
        ),
        ("a line without a colon", with_line(&panel, b"nonsense"), &[400]),
        ("an empty name", with_line(&panel, b": x"), &[400]),
    ];
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w08_w09_w10_one_host_and_one_target() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let whole = |line: &str, hosts: &str| format!("{line}\r\n{hosts}{auth}{OWN}\r\n").into_bytes();
    let host = format!("Host: {WHM}\r\n");
    let rows = [
        ("two hosts", whole(&format!("GET {home} HTTP/1.1"), &format!("{host}{host}")), &[400][..]),
        ("no host", whole(&format!("GET {home} HTTP/1.1"), ""), &[400]),
        ("another authority", whole(&format!("GET https://evil{home} HTTP/1.1"), &host), &[400]),
        (
            "a person in it",
            whole(&format!("GET https://x@{WHM}{home} HTTP/1.1"), &format!("Host: x@{WHM}\r\n")),
            &[400, 421],
        ),
        ("plain HTTP in it", whole(&format!("GET http://{WHM}{home} HTTP/1.1"), &host), &[400]),
    ];
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w11_w12_w13_targets_that_are_spelled_oddly() {
    let panel = Panel::new().await;
    let Panel { home, auth, .. } = &panel;
    let get = |path: &[u8]| {
        let mut bytes = format!("GET {home}").into_bytes();
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(format!(" HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\r\n").as_bytes());
        bytes
    };
    let rows: Vec<_> = [
        &b"a#/../b"[..],
        b"#",
        b"a?b#c",
        b"a\\b",
        b"a\"b",
        b"a{b}",
        b"a<b",
        b"a^b",
        b"\xc3\xa9",
        b"\xff\xfe",
        b"a%c3%28%2e",
        b"a//b",
        b"..;/x/../y",
        b"%2e%2e/",
        b"a%5cb",
        b"a%2Fb",
        b"a%00",
        b"a%7f",
        b"a b",
        b"a\tb",
    ]
    .map(|path| ("a target", get(path), &[400, 0][..]))
    .into();
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w14_http_1_0() {
    let panel = Panel::new().await;
    let chunks = panel.post("Transfer-Encoding: chunked\r\n", CHUNKED).replace("HTTP/1.1", "HTTP/1.0");
    refused(&panel, &[("chunks", chunks.into_bytes(), &[400])]).await;
    // Without a length there is no body: what follows is not taken for another request.
    panel.stage.world.server(1).forget();
    let none = panel.post("", "").replace("HTTP/1.1", "HTTP/1.0");
    let (mut raw, status, _) = panel.send(&format!("{none}{SMUGGLED}")).await;
    assert_eq!((status, raw.exchange("").await.0), (200, 0));
    assert_eq!(panel.stage.world.server(1).requests().len(), 1);
}

#[tokio::test]
async fn w15_w16_methods_and_targets_of_others() {
    let panel = Panel::new().await;
    let Panel { auth, home, .. } = &panel;
    let rows: Vec<_> = [
        format!("CONNECT {WHM}"),
        "CONNECT evil.example:443".into(),
        "OPTIONS *".into(),
        "GET *".into(),
        "GET foo".into(),
        format!("get {home}"),
        format!("TRACE {home}"),
        format!("PRI {home}"),
    ]
    .map(|line| {
        ("a request line", format!("{line} HTTP/1.1\r\nHost: {WHM}\r\n{auth}{OWN}\r\n").into_bytes(), &[400, 405][..])
    })
    .into();
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w17_chunk_extensions_go_no_further() {
    let panel = Panel::new().await;
    let body = "5;a=b;c=\"d\"\r\na=bcd\r\n0;e\r\n\r\n";
    let heard = carried_out(&panel, &panel.post("Transfer-Encoding: chunked\r\n", body)).await;
    assert_eq!((&*heard.body, heard.header("transfer-encoding")), ("a=bcd", Some("chunked")));
}

#[tokio::test]
async fn w18_chunks_that_are_none() {
    let panel = Panel::new().await;
    for body in [
        "0x5\r\na=bcd\r\n0\r\n\r\n",
        "-1\r\na=bcd\r\n0\r\n\r\n",
        "fffffffffffffffff\r\na=bcd\r\n0\r\n\r\n",
        "5\na=bcd\n0\n\n",
        "5;a\nb\r\na=bcd\r\n0\r\n\r\n",
        "5\r\na=bcdX\r\n0\r\n\r\n",
        "\r\n",
    ] {
        let (mut raw, status, answer) =
            panel.send(&format!("{}{SMUGGLED}", panel.post("Transfer-Encoding: chunked\r\n", body))).await;
        assert!(matches!(status, 0 | 400 | 502), "{body:?}: {status} {answer}");
        assert_eq!(raw.exchange("").await.0, 0, "{body:?}: the connection goes on");
    }
    // The server has never seen the end of one, so it has carried out none.
    let heard = panel.stage.world.server(1).requests();
    assert!(heard.iter().all(|request| request.status != Some(200)), "{heard:?}");
    assert!(heard.iter().all(|request| !request.target.contains("smuggled")));
}

#[tokio::test]
async fn w19_trailers_are_dropped() {
    let panel = Panel::new().await;
    let body = "5\r\na=bcd\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\nX-Other: y\r\n\r\n";
    let heard =
        carried_out(&panel, &panel.post("Transfer-Encoding: chunked\r\nTrailer: X-Forwarded-For\r\n", body)).await;
    assert_eq!((&*heard.body, heard.header("trailer"), heard.header("x-forwarded-for")), ("a=bcd", None, None));
}

#[tokio::test]
async fn w20_a_body_on_get() {
    let panel = Panel::new().await;
    let mut sized = with_line(&panel, b"Content-Length: 3");
    sized.extend_from_slice(b"abc");
    let mut chunked = with_line(&panel, b"Transfer-Encoding: chunked");
    chunked.extend_from_slice(CHUNKED.as_bytes());
    refused(&panel, &[("a length", sized, &[400]), ("chunks", chunked, &[400])]).await;
}

#[tokio::test]
async fn w21_expectations() {
    let panel = Panel::new().await;
    let rows = ["y 100-continue", "200-ok", "100-continue, x"]
        .map(|what| (what, post(&panel, &format!("Expect: {what}\r\nContent-Length: 0\r\n"), ""), &[417][..]));
    refused(&panel, &rows).await;
    panel.stage.world.server(1).forget();
    // The one that exists is ours to meet, and is not passed on.
    let (_, _, answer) = panel.send(&panel.post("Expect: 100-continue\r\nContent-Length: 5\r\n", "")).await;
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
}

#[tokio::test]
async fn w22_an_upgrade_is_no_way_to_say_more() {
    let panel = Panel::new().await;
    let rows = [
        (
            "h2c",
            with_line(&panel, b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
            &[400][..],
        ),
        ("another protocol", with_line(&panel, b"Connection: Upgrade\r\nUpgrade: foo"), &[400]),
        ("a handshake that is none", with_line(&panel, b"Connection: Upgrade\r\nUpgrade: websocket"), &[400]),
        ("two protocols", with_line(&panel, b"Connection: Upgrade\r\nUpgrade: websocket, h2c"), &[400]),
    ];
    refused(&panel, &rows).await;
}

#[tokio::test]
async fn w23_lines_that_belong_to_the_connection_go_no_further() {
    let panel = Panel::new().await;
    let lines = b"Connection: close, X-Requested-With, Accept\r\nX-Requested-With: XMLHttpRequest\r\nAccept: x/y\r\n\
        Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nProxy-Authorization: Basic eA==";
    let heard = carried_out(&panel, &String::from_utf8(with_line(&panel, lines)).unwrap()).await;
    for name in
        ["connection", "x-requested-with", "accept", "keep-alive", "proxy-connection", "te", "proxy-authorization"]
    {
        assert_eq!(heard.header(name), None, "{name}");
    }
}
