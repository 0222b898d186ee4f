//! What browsers send, over HTTP/1.1 and HTTP/2: as long as it takes, no faster than the server reads, and no
//! longer than what it is sent under.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use lab::browser::Browser;
use lab::browser::MULTIPART;
use lab::browser::Piecewise;
use lab::browser::Sending;
use lab::browser::Upload;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Cue;
use lab::cpsrvd::Fault;
use serde_json::Value;
use tokio::time::Instant;

use crate::edge::Panel;
use crate::stage::until;
use crate::traffic::BETWEEN;
use crate::traffic::Desk;
use crate::traffic::soon;

const UPLOAD: &str = "/execute/Fileman/upload_files";
const LARGE: u64 = 1 << 30;

/// An answer that comes before the request's body has been read.
const EARLY: &[u8] =
    b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ntoo large";

impl Desk {
    async fn upload(&self, browser: &Browser, what: Sending) -> anyhow::Result<Response<Incoming>> {
        soon(browser.send(self.ask(UPLOAD), MULTIPART, what)).await
    }

    /// Another upload that fills as much as may lie between passes by: by then, one that is not read is stuck.
    async fn let_another_pass(&self) {
        let (_, browser) = &self.browsers[0];
        let answer = self.upload(browser, Sending::File(Upload::of(BETWEEN))).await.unwrap();
        assert_eq!(json(answer).await["data"]["succeeded"], 1);
    }

    /// Signs out, which the server must notice at once.
    async fn leave(&self, browser: &Browser) {
        self.let_another_pass().await;
        assert!(connections_to(self.server()) > 0);
        browser.submit(&self.console, "/sign-out", &[]).await.unwrap();
        until("the server is left", || connections_to(self.server()) == 0).await;
    }
}

async fn text(answer: Response<Incoming>) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json(answer: Response<Incoming>) -> Value {
    serde_json::from_str(&text(answer).await).unwrap()
}

/// The connections to a server that somebody on this machine still holds (`ESTABLISHED` in proc(5)). The
/// server itself would not notice the end of one that it does not read.
pub(crate) fn connections_to(server: &Cpsrvd) -> usize {
    let std::net::IpAddr::V4(ip) = server.ip() else { panic!("the doubles listen on IPv4") };
    let to = format!("{:08X}:", u32::from_le_bytes(ip.octets()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|remote| remote.starts_with(&to)) && fields.next() == Some("01")
    };
    table.lines().filter(open).count()
}

#[tokio::test]
async fn an_upload_goes_no_faster_than_the_server_reads_and_arrives_whole() {
    let desk = Desk::new().await;
    for (http, browser) in &desk.browsers {
        let (cue, file) = (Cue::new(), Upload::of(3 * BETWEEN));
        let asked = file.asked();
        desk.server().faults().inject(UPLOAD, 1, Fault::Hold(cue.clone()));
        let meanwhile = async {
            until("the server has the first one", || desk.server().faults().pending() == 0).await;
            desk.let_another_pass().await;
            let asked = asked.load(Ordering::Relaxed);
            assert!(asked < BETWEEN, "{http:?}: {asked} bytes were taken for a server that read none");
            cue.give();
        };
        let (answer, ()) = tokio::join!(desk.upload(browser, Sending::File(file)), meanwhile);
        let bytes = json(answer.unwrap()).await["data"]["bytes"].as_u64().unwrap();
        assert!((3 * BETWEEN..3 * BETWEEN + 200).contains(&bytes), "{http:?}: {bytes}");
    }
}

/// The time for an answer begins when the server has the request.
#[tokio::test]
async fn an_upload_may_take_longer_than_the_time_for_an_answer() {
    let desk = Desk::with("[limits]\nupstream_response_seconds = 1\n").await;
    for (http, browser) in &desk.browsers {
        let (pieces, body) = Piecewise::new();
        let send = async move {
            let began = Instant::now();
            let mut beat = tokio::time::interval(Duration::from_millis(100));
            while began.elapsed() < Duration::from_secs(3) {
                beat.tick().await;
                pieces.send(Bytes::from_static(b"--x\r\n\r\nfile\r\n")).await.unwrap();
            }
            pieces.send(Bytes::from_static(b"--x--\r\n")).await.unwrap();
        };
        let (answer, ()) = tokio::join!(desk.upload(browser, Sending::Pieces(body)), send);
        assert_eq!(json(answer.unwrap()).await["data"]["succeeded"], 1, "{http:?}");
    }
}

/// The server says no in the middle of it: the browser hears that at once, and can go on.
#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_is_passed_on_at_once() {
    let desk = Desk::new().await;
    desk.server().switch(|switches| switches.upload_limit = Some(100_000));
    for (http, browser) in &desk.browsers {
        desk.server().forget();
        let (pieces, body) = Piecewise::new();
        let send = async {
            for _ in 0..10 {
                pieces.send(Bytes::from(vec![b'x'; 20_000])).await.unwrap();
            }
        };
        let (answer, ()) = tokio::join!(desk.upload(browser, Sending::Pieces(body)), send);
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 413, "{http:?}");
        assert!(text(answer).await.contains("larger than this server accepts"), "{http:?}");
        // The upload has still not ended.
        let next = browser.ask(desk.ask("/frontend/jupiter/index.html")).await.unwrap();
        assert_eq!(next.status, 200, "{http:?}");
        let heard = desk.server().requests();
        assert_eq!(heard.len(), 2, "{http:?}");
        assert_ne!(heard[0].connection, heard[1].connection, "{http:?}: a connection that is out of step");
        drop(pieces);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it_and_sends_its_body() {
    let panel = Panel::new().await;
    let body = "a=".to_owned() + &"b".repeat(500_000);
    let head = panel.post(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len()), "");
    let (mut raw, status, answer) = panel.send(&head).await;
    assert_eq!((status, &*answer), (100, "HTTP/1.1 100 Continue\r\n\r\n"));
    let (status, answer) = raw.exchange(&body).await;
    assert_eq!(status, 200, "{answer}");
    let request = panel.stage.world.server(1).requests().pop().unwrap();
    assert_eq!((request.body_length, request.header("expect")), (500_002, None));
    assert!(raw.is_closed_or_usable(crate::edge::WHM).await, "out of step");
}

#[tokio::test]
async fn the_end_of_a_session_cuts_an_upload_that_the_server_does_not_read() {
    for one in [0, 1] {
        let desk = Desk::new().await;
        let (http, browser) = &desk.browsers[one];
        desk.server().faults().inject(UPLOAD, 1, Fault::Hold(Cue::new()));
        let (answer, ()) = tokio::join!(desk.upload(browser, Sending::File(Upload::of(LARGE))), async {
            until("the server has it", || desk.server().faults().pending() == 0).await;
            desk.leave(browser).await;
        });
        let status = answer.map(|answer| answer.status().as_u16());
        assert!(matches!(status, Err(_) | Ok(401)), "{http:?} {status:?}");
    }
}

/// The HTTP client looks at nothing but its full buffers by then.
#[tokio::test]
async fn the_end_of_a_session_cuts_an_upload_that_has_been_answered() {
    for one in [0, 1] {
        let desk = Desk::new().await;
        let (http, browser) = &desk.browsers[one];
        desk.server().faults().inject(UPLOAD, 1, Fault::WireUnread(EARLY.to_vec()));
        let answer = desk.upload(browser, Sending::File(Upload::of(LARGE))).await.unwrap();
        assert_eq!(answer.status(), 413, "{http:?}");
        desk.leave(browser).await;
    }
}

/// A server that takes nothing for too long is let go of, whether it has answered or not.
#[tokio::test]
async fn a_server_that_reads_no_more_of_an_upload_is_let_go_of() {
    let desk = Desk::with("[limits]\nbody_idle_seconds = 2\n").await;
    for fault in [Fault::Hold(Cue::new()), Fault::WireUnread(EARLY.to_vec())] {
        for (http, browser) in &desk.browsers {
            desk.server().faults().inject(UPLOAD, 1, fault.clone());
            let answer = desk.upload(browser, Sending::File(Upload::of(LARGE))).await.unwrap();
            let expected = if matches!(fault, Fault::Hold(_)) { 502 } else { 413 };
            assert_eq!(answer.status(), expected, "{http:?}");
            drop(answer);
            until("the server is left", || connections_to(desk.server()) == 0).await;
        }
    }
}
