//! `panelgate shield`: whether the servers' panels answer to anybody but the gateway.

mod check;
mod history;
mod outside;
mod record;

use std::io;
use std::ops::RangeInclusive;

use clap::Args;
use clap::Subcommand;
use clap::value_parser;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::review::Format;
use crate::cli::review::usage;
use crate::model::Directory;
use crate::model::Server;

const EXIT: &str = "Exit codes:\n  0  no panel answers to strangers\n  1  one does, or it could not be told, or \
    nobody has looked from outside lately\n  64  the arguments are wrong\n  70  it could not be done\n  78  the \
    configuration has problems\n\nDaily, on the gateway's machine, with the directory on another one:\n  ssh outside \
    panelgate shield check --outside --config directory.toml --format json | panelgate shield record --quiet";

/// Seconds that a port may be given.
const SECONDS: RangeInclusive<u64> = 1..=30;

/// Servers that may be looked at side by side: each takes eight sockets.
const AT_ONCE: RangeInclusive<u64> = 1..=100;

/// The commands about the shield.
#[derive(Debug, Subcommand)]
pub enum Shield {
    /// Look whether the panels' ports answer: from an outside machine with --outside; on the gateway's machine, show
    /// what was last seen from outside, and what WHM tells.
    #[command(after_help = EXIT)]
    Check(Check),
    /// Keep a report of `check --outside --format json`, read from standard input, and say what has changed.
    #[command(after_help = EXIT)]
    Record(Record),
    /// Show how it was over time.
    History(History),
}

/// `panelgate shield check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Look from this machine, which is not a gateway. The directory is enough as --config: neither secrets nor
    /// store are needed.
    #[arg(long)]
    outside: bool,
    /// Only these servers.
    #[arg(long = "server", value_name = "ID")]
    servers: Vec<String>,
    /// With --outside: how long a port may take to answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = value_parser!(u64).range(SECONDS))]
    timeout: u64,
    /// With --outside: servers that are looked at side by side.
    #[arg(long, value_name = "SERVERS", default_value_t = 64, value_parser = value_parser!(u64).range(AT_ONCE))]
    at_once: u64,
    /// With --outside: only addresses of IPv4, where this machine has no other.
    #[arg(long)]
    only_ipv4: bool,
    /// Without --outside: a look that is older is none.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = value_parser!(u64).range(1..=365))]
    stale_days: u64,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// `panelgate shield record`.
#[derive(Debug, Args)]
pub struct Record {
    #[command(flatten)]
    file: ConfigFile,
    /// Say only what has changed, so that a job that mails what it is told mails no more than that.
    #[arg(long)]
    quiet: bool,
}

/// `panelgate shield history`.
#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    file: ConfigFile,
    /// Only this server.
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs a command.
pub(super) fn run(command: &Shield, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Shield::Check(check) if check.outside => outside::run(check, streams),
        Shield::Check(check) => check::run(check, streams),
        Shield::Record(record) => record::run(record, streams),
        Shield::History(history) => history::run(history, streams),
    }
}

/// The servers that are meant: those that are named, or all.
fn meant<'d>(
    names: &[String],
    directory: &'d Directory,
    streams: &mut Streams<'_>,
) -> io::Result<Result<Vec<&'d Server>, Exit>> {
    if names.is_empty() {
        return Ok(Ok(directory.servers.values().collect()));
    }
    let mut servers = Vec::new();
    for name in names {
        match name.parse().ok().and_then(|id| directory.servers.get(&id)) {
            Some(server) => servers.push(server),
            None => return usage(&format!("the directory has no server {name:?}"), streams).map(Err),
        }
    }
    Ok(Ok(servers))
}
