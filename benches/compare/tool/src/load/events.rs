//! Server-sent events on many connections at once.

use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use serde_json::json;
use tokio::task::JoinSet;

use super::Harness;
use super::response;
use super::target;
use super::target::Target;
use super::target::send;

/// How many, how often.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connections.
    #[arg(long)]
    connections: u64,
    /// Events on each.
    #[arg(long)]
    events: u64,
    /// Between two events, in milliseconds.
    #[arg(long)]
    milliseconds: u64,
}

/// The least that an event has, in bytes.
const EVENT: u64 = 50;

/// Runs them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, false)?;
    let path = format!("/sse?n={}&ms={}", arguments.events, arguments.milliseconds);
    let mut connections = Vec::new();
    for _ in 0..arguments.connections {
        connections.push(target.open().await?.0);
    }
    harness.ready().await?;
    let begun = Instant::now();
    let mut streams = JoinSet::new();
    for mut connection in connections {
        let head = target.head("GET", &path, &[]);
        streams.spawn_local(async move {
            send(&mut connection, &head).await?;
            let answer = response::read(&mut connection).await?.context("closed before the answer")?;
            ensure!(answer.status == 200 && answer.size >= arguments.events * EVENT, "{answer:?}");
            anyhow::Ok(())
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream??;
    }
    let all = arguments.connections * arguments.events;
    harness.done(&json!({ "n": all, "secs": begun.elapsed().as_secs_f64() })).await
}
