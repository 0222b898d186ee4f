//! What servers send, over HTTP/1.1 and HTTP/2: lines that trickle, files and parts of them, as fast as they are
//! read, and bodies that are packed for a script.

use std::future::Future;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lab::browser::Ask;
use lab::browser::Browser;
use lab::browser::Errand;
use lab::browser::Http;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Planted;
use lab::world::Style;

use crate::stage::PATIENCE;
use crate::stage::Stage;

/// Somebody in front of a panel, with a browser of each protocol.
pub(crate) struct Desk {
    pub(crate) stage: Stage,
    pub(crate) browsers: [(Http, Browser); 2],
    pub(crate) console: Page,
    panel: Page,
    number: usize,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// In front of a customer's cPanel, with more lines in the gateway's main file.
    pub(crate) async fn with(more: &str) -> Self {
        Self::before(Stage::with(Style::Ports, more).await, "sam", 2, ("cpaneld", "bob")).await
    }

    /// In front of a WHM.
    async fn whm() -> Self {
        Self::before(Stage::new(Style::Ports).await, "ada", 1, ("whostmgrd", "root")).await
    }

    async fn before(stage: Stage, person: &str, number: usize, (service, account): (&str, &str)) -> Self {
        let (two, console) = stage.signed_in(person).await;
        let panel = two.open(&console, &format!("web{number}"), service, account).await.unwrap();
        let one = Browser::over(&stage.world, Http::One).unwrap();
        one.steal_cookies(&two);
        Self { stage, browsers: [(Http::One, one), (Http::Two, two)], console, panel, number }
    }

    pub(crate) fn server(&self) -> &Cpsrvd {
        self.stage.world.server(self.number)
    }

    /// `fetch()` of a path in the panel.
    pub(crate) fn ask(&self, path: &str) -> Ask<'_> {
        self.ask_for(Errand::Fetch, path)
    }

    fn ask_for(&self, errand: Errand, path: &str) -> Ask<'_> {
        let token = self.panel.url.path().split('/').nth(1).unwrap();
        let url = self.panel.resolve(&format!("/{token}{path}")).unwrap();
        Ask::get(errand, url.as_str()).by(&self.panel)
    }
}

#[tokio::test]
async fn a_download_is_resumed_where_it_broke_off() {
    let desk = Desk::new().await;
    let lines = [("Content-Range", "bytes 5-9/10"), ("Accept-Ranges", "bytes"), ("ETag", "\"v1\"")];
    desk.server().plant("/part", Planted::page("56789", &lines).status(206));
    for (http, browser) in &desk.browsers {
        desk.server().forget();
        let ask = desk.ask("/part").header("range", "bytes=5-").header("if-range", "\"v1\"");
        let part = browser.ask(ask).await.unwrap();
        assert_eq!((part.status, &*part.text()), (206, "56789"), "{http:?}");
        for (name, value) in lines {
            assert_eq!(part.header(name).as_deref(), Some(value), "{http:?} {name}");
        }
        let heard = desk.server().requests().pop().unwrap();
        assert_eq!((heard.header("range"), heard.header("if-range")), (Some("bytes=5-"), Some("\"v1\"")), "{http:?}");
    }
}

/// What comes of an answer, as far as it is needed.
struct Reading(Incoming, String);

impl Reading {
    /// Reads until this has come.
    async fn up_to(&mut self, mark: &str) {
        while !self.1.contains(mark) {
            let piece = soon(self.0.frame()).await.unwrap_or_else(|| panic!("no {mark} in {}", self.1)).unwrap();
            self.1.push_str(std::str::from_utf8(piece.data_ref().unwrap()).unwrap());
        }
    }
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

/// The server says each line only when the one before has been read: whoever collects lines waits for ever.
#[tokio::test]
async fn each_line_of_a_slow_page_comes_before_the_next_is_made() {
    let desk = Desk::whm().await;
    for (path, line) in
        [("/scripts/events.stream", "data: event {}\n\n"), ("/scripts/upgrade", "<span id=\"line-{}\">")]
    {
        for (http, browser) in &desk.browsers {
            let cue = Cue::new();
            desk.server().switch(|switches| switches.trickle_cue = Some(cue.clone()));
            let errand = if path.ends_with("upgrade") { Errand::Frame } else { Errand::Fetch };
            let answer = browser.stream(desk.ask_for(errand, path)).await.unwrap();
            assert_eq!(answer.status(), 200, "{http:?} {path}");
            let mut reading = Reading(answer.into_body(), String::new());
            for number in 0..10 {
                reading.up_to(&line.replace("{}", &number.to_string())).await;
                cue.give();
            }
            reading.up_to(if path.ends_with("upgrade") { "upgrade-end" } else { "event: end" }).await;
        }
    }
}

/// Bytes that may lie between a server and a reader who does not read: the kernel's buffers of two
/// connections, and little of our own.
pub(crate) const BETWEEN: u64 = 32 << 20;

/// While somebody does not read, another's download of the same size as what may lie between passes by. Then
/// the first one reads on, and has missed nothing.
#[tokio::test]
async fn a_server_sends_no_faster_than_the_browser_reads() {
    let desk = Desk::new().await;
    for (http, browser) in &desk.browsers {
        let large = 3 * BETWEEN;
        desk.server().switch(|switches| switches.download_bytes = large);
        let before = desk.server().bytes_written();
        let unread = browser.stream(desk.ask("/download")).await.unwrap();
        assert_eq!(unread.headers()["content-length"], large.to_string());
        desk.server().switch(|switches| switches.download_bytes = BETWEEN);
        let (_, other) = &desk.browsers[0];
        let other = other.stream(desk.ask("/download")).await.unwrap();
        assert_eq!(read_pattern(other.into_body()).await, BETWEEN, "{http:?}");
        let written = desk.server().bytes_written() - before - BETWEEN;
        assert!(written < BETWEEN, "{http:?}: {written} bytes were sent to somebody who read none");
        assert_eq!(read_pattern(unread.into_body()).await, large, "{http:?}");
    }
}

/// Counts the bytes of a download, each of which must be its place modulo 251.
async fn read_pattern(mut body: Incoming) -> u64 {
    let mut read = 0_u64;
    while let Some(piece) = soon(body.frame()).await {
        for byte in piece.unwrap().data_ref().unwrap() {
            assert_eq!(u64::from(*byte), read % 251, "byte {read}");
            read += 1;
        }
    }
    read
}

/// A part that does not exist is the server's to refuse.
#[tokio::test]
async fn a_part_beyond_the_end_is_refused_by_the_server() {
    let desk = Desk::new().await;
    desk.server().plant("/part", Planted::page("", &[("Content-Range", "bytes */10")]).status(416));
    for (http, browser) in &desk.browsers {
        let answer = browser.ask(desk.ask("/part").header("range", "bytes=10-")).await.unwrap();
        assert_eq!((answer.status, answer.header("content-range").as_deref()), (416, Some("bytes */10")), "{http:?}");
    }
}

/// The body is no gzip at all: whoever unpacks it on the way trips.
#[tokio::test]
async fn what_is_packed_for_a_script_stays_packed() {
    let desk = Desk::new().await;
    let body: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    desk.server().plant("/packed", Planted::page(body.clone(), &[("Content-Encoding", "gzip")]));
    for (http, browser) in &desk.browsers {
        desk.server().forget();
        let answer = browser.stream(desk.ask("/packed")).await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{http:?}");
        assert!(answer.into_body().collect().await.unwrap().to_bytes() == body, "{http:?}: another body");
        assert_eq!(desk.server().requests().pop().unwrap().header("accept-encoding"), Some("gzip"), "{http:?}");
    }
}
