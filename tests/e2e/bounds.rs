//! Everything is bounded, and cut when it should be: who is slow, who floods, and what ends with a session.

use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Page;
use lab::cpsrvd::Fault;
use lab::world::Style;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::frames::CONTINUATION;
use crate::frames::Frames;
use crate::frames::HEADERS;
use crate::frames::Outcome;
use crate::frames::RST_STREAM;
use crate::frames::block;
use crate::raw::Raw;
use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::problem;
use crate::stage::until;

const CONSOLE: &str = "connect.example.com";
const FOR_EVER: Duration = Duration::from_mins(10);

pub(crate) async fn whm(stage: &Stage) -> (Browser, Page, Page) {
    let (browser, console) = stage.signed_in("ada").await;
    let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
    (browser, console, home)
}

#[tokio::test]
async fn b01_one_address_cannot_take_all_connections() {
    let stage = Stage::with(Style::Ports, "[limits]\nconnections_per_address = 20\n").await;
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(Raw::connect(&stage, CONSOLE, 443).await);
    }
    let mut tcp = TcpStream::connect((stage.world.gateway(), 443)).await.unwrap();
    let mut nothing = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut nothing)).await.unwrap().ok();
    assert!(nothing.is_empty(), "closed without a word");
    // Another address has room, and so has this one once it has closed one of its own.
    let mut other = stage.browser();
    other.move_to([127, 255, 255, 1].into());
    assert_eq!(other.visit(&stage.console("/signed-out")).await.unwrap().status, 200);
    held.clear();
    let deadline = Instant::now() + PATIENCE;
    while Raw::try_connect(&stage, CONSOLE, 443).await.is_err() {
        assert!(Instant::now() < deadline, "no room again");
    }
}

#[tokio::test]
async fn b02_one_address_cannot_begin_all_sign_ins() {
    let stage = Stage::with(Style::Ports, "[limits]\npending_logins_per_address = 5\n").await;
    for _ in 0..5 {
        assert_eq!(stage.browser().visit(&stage.console("/")).await.unwrap().status, 200);
    }
    let refused = stage.browser().visit(&stage.console("/")).await.unwrap();
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("Too many sign-ins"), "{}", refused.text());
    let mut other = stage.browser();
    other.move_to([127, 255, 255, 2].into());
    other.sign_in("ada").await.unwrap();
}

#[tokio::test]
async fn b03_a_body_that_drips_is_cut() {
    let stage =
        Stage::with(Style::Ports, "[limits]\nrequest_grace_seconds = 1\nrequest_bytes_per_second = 1000\n").await;
    let (browser, _, home) = whm(&stage).await;
    let cookie = browser.cookie("web1.connect.example.com", "__Host-panelgate-whm").unwrap();
    let mut raw = Raw::connect(&stage, "web1.connect.example.com", 2087).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: web1.connect.example.com:2087\r\nCookie: {}={}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: text/plain\r\nContent-Length: 100000\r\n\r\na",
        home.url.path(),
        cookie.name,
        cookie.value
    );
    let (status, answer) = raw.exchange(&head).await;
    assert!(matches!(status, 0 | 400 | 408 | 502), "{status} {answer}");
    until("the server is let go of", || stage.world.server(1).open_connections() == 0).await;
    // Our own API waits no longer either.
    let mut raw = Raw::connect(&stage, CONSOLE, 443).await;
    let console = browser.cookie(CONSOLE, "__Host-panelgate-session").unwrap();
    let head = format!(
        "POST /api/open HTTP/1.1\r\nHost: {CONSOLE}\r\nCookie: {}={}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        console.name, console.value
    );
    assert!(matches!(raw.exchange(&head).await.0, 0 | 400));
}

/// A download that nobody reads must not keep its place at the server.
#[tokio::test]
async fn b04_a_reader_that_does_not_read_is_cut() {
    for http in [lab::browser::Http::One, lab::browser::Http::Two] {
        let stage = Stage::with(Style::Ports, "[limits]\nbody_idle_seconds = 1\n").await;
        let browser = Browser::over(&stage.world, http).unwrap();
        let console = browser.sign_in("sam").await.unwrap();
        let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        let url = panel.resolve(&panel.attribute("link-download", "href").unwrap()).unwrap();
        let response = browser.stream(Ask::get(Errand::Page, url.as_str()).by(&panel)).await.unwrap();
        let server = stage.world.server(2);
        until("the server is let go of", || server.open_connections() == 0).await;
        assert!(response.into_body().collect().await.is_err(), "{http:?}: a part must not look like the whole");
    }
}

#[tokio::test]
async fn b05_streams_that_are_reset_at_once_end_the_connection() {
    let stage = Stage::with(Style::Ports, "[limits]\nhttp2_resets = 20\n").await;
    let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
    let fields: [(&str, &[u8]); 4] =
        [(":method", b"GET"), (":scheme", b"https"), (":authority", CONSOLE.as_bytes()), (":path", b"/")];
    for number in 0..5000_u32 {
        let stream = 2 * number + 1;
        let open = frames.head(stream, &fields, true).await;
        if !open || !frames.frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()).await {
            break;
        }
    }
    let outcome = frames.outcome(u32::MAX).await;
    assert!(matches!(outcome, Outcome::GoneAway(11) | Outcome::Closed), "ENHANCE_YOUR_CALM: {outcome:?}");
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn b06_a_head_without_end_ends_the_connection() {
    let stage = Stage::new(Style::Ports).await;
    let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
    let fields: [(&str, &[u8]); 4] =
        [(":method", b"GET"), (":scheme", b"https"), (":authority", CONSOLE.as_bytes()), (":path", b"/")];
    frames.frame(HEADERS, 0, 1, &block(&fields)).await;
    let piece = block(&[("x-filler", &[b'x'; 8000])]);
    for _ in 0..1000 {
        if !frames.frame(CONTINUATION, 0, 1, &piece).await {
            break;
        }
    }
    let outcome = frames.outcome(1).await;
    assert!(matches!(outcome, Outcome::GoneAway(1..) | Outcome::Reset(1..) | Outcome::Closed), "{outcome:?}");
    stage.signed_in("ada").await;
}

#[tokio::test]
async fn b07_a_head_that_is_too_large_is_refused_over_http_2() {
    let stage = Stage::with(Style::Ports, "[limits]\nrequest_head_kib = 8\n").await;
    let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
    let filler = [b'x'; 3000];
    let fields: [(&str, &[u8]); 8] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", CONSOLE.as_bytes()),
        (":path", b"/"),
        ("x-a", &filler),
        ("x-b", &filler),
        ("x-c", &filler),
        ("x-d", &filler),
    ];
    frames.head(1, &fields, true).await;
    let outcome = frames.outcome(1).await;
    assert!(matches!(outcome, Outcome::Answered(431) | Outcome::Reset(1..) | Outcome::GoneAway(1..)), "{outcome:?}");
}

#[tokio::test]
async fn b08_idle_connections_are_closed() {
    let stage = Stage::with(Style::Ports, "[limits]\nrequest_head_seconds = 1\nkeep_alive_seconds = 1\n").await;
    let mut raw = Raw::connect(&stage, CONSOLE, 443).await;
    let ask = format!("GET /signed-out HTTP/1.1\r\nHost: {CONSOLE}\r\n\r\n");
    assert_eq!(raw.exchange(&ask).await.0, 200);
    assert_eq!(raw.exchange("").await.0, 0, "an idle connection of HTTP/1.1");
    let mut frames = Frames::connect(&stage, CONSOLE, 443).await;
    assert_eq!(frames.outcome(1).await, Outcome::Closed, "an idle connection of HTTP/2");
}

#[tokio::test]
async fn b09_one_server_that_hangs_and_one_person_who_floods_leave_others_alone() {
    let limits = "[limits]\nrequests_per_session = 30\nrequests_per_panel_session = 10\nrequest_wait_seconds = 1\n";
    let stage = Stage::with(Style::Ports, limits).await;
    let (ada, _, home) = whm(&stage).await;
    let (sam, console) = stage.signed_in("sam").await;
    let support = sam.open(&console, "web1", "whostmgrd", "support").await.unwrap();
    let server = stage.world.server(1);
    server.faults().inject("/hangs", 1000, Fault::Stall(FOR_EVER));
    let url = home.resolve("hangs").unwrap();
    let flood = join_all((0..80).map(|_| ada.fetch(&home, url.as_str())));
    let others = async {
        until("ten hang at the server", || {
            server.requests().iter().filter(|request| request.path() == "/hangs").count() == 10
        })
        .await;
        // Another person, at the same server and at another one.
        assert_eq!(sam.fetch(&support, support.url.as_str()).await.unwrap().status, 200);
        let bob = sam.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        assert_eq!(sam.fetch(&bob, bob.url.as_str()).await.unwrap().status, 200);
    };
    // Those that hang are left to the end of the test; the others are refused, at once or after waiting.
    let refused = async {
        let answer = loop {
            let answer = ada.fetch(&home, url.as_str()).await.unwrap();
            if answer.status == 503 {
                break answer;
            }
        };
        assert_eq!(problem(&answer).0, "server_crowded");
    };
    tokio::select! {
        _ = flood => panic!("what hangs has been answered"),
        () = async { others.await; refused.await } => {}
    }
    assert_eq!(server.requests().iter().filter(|request| request.path() == "/hangs").count(), 10);
}

/// Streams of somebody: a download, one that is not read, events, and a terminal.
struct Streams {
    stage: Stage,
    browser: Browser,
    console: Page,
    panel: Page,
}

impl Streams {
    async fn new(more: &str) -> Self {
        let stage = Stage::with(Style::Ports, more).await;
        stage.world.server(2).switch(|switches| switches.trickle_lines = 1_000_000);
        let (browser, console) = stage.signed_in("sam").await;
        let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        Self { stage, browser, console, panel }
    }

    /// Opens all of them, ends them in some way, and gives the time until the server is left by all.
    async fn end(&self, ends: impl AsyncFnOnce()) -> Duration {
        let server = self.stage.world.server(2);
        let url = self.panel.resolve(&self.panel.attribute("link-download", "href").unwrap()).unwrap();
        let unread = self.browser.stream(Ask::get(Errand::Page, url.as_str()).by(&self.panel)).await.unwrap();
        let one = Browser::over(&self.stage.world, lab::browser::Http::One).unwrap();
        one.steal_cookies(&self.browser);
        let unread_too = one.stream(Ask::get(Errand::Page, url.as_str()).by(&self.panel)).await.unwrap();
        let terminal = self.panel.resolve("websocket/Shell?rows=24&cols=80").unwrap();
        let terminal = terminal.as_str().replace("/frontend/jupiter", "");
        assert_eq!(self.browser.websocket(&self.panel, &terminal).await.unwrap(), 101);
        assert!(server.open_connections() >= 3);
        ends().await;
        let ended = Instant::now();
        until("the server is left", || server.open_connections() == 0).await;
        let took = ended.elapsed();
        for body in [unread, unread_too] {
            assert!(body.into_body().collect().await.is_err(), "a part must not look like the whole");
        }
        took
    }
}

#[tokio::test]
async fn b10_signing_out_cuts_everything_within_a_second() {
    let streams = Streams::new("").await;
    let took = streams.end(async || drop(streams.browser.submit(&streams.console, "/sign-out", &[]).await.unwrap()));
    assert!(took.await < Duration::from_secs(1) * SLACK);
}

#[tokio::test]
async fn b11_leaving_the_panel_cuts_everything_within_a_second() {
    let streams = Streams::new("").await;
    let logout = streams.panel.attribute("link-logout", "href").unwrap();
    let took = streams.end(async || drop(streams.browser.follow(&streams.panel, &logout).await.unwrap()));
    assert!(took.await < Duration::from_secs(1) * SLACK);
}

/// The machine is shared and the program is not optimised; a cut that did not happen takes minutes.
pub(crate) const SLACK: u32 = 5;
