//! Answers of a server that are none, or that can be read in two ways. `docs/wire.md` lists the rows by number.

use lab::browser::Browser;
use lab::browser::Page;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::world::Style;

use crate::stage::Stage;
use crate::stage::problem;

struct Asker {
    stage: Stage,
    browser: Browser,
    home: Page,
}

impl Asker {
    async fn new() -> Self {
        let stage = Stage::new(Style::Ports).await;
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        Self { stage, browser, home }
    }

    fn server(&self) -> &Cpsrvd {
        self.stage.world.server(1)
    }

    /// Asks for a page that the server answers with these bytes; gives what the browser gets.
    async fn ask(&self, bytes: &str, end: bool) -> anyhow::Result<Page> {
        let bytes = bytes.as_bytes().to_vec();
        let fault = if end { Fault::WireThenEnd(bytes) } else { Fault::Wire(bytes) };
        self.server().faults().inject("/x", 1, fault);
        self.browser.fetch(&self.home, "x").await
    }

    /// The next request is answered, and on another connection than the last one to `/x`.
    async fn goes_on_elsewhere(&self, what: &str) {
        let page = self.browser.fetch(&self.home, self.home.url.as_str()).await.unwrap();
        assert_eq!(page.status, 200, "{what}");
        let heard = self.server().requests();
        let odd = heard.iter().rfind(|request| request.path() == "/x").unwrap();
        assert_ne!(odd.connection, heard.last().unwrap().connection, "{what}: the connection was used again");
    }
}

#[tokio::test]
async fn w32_bytes_behind_an_answer() {
    let asker = Asker::new().await;
    let page = asker
        .ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", false);
    assert_eq!(page.await.unwrap().text(), "ok");
    asker.goes_on_elsewhere("surplus").await;
}

#[tokio::test]
async fn w33_a_length_beside_chunks() {
    let asker = Asker::new().await;
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n";
    match asker.ask(both, false).await {
        Ok(page) => assert!((page.status, &*page.text()) == (200, "whole") || page.status == 502, "{page:?}"),
        Err(error) => panic!("neither read nor refused: {error:#}"),
    }
    asker.goes_on_elsewhere("both").await;
}

#[tokio::test]
async fn w34_answers_that_are_none() {
    let asker = Asker::new().await;
    let lines = |more: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{}\r\nok", "X-A: b\r\n".repeat(more));
    let page = asker.ask(&lines(99), false).await.unwrap();
    assert_eq!((page.status, &*page.text()), (200, "ok"), "a hundred header lines");
    for (what, bytes) in [
        ("one line more", &*lines(100)),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        ("a folded line", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
        ("a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"),
        ("a bare CR", "HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n"),
        ("HTTP/0.9", "<html>hello</html>"),
        ("a status of two digits", "HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n"),
        ("a status below 100", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"),
        ("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("HTTP/2", "HTTP/2 200\r\n\r\n"),
        ("a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        ("an end within the head", "HTTP/1.1 200 OK\r\nX-A"),
    ] {
        let page = asker.ask(bytes, true).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert_eq!(page.status, 502, "{what}: {}", page.text());
        assert_eq!(problem(&page).0, "server_broke_off", "{what}");
        asker.goes_on_elsewhere(what).await;
    }
}

#[tokio::test]
async fn w35_statuses_that_have_no_place() {
    let asker = Asker::new().await;
    for (what, bytes) in [
        ("999", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
        ("600", "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n"),
        (
            "an upgrade that nobody asked for",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ),
        ("no content with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde"),
    ] {
        let page = asker.ask(bytes, false).await.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        assert_eq!(page.status, 502, "{what}: {}", page.text());
        asker.goes_on_elsewhere(what).await;
    }
}

#[tokio::test]
async fn w36_interim_answers_are_swallowed_up_to_a_bound() {
    let asker = Asker::new().await;
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let page = asker.ask(&format!("{hint}HTTP/1.1 100 Continue\r\n\r\n{hint}{answer}"), false).await.unwrap();
    assert_eq!((page.status, &*page.text(), page.header("link")), (200, "ok", None));
    let page = asker.ask(&format!("{}{answer}", hint.repeat(1000)), false).await.unwrap();
    assert_eq!((page.status, &*problem(&page).0), (502, "server_broke_off"));
    asker.goes_on_elsewhere("a flood").await;
}

#[tokio::test]
async fn w37_bodies_that_end_with_the_connection_and_odd_reasons() {
    let asker = Asker::new().await;
    for bytes in [
        "HTTP/1.1 200 Perfectly Fine, Thank You\r\nContent-Type: text/plain\r\n\r\nuntil the end",
        "HTTP/1.1 200 \r\nContent-Type: text/plain\r\n\r\nuntil the end",
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 13\r\n\r\nuntil the end",
    ] {
        let page = asker.ask(bytes, true).await.unwrap();
        assert_eq!((page.status, &*page.text()), (200, "until the end"), "{bytes}");
    }
}

#[tokio::test]
async fn w38_no_request_is_sent_twice() {
    let asker = Asker::new().await;
    asker.server().switch(|switches| switches.record_requests = true);
    for fault in [Fault::Reset, Fault::Garbage, Fault::ServerError, Fault::WireThenEnd(Vec::new())] {
        asker.server().forget();
        asker.server().faults().inject("/x", 1, fault.clone());
        let page = asker.browser.fetch(&asker.home, "x").await.unwrap();
        assert!(page.status >= 500, "{fault:?}: {}", page.status);
        let heard = asker.server().requests().iter().filter(|request| request.path() == "/x").count();
        assert_eq!(heard, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn w39_no_connection_serves_two_sessions() {
    let stage = Stage::new(Style::Ports).await;
    let server = stage.world.server(1);
    server.switch(|switches| switches.framing = lab::cpsrvd::Framing::ContentLength);
    let mut of = Vec::new();
    for _ in 0..3 {
        let (browser, console) = stage.signed_in("ada").await;
        let home = browser.open(&console, "web1", "whostmgrd", "root").await.unwrap();
        server.forget();
        for _ in 0..5 {
            browser.fetch(&home, home.url.as_str()).await.unwrap();
        }
        let connections: std::collections::BTreeSet<u64> = server.requests().iter().map(|r| r.connection).collect();
        assert!(connections.len() < 5, "one session's requests share: {connections:?}");
        of.push(connections);
    }
    assert!(of[0].is_disjoint(&of[1]) && of[1].is_disjoint(&of[2]) && of[0].is_disjoint(&of[2]), "{of:?}");
}
