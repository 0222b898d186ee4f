//! The parts of the benchmark that do the work on both sides of a proxy.
//!
//! `stage` is the server behind it (and, for Panelgate, the provider and the files), `session-check` what
//! nginx asks for each request, `bare` a proxy that only passes on, `load` the clients.

mod bare;
mod checked;
mod cryptography;
mod load;
mod opening;
mod session_check;
mod stage;
mod upstream;

use clap::Parser;
use clap::Subcommand;
use tokio::task::LocalSet;

/// Upstream, stage and load of the benchmarks.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The server behind the proxies, an OpenID Provider, and Panelgate's files.
    Stage(stage::Arguments),
    /// The small service that nginx asks about each request.
    SessionCheck(session_check::Arguments),
    /// A proxy of the same libraries that only passes on.
    Bare(bare::Arguments),
    /// How long opening a server takes.
    Opening(opening::Arguments),
    /// One kind of load.
    Load(load::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        match arguments.role {
            Role::Stage(arguments) => stage::run(arguments).await,
            Role::SessionCheck(arguments) => session_check::run(arguments).await,
            Role::Bare(arguments) => bare::run(arguments).await,
            Role::Opening(arguments) => opening::run(arguments).await,
            Role::Load(arguments) => load::run(arguments).await,
        }
    })
}
