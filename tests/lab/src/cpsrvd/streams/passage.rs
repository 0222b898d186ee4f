//! A WebSocket of a tool that runs beside the server: bytes in both directions, from the handshake on.

use std::io::Error;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::Takeover;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::transport::Connection;

/// The handshake as the tool gets it: under its own path, with the fields as they came.
pub(crate) fn of_tool(exchange: &Exchange<'_>, address: SocketAddr) -> Takeover {
    let question = if exchange.query.is_empty() { "" } else { "?" };
    let mut head = format!("GET {}{question}{} HTTP/1.1\r\n", exchange.path, exchange.query);
    for (name, value) in &exchange.request.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    Takeover::Tool { address, head: head.into_bytes() }
}

/// Carries bytes until both directions have ended, or one breaks off.
pub(super) async fn serve(connection: Connection, address: SocketAddr, head: &[u8]) -> Result<(), Error> {
    let mut tool = TcpStream::connect(address).await?;
    tool.set_nodelay(true)?;
    let (mut io, ahead) = connection.into_parts();
    tool.write_all(&[head, &ahead].concat()).await?;
    tokio::io::copy_bidirectional(&mut io, &mut tool).await?;
    Ok(())
}
