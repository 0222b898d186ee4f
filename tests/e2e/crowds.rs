//! Room for others: what one connection, one person and one server may take of what all share.

use std::time::Duration;

use futures_util::future::join_all;
use lab::cpsrvd::Fault;
use lab::world::Style;

use crate::bounds::whm;
use crate::frames::Frames;
use crate::frames::Outcome;
use crate::raw::Raw;
use crate::replicas::Cluster;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

const CONSOLE: &str = "connect.example.com";
/// An error code of HTTP/2 (RFC 9113 section 7).
const REFUSED_STREAM: u32 = 7;

const FOR_EVER: Duration = Duration::from_mins(10);

/// Whoever comes when all connections are taken waits until one ends.
#[tokio::test]
async fn no_more_connections_are_served_than_the_limit_allows() {
    let stage = Stage::with(Style::Ports, "[limits]\nconnections = 10\n").await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(Raw::connect(&stage, CONSOLE, 443).await);
    }
    let ask = format!("GET /signed-out HTTP/1.1\r\nHost: {CONSOLE}\r\n\r\n");
    let mut late = Box::pin(Raw::try_connect(&stage, CONSOLE, 443));
    let others = async {
        for _ in 0..20 {
            assert_eq!(held[0].exchange(&ask).await.0, 200);
        }
    };
    tokio::select! {
        _ = &mut late => panic!("the eleventh is served beside ten"),
        () = others => {}
    }
    held.truncate(5);
    let mut late = tokio::time::timeout(PATIENCE, late).await.unwrap().unwrap();
    assert_eq!(late.exchange(&ask).await.0, 200);
}

#[tokio::test]
async fn a_request_has_no_more_fields_than_the_limit_allows() {
    let stage = Stage::with(Style::Ports, "[limits]\nrequest_headers = 20\n").await;
    for (count, one, two) in [(10, 200, Outcome::Answered(200)), (25, 431, Outcome::Answered(431))] {
        let names: Vec<String> = (0..count).map(|number| format!("x-a{number}")).collect();
        let lines = names.iter().fold(String::new(), |lines, name| lines + name + ": b\r\n");
        let mut raw = Raw::connect(&stage, CONSOLE, 443).await;
        let (status, _) = raw.exchange(&format!("GET /signed-out HTTP/1.1\r\nHost: {CONSOLE}\r\n{lines}\r\n")).await;
        assert_eq!(status, one, "{count}");
        let mut fields: Vec<(&str, &[u8])> = vec![
            (":method", b"GET"),
            (":scheme", b"https"),
            (":authority", CONSOLE.as_bytes()),
            (":path", b"/signed-out"),
        ];
        fields.extend(names.iter().map(|name| (&**name, &b"b"[..])));
        let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
        frames.head(1, &fields, true).await;
        assert_eq!(frames.outcome(1).await, two, "{count} over HTTP/2");
        // Cookies are one field however many lines they come on, as Firefox sends them.
        fields.extend((0..100).map(|_| ("cookie", &b"planted=1"[..])));
        let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
        frames.head(1, &fields, true).await;
        assert_eq!(frames.outcome(1).await, two, "{count} and a hundred cookies");
    }
}

#[tokio::test]
async fn a_connection_has_no_more_streams_than_the_limit_allows() {
    let stage = Stage::with(Style::Ports, "[limits]\nhttp2_streams = 5\n").await;
    let (browser, _, home) = whm(&stage).await;
    let cookie = browser.cookie("web1.connect.example.com", "__Host-panelgate-whm").unwrap();
    let cookie = format!("{}={}", cookie.name, cookie.value);
    let fields: [(&str, &[u8]); 7] = [
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"web1.connect.example.com:2087"),
        (":path", home.url.path().as_bytes()),
        ("cookie", cookie.as_bytes()),
        ("sec-fetch-site", b"same-origin"),
        ("content-length", b"10"),
    ];
    let mut frames = Frames::connect(&stage, "web1.connect.example.com", 2087).await;
    // Each waits for its body.
    for stream in [1, 3, 5, 7, 9, 11] {
        frames.head(stream, &fields, false).await;
    }
    assert_eq!(frames.outcome(11).await, Outcome::Reset(REFUSED_STREAM));
    frames.frame(crate::frames::DATA, crate::frames::END_STREAM, 1, b"contact=ab").await;
    assert_eq!(frames.outcome(1).await, Outcome::Answered(200));
}

/// A server that answers nobody: those who come too late are told so, and nobody waits at another server.
#[tokio::test]
async fn a_server_has_no_more_requests_than_the_limit_allows() {
    let limits = "[limits]\nrequests_per_server = 4\nrequests_per_panel_session = 3\nrequest_wait_seconds = 1\n";
    let stage = Stage::with(Style::Ports, limits).await;
    let (ada, _, root) = whm(&stage).await;
    let (sam, console) = stage.signed_in("sam").await;
    let support = sam.open(&console, "web1", "whostmgrd", "support").await.unwrap();
    let bob = sam.open(&console, "web2", "cpaneld", "bob").await.unwrap();
    let server = stage.world.server(1);
    server.faults().inject("/hangs", 1000, Fault::Stall(FOR_EVER));
    let there = || server.requests().iter().filter(|request| request.path() == "/hangs").count();
    let (of_root, of_support) = (root.resolve("hangs").unwrap(), support.resolve("hangs").unwrap());
    let hang = async {
        let root = join_all((0..3).map(|_| ada.fetch(&root, of_root.as_str())));
        let support = async {
            until("three hang", || there() == 3).await;
            sam.fetch(&support, of_support.as_str()).await
        };
        tokio::join!(root, support)
    };
    let others = async {
        until("four hang at the server", || there() == 4).await;
        // A script is told in JSON, a person on a page of the frame.
        let answer = sam.fetch(&support, support.url.as_str()).await.unwrap();
        let (code, reference) = problem(&answer);
        assert_eq!((answer.status, &*code), (503, "server_crowded"));
        stage.gateway.wait_for_output(&reference).await.unwrap();
        let page = sam.frame(&support, support.url.as_str()).await.unwrap();
        assert_eq!(page.status, 503);
        let reference = page.header("panelgate-reference").unwrap();
        for text in ["Too much at once", "Try again", &reference] {
            assert!(page.text().contains(text), "{text}: {}", page.text());
        }
        assert_eq!(sam.fetch(&bob, bob.url.as_str()).await.unwrap().status, 200, "another server");
        assert_eq!(there(), 4);
    };
    tokio::select! {
        _ = hang => panic!("what hangs has been answered"),
        () = others => {}
    }
}

#[tokio::test]
async fn there_are_no_more_sign_ins_and_sessions_than_the_limits_allow() {
    let stage = Stage::with(Style::Ports, "[limits]\nsessions = 1\npending_logins = 10\n").await;
    let (ada, console) = stage.signed_in("ada").await;
    let full = stage.browser().sign_in("sam").await;
    let text = format!("{:#}", full.unwrap_err());
    assert!(text.contains("503"), "{text}");
    assert_eq!(ada.fetch(&console, "/api/session").await.unwrap().status, 204, "nobody is put out for another");
    let mut begun = Vec::new();
    let status = loop {
        let page = stage.browser().visit(&stage.console("/")).await.unwrap();
        if page.status != 200 {
            break page.status;
        }
        begun.push(page);
    };
    assert!((8..=10).contains(&begun.len()), "{}", begun.len());
    assert_eq!(status, 503);
}

/// Two gateways, with five connections each. While another process has the tables to itself, every statement waits
/// with its connection; requests beyond those wait for one.
#[tokio::test]
async fn a_gateway_has_no_more_connections_to_its_database_than_the_limit_allows() {
    const BOTH: usize = 2 * 5;
    let cluster = Cluster::start("").await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'panelgate' AND query NOT LIKE '%pg_sleep%'";
    let hold =
        cluster.database.ask("panelgate", "BEGIN; LOCK TABLE records IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)");
    let people = [&cluster.one.0, &cluster.two.0].map(|replica| cluster.browser_at(replica));
    let console = cluster.console("/");
    let flood = join_all(people.iter().flat_map(|browser| (0..20).map(|_| browser.visit(&console))));
    let mut most = 0;
    let watch = async {
        loop {
            let open: usize = cluster.database.ask("postgres", count).await.unwrap().parse().unwrap();
            most = open.max(most);
        }
    };
    tokio::select! {
        _ = hold => panic!("the tables are free"),
        () = watch => {}
        _ = flood => {}
    }
    assert_eq!(most, BOTH);
}
