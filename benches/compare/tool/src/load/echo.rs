//! WebSocket messages, there and back.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::ensure;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Barrier;
use tokio::task::spawn_local;

use super::Harness;
use super::latency::Latencies;
use super::response;
use super::target;
use super::target::Connection;
use super::target::Target;
use super::target::send;

/// How many messages.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// WebSockets.
    #[arg(long)]
    connections: usize,
    /// Messages, over all of them.
    #[arg(long)]
    messages: u64,
    /// The size of a message, below 126 bytes.
    #[arg(long, default_value_t = 100)]
    size: u8,
}

/// Messages on each WebSocket before the measuring begins.
const WARMUP: usize = 20;

/// A message from a client, masked with zeros (RFC 6455 section 5.2).
pub(super) fn message(size: u8) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | size, 0, 0, 0, 0];
    frame.extend(std::iter::repeat_n(b'm', usize::from(size)));
    frame
}

/// Opens a WebSocket.
pub(super) async fn open(target: &Target) -> anyhow::Result<Connection> {
    let mut connection = target.open().await?.0;
    send(&mut connection, &target.handshake()).await?;
    let status = response::status(&mut connection).await?;
    ensure!(status == 101, "the WebSocket was answered with {status}");
    Ok(connection)
}

/// Sends a message and reads it back.
pub(super) async fn exchange(connection: &mut Connection, message: &[u8]) -> anyhow::Result<()> {
    send(connection, message).await?;
    // Without the mask.
    let mut back = vec![0; message.len() - 4];
    connection.read_exact(&mut back).await?;
    Ok(())
}

/// Runs them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, false)?;
    ensure!(arguments.size < 126, "a message of {} bytes", arguments.size);
    let message = Rc::new(message(arguments.size));
    let left = Rc::new(Cell::new(arguments.messages));
    let (warm, start) =
        (Rc::new(Barrier::new(arguments.connections + 1)), Rc::new(Barrier::new(arguments.connections + 1)));
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        let (target, message) = (target.clone(), Rc::clone(&message));
        let (left, warm, start) = (Rc::clone(&left), Rc::clone(&warm), Rc::clone(&start));
        clients.push(spawn_local(async move {
            let mut connection = open(&target).await?;
            for _ in 0..WARMUP {
                exchange(&mut connection, &message).await?;
            }
            warm.wait().await;
            start.wait().await;
            let mut latencies = Latencies::default();
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                let begun = Instant::now();
                exchange(&mut connection, &message).await?;
                latencies.push(begun.elapsed());
            }
            anyhow::Ok(latencies)
        }));
    }
    warm.wait().await;
    harness.ready().await?;
    let begun = Instant::now();
    start.wait().await;
    let mut all = Latencies::default();
    for client in clients {
        all.append(client.await??);
    }
    harness.done(&all.result(begun.elapsed())).await
}
