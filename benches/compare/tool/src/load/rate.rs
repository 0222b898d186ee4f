//! Requests at a fixed rate, whatever the answers take: latencies count from when a request was due.

use std::time::Duration;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::Harness;
use super::latency::Latencies;
use super::response;
use super::target;
use super::target::Target;
use super::target::send;

/// How often, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is asked for.
    #[arg(long)]
    path: String,
    /// Connections, which take turns.
    #[arg(long)]
    connections: u32,
    /// Requests in a second, over all of them.
    #[arg(long)]
    rate: u32,
    /// For how long, in seconds.
    #[arg(long)]
    seconds: u32,
}

/// Requests on each connection before the measuring begins.
const WARMUP: usize = 50;

/// Runs them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, false)?;
    let head = target.head("GET", &arguments.path, &[]);
    let mut connections = Vec::new();
    for _ in 0..arguments.connections {
        let mut connection = target.open().await?.0;
        for _ in 0..WARMUP {
            send(&mut connection, &head).await?;
            response::read(&mut connection).await?.context("closed in the warm-up")?;
        }
        connections.push(connection);
    }
    harness.ready().await?;
    let begun = Instant::now();
    let gap = Duration::from_secs(1) * arguments.connections / arguments.rate.max(1);
    let each = arguments.rate * arguments.seconds / arguments.connections.max(1);
    let mut clients = JoinSet::new();
    for (number, mut connection) in (0..).zip(connections) {
        let head = head.clone();
        let first = begun + gap * number / arguments.connections.max(1);
        clients.spawn_local(async move {
            let mut latencies = Latencies::default();
            for turn in 0..each {
                let due = first + gap * turn;
                sleep_until(due.into()).await;
                send(&mut connection, &head).await?;
                let answer = response::read(&mut connection).await?.context("closed before the answer")?;
                ensure!(answer.status == 200, "status {}", answer.status);
                latencies.push(due.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(client) = clients.join_next().await {
        all.append(client??);
    }
    harness.done(&all.result(begun.elapsed())).await
}
