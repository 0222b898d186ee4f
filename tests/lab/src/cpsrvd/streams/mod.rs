//! Long-lived and odd traffic: WebSocket, uploads, downloads, pages and events that trickle.

mod passage;
mod transfer;
mod trickle;
mod upload;
mod websocket;

use std::io::Error;
use std::net::SocketAddr;

use super::transport::Connection;
pub(super) use passage::of_tool;
pub(super) use trickle::download;
pub(super) use trickle::events;
pub(super) use trickle::upgrade;
pub(super) use upload::PATH as UPLOAD;
pub(super) use upload::answer as upload;
pub(super) use websocket::dump;
pub(super) use websocket::is_handshake;
pub(super) use websocket::shell;

use super::shared::Shared;
use super::switches::DumpEnd;
use super::sync::lock;

/// A protocol that a socket changes to.
#[derive(Clone, Debug)]
pub(super) enum Takeover {
    /// A terminal that echoes while its session lives. `close` ends it after the first frame.
    Shell { accept: String, session: String, close: Option<u16> },
    /// A database dump.
    Dump { accept: String, end: DumpEnd, database: String },
    /// Bytes in both directions, without a protocol.
    Transfer,
    /// A WebSocket of a tool, which gets this head and everything behind it.
    Tool { address: SocketAddr, head: Vec<u8> },
}

/// Serves the rest of a connection.
pub(super) async fn take_over(shared: &Shared, connection: Connection, takeover: Takeover) -> Result<(), Error> {
    match takeover {
        Takeover::Shell { accept, session, close } => {
            let is_live = || shared.sessions.is_live(&session);
            let hear_close = |code| lock(&shared.closes).push(code);
            websocket::serve_shell(connection, &accept, is_live, close, hear_close).await
        }
        Takeover::Dump { accept, end, database } => websocket::serve_dump(connection, &accept, end, &database).await,
        Takeover::Transfer => transfer::serve(connection).await,
        Takeover::Tool { address, head } => passage::serve(connection, address, &head).await,
    }
}
