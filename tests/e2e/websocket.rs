//! WebSockets of a panel, over HTTP/1.1 and as streams of HTTP/2 (RFC 8441): every kind of frame comes through
//! as it was sent, both ends can end it in every way, and it lives no longer than what it was opened under.

use std::future::Future;

use lab::browser::Browser;
use lab::browser::CloseFrame;
use lab::browser::Http;
use lab::browser::Message;
use lab::browser::Page;
use lab::browser::Shake;
use lab::browser::Socket;
use lab::cpsrvd::Cpsrvd;
use lab::cpsrvd::Fault;
use lab::cpsrvd::WebSocketOrigin;
use lab::world::Style;

use crate::stage::PATIENCE;
use crate::stage::Stage;
use crate::stage::until;

/// Somebody in front of a cPanel with a terminal, which says every message again.
struct Desk {
    stage: Stage,
    browser: Browser,
    console: Page,
    panel: Page,
    http: Http,
}

impl Desk {
    async fn new(http: Http) -> Self {
        let stage = Stage::new(Style::Ports).await;
        let (browser, console) = stage.signed_in("sam").await;
        let panel = browser.open(&console, "web2", "cpaneld", "bob").await.unwrap();
        Self { stage, browser, console, panel, http }
    }

    fn server(&self) -> &Cpsrvd {
        self.stage.world.server(2)
    }

    async fn shake(&self, headers: &[(&str, &str)]) -> Shake {
        let token = self.panel.url.path().split('/').nth(1).unwrap();
        let address = format!("/{token}/websocket/Shell?rows=24&cols=80");
        soon(self.browser.shake(self.http, &self.panel, &address, headers)).await.unwrap()
    }

    /// A terminal that has greeted.
    async fn terminal(&self) -> Socket {
        let mut socket = self.shake(&[]).await.opened().unwrap();
        assert_eq!(heard(&mut socket).await, Message::binary("double# "));
        socket
    }

    /// Waits until the server has nobody left.
    async fn server_is_left(&self) {
        until("the server is left", || self.server().open_connections() == 0).await;
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

async fn heard(socket: &mut Socket) -> Message {
    soon(socket.next()).await.unwrap().unwrap()
}

/// What is heard up to the end, whatever the end is.
async fn rest(socket: &mut Socket) -> Vec<Message> {
    let mut rest = Vec::new();
    while let Ok(Some(message)) = soon(socket.next()).await {
        rest.push(message);
    }
    rest
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

/// Runs a test once over each protocol.
macro_rules! over_both {
    ($($(#[$about:meta])* async fn $name:ident($desk:ident: Desk) $body:block)*) => {$(
        $(#[$about])*
        mod $name {
            use super::*;

            async fn test($desk: Desk) $body

            #[tokio::test]
            async fn over_http_1() {
                test(Desk::new(Http::One).await).await;
            }

            #[tokio::test]
            async fn over_http_2() {
                test(Desk::new(Http::Two).await).await;
            }
        }
    )*};
}

over_both! {
    async fn every_kind_of_frame_comes_through(desk: Desk) {
        let mut socket = desk.terminal().await;
        for message in [
            Message::text("h\u{e9}llo \u{1f980}"),
            Message::text(""),
            Message::binary(vec![0, 1, 13, 10, 255]),
            Message::binary(vec![]),
        ] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(heard(&mut socket).await, message);
        }
        socket.send_pieces(&["in ", "three ", "pieces"]).await.unwrap();
        assert_eq!(heard(&mut socket).await, Message::text("in three pieces"));
        socket.send(Message::Ping("are you there".into())).await.unwrap();
        assert_eq!(heard(&mut socket).await, Message::Pong("are you there".into()), "the server's own");
        // A pong that nobody asked for is no reason to end (RFC 6455 section 5.5.3).
        socket.send(Message::Pong("by the way".into())).await.unwrap();
        socket.send(Message::text("still here")).await.unwrap();
        assert_eq!(heard(&mut socket).await, Message::text("still here"));
    }

    async fn a_large_message_comes_through_whole(desk: Desk) {
        let mut socket = desk.terminal().await;
        let large: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        soon(socket.send(Message::binary(large.clone()))).await.unwrap();
        assert!(heard(&mut socket).await == Message::binary(large), "another message than was sent");
    }

    async fn many_sockets_do_not_hear_each_other(desk: Desk) {
        let (mut one, mut two) = (desk.terminal().await, desk.terminal().await);
        one.send(Message::text("one")).await.unwrap();
        two.send(Message::text("two")).await.unwrap();
        assert_eq!(heard(&mut two).await, Message::text("two"));
        assert_eq!(heard(&mut one).await, Message::text("one"));
        one.send(close(1000, "")).await.unwrap();
        assert_eq!(rest(&mut one).await, [close(1000, "")]);
        two.send(Message::text("still here")).await.unwrap();
        assert_eq!(heard(&mut two).await, Message::text("still here"));
    }

    /// The server says a close frame again: code and reason have come to it, and back.
    async fn the_page_closes_with_code_and_reason(desk: Desk) {
        let mut socket = desk.terminal().await;
        socket.send(close(4321, "the tab is closed")).await.unwrap();
        assert_eq!(rest(&mut socket).await, [close(4321, "the tab is closed")]);
        desk.server_is_left().await;
    }

    async fn the_server_closes_with_a_code(desk: Desk) {
        for (code, last) in [(None, "exit"), (Some(1011), "x"), (Some(4000), "x")] {
            desk.server().switch(|switches| switches.shell_close = code);
            let mut socket = desk.terminal().await;
            socket.send(Message::text(last)).await.unwrap();
            assert_eq!(rest(&mut socket).await, [Message::text(last), close(code.unwrap_or(1000), "")]);
        }
        desk.server_is_left().await;
    }

    /// What was sent before is still heard and answered.
    async fn the_page_ends_its_direction(desk: Desk) {
        let mut socket = desk.terminal().await;
        socket.send(Message::text("last words")).await.unwrap();
        soon(socket.end_sending()).await.unwrap();
        assert_eq!(rest(&mut socket).await, [Message::text("last words")]);
        desk.server_is_left().await;
    }

    async fn the_page_is_gone_without_a_word(desk: Desk) {
        let socket = desk.terminal().await;
        assert!(desk.server().open_connections() > 0);
        drop(socket);
        desk.server_is_left().await;
    }

    /// The server takes no message of more than 1 MiB and ends the connection in the middle of it.
    async fn the_server_is_gone_without_a_word(desk: Desk) {
        let mut socket = desk.terminal().await;
        soon(socket.send(Message::binary(vec![0; 3 << 20]))).await.ok();
        assert_eq!(rest(&mut socket).await, []);
        desk.server_is_left().await;
        desk.terminal().await;
    }

    /// A page of another site, or of the console, gets no terminal, even where the server would not mind.
    async fn a_foreign_page_is_refused(desk: Desk) {
        desk.server().switch(|switches| switches.websocket_origin = WebSocketOrigin::Any);
        let console = desk.console.url.origin().ascii_serialization();
        for origin in ["https://evil.example", &console, "null", ""] {
            match desk.shake(&[("origin", origin)]).await {
                Shake::Refused(status) => assert_eq!(status, 403, "{origin}"),
                Shake::Open(_) => panic!("opened for {origin:?}"),
            }
        }
        let heard = desk.server().requests();
        assert!(!heard.iter().any(|request| request.path().contains("Shell")), "the server was asked");
        desk.terminal().await;
    }

    async fn both_ends_are_told_when_the_gateway_stops(desk: Desk) {
        let mut socket = desk.terminal().await;
        socket.send(Message::text("still here")).await.unwrap();
        assert_eq!(heard(&mut socket).await, Message::text("still here"));
        desk.stage.gateway.signal("TERM").await.unwrap();
        assert_eq!(rest(&mut socket).await, [close(1001, "")]);
        let server = desk.server();
        until("the server is told", || server.closes() == [1001]).await;
        assert_eq!(desk.stage.gateway.ended().await.unwrap().code, Some(0));
    }

    /// Also where the server does not end its session and would go on.
    async fn signing_out_cuts_it(desk: Desk) {
        desk.server().faults().inject("/logout", 1000, Fault::ServerError);
        let mut socket = desk.terminal().await;
        socket.send(Message::text("still here")).await.unwrap();
        assert_eq!(heard(&mut socket).await, Message::text("still here"));
        desk.browser.submit(&desk.console, "/sign-out", &[]).await.unwrap();
        assert_eq!(rest(&mut socket).await, []);
        desk.server_is_left().await;
        assert!(matches!(desk.shake(&[]).await, Shake::Refused(401 | 403)), "opened after the end");
    }
}
