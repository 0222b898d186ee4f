//! Requests on connections that stay open: small ones, downloads and uploads.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::ensure;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Barrier;
use tokio::task::spawn_local;

use super::Harness;
use super::latency::Latencies;
use super::response;
use super::target;
use super::target::Connection;
use super::target::Target;
use super::target::send;

/// Sent at a time, in bytes.
const CHUNK: usize = 128 * 1024;
static LETTERS: [u8; CHUNK] = [b'u'; CHUNK];

/// How many of which requests.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is asked for.
    #[arg(long)]
    path: String,
    /// Connections.
    #[arg(long)]
    connections: usize,
    /// Requests, over all of them.
    #[arg(long)]
    requests: u64,
    /// Requests on each connection before the measuring begins.
    #[arg(long, default_value_t = 20)]
    warmup: u64,
    /// The size of what is sent with each request, in bytes.
    #[arg(long, default_value_t = 0)]
    upload: u64,
    /// The size of each answer, in bytes.
    #[arg(long)]
    expect: Option<u64>,
}

/// One connection, and what it asks.
struct Client {
    target: Target,
    connection: Connection,
    head: Vec<u8>,
    arguments: Arguments,
}

impl Client {
    async fn request(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            if let Some(answer) = self.once().await? {
                let size_fits = self.arguments.expect.is_none_or(|size| size == answer.size);
                ensure!(answer.status == 200 && size_fits, "status {}, {} bytes", answer.status, answer.size);
                if !answer.stays_open {
                    self.connection = self.target.open().await?.0;
                }
                return Ok(());
            }
            // The proxy closed a connection that was idle: a browser sends again, on another.
            self.connection = self.target.open().await?.0;
        }
        anyhow::bail!("two connections in a row were closed without an answer")
    }

    async fn once(&mut self) -> anyhow::Result<Option<response::Response>> {
        send(&mut self.connection, &self.head).await?;
        let mut left = self.arguments.upload;
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            self.connection.write_all(LETTERS.get(..size).context("a chunk")?).await?;
            left -= size as u64;
        }
        self.connection.flush().await?;
        response::read(&mut self.connection).await
    }
}

/// Runs them.
pub(crate) async fn run(target: target::Arguments, arguments: Arguments, harness: &mut Harness) -> anyhow::Result<()> {
    let target = Target::new(target, false)?;
    let head = match arguments.upload {
        0 => target.head("GET", &arguments.path, &[]),
        size => {
            let length = format!("Content-Length: {size}");
            target.head("POST", &arguments.path, &["Content-Type: application/octet-stream", &length])
        }
    };
    let left = Rc::new(Cell::new(arguments.requests));
    let (warm, start) =
        (Rc::new(Barrier::new(arguments.connections + 1)), Rc::new(Barrier::new(arguments.connections + 1)));
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        let (target, head, arguments) = (target.clone(), head.clone(), arguments.clone());
        let (left, warm, start) = (Rc::clone(&left), Rc::clone(&warm), Rc::clone(&start));
        clients.push(spawn_local(async move {
            let connection = target.open().await?.0;
            let mut client = Client { target, connection, head, arguments };
            for _ in 0..client.arguments.warmup {
                client.request().await?;
            }
            warm.wait().await;
            start.wait().await;
            let mut latencies = Latencies::default();
            while let Some(rest) = left.get().checked_sub(1) {
                left.set(rest);
                let begun = Instant::now();
                client.request().await?;
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
