//! The loads. Each prints `READY` when its connections are up and warm, waits for a line, does its work,
//! prints one line of JSON, waits for another line, and ends. So the harness can read the proxy's CPU time
//! and memory at the right moments.

mod echo;
mod events;
mod handshakes;
mod idle;
mod latency;
mod rate;
mod requests;
mod response;
mod target;

use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::io::Stdin;
use tokio::io::stdin;
use tokio::io::stdout;

/// What to do to whom.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: target::Arguments,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Kind {
    /// Requests on connections that stay open.
    Requests(requests::Arguments),
    /// A connection for each request.
    Handshakes(handshakes::Arguments),
    /// WebSocket messages there and back.
    Echo(echo::Arguments),
    /// Connections that do nothing.
    Idle(idle::Arguments),
    /// Server-sent events.
    Events(events::Arguments),
    /// Requests at a fixed rate.
    Rate(rate::Arguments),
}

/// Does the load.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { target, kind } = arguments;
    let mut harness = Harness(BufReader::new(stdin()).lines());
    match kind {
        Kind::Requests(kind) => requests::run(target, kind, &mut harness).await,
        Kind::Handshakes(kind) => handshakes::run(target, kind, &mut harness).await,
        Kind::Echo(kind) => echo::run(target, kind, &mut harness).await,
        Kind::Idle(kind) => idle::run(target, kind, &mut harness).await,
        Kind::Events(kind) => events::run(target, kind, &mut harness).await,
        Kind::Rate(kind) => rate::run(target, kind, &mut harness).await,
    }
}

/// Who measures.
#[derive(Debug)]
struct Harness(Lines<BufReader<Stdin>>);

impl Harness {
    /// Everything is warm; waits for the start.
    async fn ready(&mut self) -> anyhow::Result<()> {
        Self::say("READY").await?;
        self.0.next_line().await?;
        Ok(())
    }

    /// The work is done; waits until it has been measured.
    async fn done(&mut self, result: &Value) -> anyhow::Result<()> {
        Self::say(&result.to_string()).await?;
        self.0.next_line().await?;
        Ok(())
    }

    async fn say(line: &str) -> anyhow::Result<()> {
        let mut out = stdout();
        out.write_all(format!("{line}\n").as_bytes()).await?;
        out.flush().await?;
        Ok(())
    }
}
