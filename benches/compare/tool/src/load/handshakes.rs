//! A connection for each request: full TLS handshakes, or resumed ones.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use serde_json::json;
use tokio::task::spawn_local;

use super::Harness;
use super::latency::Latencies;
use super::response;
use super::target;
use super::target::Target;
use super::target::send;

/// How many, and of which kind.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is asked for on each connection.
    #[arg(long)]
    path: String,
    /// Connections at once.
    #[arg(long)]
    connections: usize,
    /// Connections in all.
    #[arg(long)]
    requests: u64,
    /// Whether the client offers to resume an earlier session.
    #[arg(long)]
    resume: bool,
}

/// Connections before the measuring begins, as a multiple of those at once.
const WARMUP: u64 = 4;

/// Runs them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, arguments.resume)?;
    connect(&target, &arguments, arguments.connections as u64 * WARMUP).await?;
    harness.ready().await?;
    let begun = Instant::now();
    let (latencies, resumed) = connect(&target, &arguments, arguments.requests).await?;
    let mut result = latencies.result(begun.elapsed());
    if let Some(result) = result.as_object_mut() {
        result.insert("resumed".into(), json!(resumed));
    }
    harness.done(&result).await
}

async fn connect(target: &Target, arguments: &Arguments, count: u64) -> anyhow::Result<(Latencies, u64)> {
    let head = Rc::new(target.head("GET", &arguments.path, &["Connection: close"]));
    let left = Rc::new(Cell::new(count));
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        let (target, head, left) = (target.clone(), Rc::clone(&head), Rc::clone(&left));
        clients.push(spawn_local(async move {
            let (mut latencies, mut resumed) = (Latencies::default(), 0);
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                let begun = Instant::now();
                let (mut connection, again) = target.open().await?;
                send(&mut connection, &head).await?;
                let answer = response::read(&mut connection).await?.context("closed before the answer")?;
                ensure!(answer.status == 200, "status {}", answer.status);
                resumed += u64::from(again);
                latencies.push(begun.elapsed());
            }
            anyhow::Ok((latencies, resumed))
        }));
    }
    let (mut all, mut resumed) = (Latencies::default(), 0);
    for client in clients {
        let (latencies, again) = client.await??;
        all.append(latencies);
        resumed += again;
    }
    Ok((all, resumed))
}
