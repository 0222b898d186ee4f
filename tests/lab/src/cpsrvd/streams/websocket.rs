//! The two uses of WebSocket: the terminal and the database dump (RFC 6455).

use std::io::Error;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Takeover;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::pages;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session::Session;
use crate::cpsrvd::switches::DumpEnd;
use crate::cpsrvd::switches::WebSocketOrigin;
use crate::cpsrvd::transport::Connection;
use crate::cpsrvd::transport::Io;

/// The longest message that is taken.
const MAX_MESSAGE: usize = 1 << 20;

/// How often a terminal looks whether its session still lives.
const LOOK: Duration = Duration::from_millis(100);

/// A handshake for the terminal, by the holder of a session.
pub(crate) fn shell(exchange: &Exchange<'_>, session: &Session) -> Answer {
    let is_own = exchange.request.header("Origin").is_some_and(|origin| origin == exchange.addressed());
    if exchange.switches.websocket_origin == WebSocketOrigin::Own && !is_own {
        return refused(403, "Forbidden", "The terminal was opened by another site.");
    }
    // "Terminal in WHM": it needs the privilege "all".
    let account = exchange.shared.accounts.find(&session.user);
    if exchange.service() == Service::Whostmgrd && !account.is_some_and(|account| account.may("all")) {
        return refused(403, "Forbidden", "The terminal needs all privileges.");
    }
    match accept(exchange) {
        Some(accept) => {
            let (session, close) = (session.name.clone(), exchange.switches.shell_close);
            Answer::takeover(Takeover::Shell { accept, session, close })
        }
        None => refused(400, "Bad Request", "This is no WebSocket handshake."),
    }
}

/// A handshake for a database dump, by the holder of an API token.
pub(crate) fn dump(exchange: &Exchange<'_>) -> Answer {
    let database = exchange.query_fields().get("dbname").unwrap_or_default().to_owned();
    match accept(exchange) {
        Some(accept) => Answer::takeover(Takeover::Dump { accept, end: exchange.switches.dump_end, database }),
        None => refused(400, "Bad Request", "This is no WebSocket handshake."),
    }
}

/// Whether a request is a handshake (RFC 6455 section 4.2.1).
pub(crate) fn is_handshake(exchange: &Exchange<'_>) -> bool {
    accept(exchange).is_some()
}

/// The answer to the handshake's key, if it is a handshake.
fn accept(exchange: &Exchange<'_>) -> Option<String> {
    let request = exchange.request;
    let handshake = request.method == "GET"
        && request.minor == 1
        && request.lists("Upgrade", "websocket")
        && request.lists("Connection", "upgrade")
        && request.header("Sec-WebSocket-Version") == Some("13");
    let key = request.header("Sec-WebSocket-Key").filter(|key| key.len() == 24)?;
    handshake.then(|| derive_accept_key(key.as_bytes()))
}

fn refused(status: u16, reason: &'static str, text: &str) -> Answer {
    Answer::page(status, reason, pages::refused(reason, text)).closing()
}

/// Greets like a shell, then sends every frame back as it came. `exit` ends it with code 1000, the end of
/// its session with 1001.
pub(super) async fn serve_shell(
    connection: Connection,
    accept: &str,
    is_live: impl Fn() -> bool,
    close: Option<u16>,
    hear_close: impl Fn(u16),
) -> Result<(), Error> {
    let mut socket = open(connection, accept).await?;
    let outcome = async {
        socket.send(Message::binary("double# ")).await?;
        loop {
            let message = match tokio::time::timeout(LOOK, socket.next()).await {
                Ok(Some(message)) => message?,
                Ok(None) => return Ok(()),
                Err(_) if is_live() => continue,
                Err(_) => {
                    end(&mut socket, 1001).await?;
                    continue;
                }
            };
            let exit = match &message {
                Message::Text(text) => text.trim_end() == "exit",
                Message::Binary(bytes) => bytes.trim_ascii_end() == b"exit",
                Message::Close(frame) => {
                    hear_close(frame.as_ref().map_or(1005, |frame| frame.code.into()));
                    continue;
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            socket.send(message).await?;
            if let Some(code) = close.or(exit.then_some(1000)) {
                end(&mut socket, code).await?;
            }
        }
    };
    settle(outcome.await)
}

/// Sends three frames of SQL and ends as it was told.
pub(super) async fn serve_dump(
    connection: Connection,
    accept: &str,
    how: DumpEnd,
    database: &str,
) -> Result<(), Error> {
    let mut socket = open(connection, accept).await?;
    let outcome = async {
        if how != DumpEnd::Refused {
            socket.send(Message::binary(format!("-- dump of {database}\n").into_bytes())).await?;
            socket.send(Message::binary("CREATE TABLE t (id INT);\n")).await?;
        }
        if how == DumpEnd::Complete {
            socket.send(Message::binary("INSERT INTO t VALUES (1);\n")).await?;
        }
        let code = match how {
            DumpEnd::Complete => 1000,
            DumpEnd::Broken => 1011,
            DumpEnd::Refused => 4000,
        };
        end(&mut socket, code).await?;
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok(())
    };
    settle(outcome.await)
}

async fn open(mut connection: Connection, accept: &str) -> Result<WebSocketStream<Io>, Error> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    connection.write(head.as_bytes()).await?;
    let (io, ahead) = connection.into_parts();
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    Ok(WebSocketStream::from_partially_read(io, ahead, Role::Server, Some(config)).await)
}

async fn end(socket: &mut WebSocketStream<Io>, code: u16) -> Result<(), WebSocketError> {
    socket.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await
}

fn settle(outcome: Result<(), WebSocketError>) -> Result<(), Error> {
    match outcome {
        Ok(()) | Err(WebSocketError::ConnectionClosed) => Ok(()),
        Err(error) => Err(Error::other(error)),
    }
}
