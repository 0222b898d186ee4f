//! Behind real load balancers, on the files in `deploy/`: whose request it is, in the log, the audit events and
//! the rules; what strangers and liars get.

use lab::balancer::Setting;
use lab::world::Style;
use lab::world::World;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::behind::Behind;
use crate::behind::exchange;
use crate::stage::PATIENCE;

async fn behind(file: &str, lines: &str) -> Behind {
    Behind::new(file, lines, Style::Ports, Setting::default()).await
}

#[tokio::test]
async fn haproxy_passes_tls_through_with_the_proxy_protocol_2() {
    let behind = behind("haproxy/passthrough.cfg", "client = \"proxy_protocol\"\n").await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
    // A header of one's own behind that of the balancer is no handshake.
    let lie = format!("PROXY TCP4 {} 127.0.0.1 40000 443\r\n", behind.office);
    let answer = exchange(behind.elsewhere, (behind.balancer.ip(), 443).into(), &lie).await;
    assert!(!answer.contains("HTTP"), "{answer}");
}

#[tokio::test]
async fn nginx_passes_tls_through_with_the_proxy_protocol_1() {
    let behind = behind("nginx/passthrough.conf", "client = \"proxy_protocol\"\n").await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

#[tokio::test]
async fn haproxy_ends_tls_and_says_forwarded() {
    let lines = "client = \"forwarded\"\ntls = \"balancer\"\n";
    let behind = behind("haproxy/terminating.cfg", lines).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

#[tokio::test]
async fn nginx_ends_tls_and_says_x_forwarded_for() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n";
    let behind = Behind::new("nginx/terminating.conf", lines, Style::Hosts, Setting::default()).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

/// The gateways' certificates are asked for, and shown, on the way between as well.
#[tokio::test]
async fn haproxy_speaks_tls_to_the_gateways_and_says_forwarded() {
    let setting = Setting { tls_to_gateways: true, ..Setting::default() };
    let behind = Behind::new("haproxy/terminating.cfg", "client = \"forwarded\"\n", Style::Ports, setting).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

#[tokio::test]
async fn nginx_speaks_tls_to_the_gateways_and_says_x_forwarded_for() {
    let setting = Setting { tls_to_gateways: true, ..Setting::default() };
    let lines = "client = \"x_forwarded_for\"\ntls = \"here\"\n";
    let behind = Behind::new("nginx/terminating.conf", lines, Style::Hosts, setting).await;
    behind.knows_whose_requests_they_are().await;
    behind.leaves_strangers_outside().await;
}

/// The balancer's own connection, with these lines in a request for the console.
async fn from_balancer(world: &World, lines: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((world.gateway(), 443)).await.unwrap();
    let bytes = format!(
        "GET / HTTP/1.1\r\nHost: connect.example.com\r\nAccept: application/json\r\n{lines}Connection: close\r\n\r\n"
    );
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test]
async fn a_balancer_has_to_say_whose_request_it_is_and_that_it_was_over_tls() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n";
    let behind = behind("nginx/terminating.conf", lines).await;
    let world = &behind.stage.world;
    let https = "X-Forwarded-Proto: https\r\n";
    for (lines, status, code) in [
        (https.to_owned(), 400, "client_unknown"),
        (format!("X-Forwarded-For: somebody\r\n{https}"), 400, "client_unknown"),
        (format!("Forwarded: for=192.0.2.7;proto=https\r\n{https}"), 400, "client_unknown"),
        ("X-Forwarded-For: 192.0.2.7\r\n".to_owned(), 400, "not_over_tls"),
        ("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n".to_owned(), 400, "not_over_tls"),
        (format!("X-Forwarded-For: 192.0.2.7\r\n{https}"), 401, "signed_out"),
    ] {
        let (found, answer) = from_balancer(world, &lines).await;
        assert_eq!(found, status, "{lines}: {answer}");
        assert!(answer.contains(code), "{lines}: {answer}");
    }
}

/// Sends the beginning of something on the balancer's own connection, and keeps it open.
async fn begun(world: &World, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect((world.gateway(), 443)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// The bound is about people, not about the balancer that brings them all.
#[tokio::test]
async fn requests_of_one_address_are_bounded_where_they_share_connections() {
    let lines = "client = \"x_forwarded_for\"\ntls = \"balancer\"\n[limits]\nconnections_per_address = 2\n";
    let behind = behind("nginx/terminating.conf", lines).await;
    let world = &behind.stage.world;
    let from = |client: &str| format!("X-Forwarded-For: {client}\r\nX-Forwarded-Proto: https\r\n");
    let slow = format!(
        "POST /backchannel-logout HTTP/1.1\r\nHost: connect.example.com\r\n{}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nl",
        from("192.0.2.7")
    );
    // One that comes while we ask may find no room itself, so more come until there is none.
    let (mut held, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while from_balancer(world, &from("192.0.2.7")).await.0 != 429 {
        assert!(Instant::now() < deadline, "never full");
        held.push(begun(world, &slow).await);
    }
    assert_eq!(from_balancer(world, &from("192.0.2.8")).await.0, 401);
    drop(held);
    while from_balancer(world, &from("192.0.2.7")).await.0 != 401 {
        assert!(Instant::now() < deadline, "no room again");
    }
}

#[tokio::test]
async fn connections_of_one_address_are_bounded_where_the_proxy_protocol_tells_them_apart() {
    let lines = "client = \"proxy_protocol\"\n[limits]\nconnections_per_address = 2\n";
    let behind = behind("nginx/passthrough.conf", lines).await;
    let world = &behind.stage.world;
    let header = |client: &str| format!("PROXY TCP4 {client} 203.0.113.10 40000 443\r\n");
    // What is no handshake is told so, where it got as far as that.
    let gets = async |client: &str| {
        let mut stream = begun(world, &format!("{}no handshake", header(client))).await;
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        !answer.is_empty()
    };
    let (mut held, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while gets("192.0.2.7").await {
        assert!(Instant::now() < deadline, "it is never full");
        held.push(begun(world, &header("192.0.2.7")).await);
    }
    assert!(gets("192.0.2.8").await, "others have room");
    drop(held);
    while !gets("192.0.2.7").await {
        assert!(Instant::now() < deadline, "no room again");
    }
}
