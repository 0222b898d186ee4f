//! Connections that do nothing: what each costs in memory.

use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use serde_json::json;
use tokio::task::JoinSet;

use super::Harness;
use super::echo;
use super::response;
use super::target;
use super::target::Connection;
use super::target::Target;
use super::target::send;

/// How many of which.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connections.
    #[arg(long)]
    connections: usize,
    /// WebSockets, instead of connections that have had one request.
    #[arg(long)]
    websockets: bool,
}

/// Connections that are opened at once.
const AT_ONCE: usize = 32;

/// Says READY before the connections are opened, gives its result once all are up, and then holds them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, false)?;
    // What the first connection costs the proxy is not the connection's.
    for number in 0..target.people() {
        drop(open(&target.of_person(number), arguments.websockets).await?);
    }
    harness.ready().await?;
    let begun = Instant::now();
    let mut held = Vec::new();
    while held.len() < arguments.connections {
        let mut opening = JoinSet::new();
        for number in 0..AT_ONCE.min(arguments.connections - held.len()) {
            let target = target.of_person(held.len() + number);
            opening.spawn_local(async move { open(&target, arguments.websockets).await });
        }
        while let Some(opened) = opening.join_next().await {
            held.push(opened??);
        }
    }
    harness.done(&json!({ "n": held.len(), "secs": begun.elapsed().as_secs_f64() })).await
}

async fn open(target: &Target, websocket: bool) -> anyhow::Result<Connection> {
    if websocket {
        let mut connection = echo::open(target).await?;
        echo::exchange(&mut connection, &echo::message(16)).await?;
        return Ok(connection);
    }
    let mut connection = target.open().await?.0;
    send(&mut connection, &target.head("GET", "/b/128", &[])).await?;
    let answer = response::read(&mut connection).await?.context("closed before the answer")?;
    ensure!(answer.status == 200, "status {}", answer.status);
    Ok(connection)
}
