//! `panelgate token`: changing the servers' API tokens.

use std::io;

use clap::Args;
use clap::Subcommand;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::vault::at_the_desk;
use crate::cli::vault::named;
use crate::compose::Desk;
use crate::compose::new_token;
use crate::config::Config;
use crate::model::Server;
use crate::model::TokenRef;
use crate::telemetry::Chain;
use crate::upstream::Upstream;
use crate::vault::Binding;

/// The commands about tokens.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Change tokens in the vault: create a new one, verify it, take it into use, revoke the old one. What was
    /// interrupted before is ended first.
    Rotate(Rotate),
}

/// Which tokens.
#[derive(Debug, Args)]
pub struct Rotate {
    /// The servers' ids.
    #[arg(required_unless_present = "due", conflicts_with = "due")]
    servers: Vec<String>,
    /// Those whose end is near, as `[fleet]` says, and those whose change was interrupted.
    #[arg(long)]
    due: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(command: &Token, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Token::Rotate(rotate) = command;
    at_the_desk(&rotate.file.config, streams, async |config, desk, streams| {
        self::rotate(rotate, config, desk, streams).await
    })
}

async fn rotate(rotate: &Rotate, config: &Config, desk: &Desk, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let servers = if rotate.due { due(config, desk, streams).await? } else { asked(rotate, config)? };
    let (rotator, wanted) = (desk.rotator(), new_token(config));
    let mut failed = 0;
    for server in servers {
        let upstream = Upstream::new(server, desk.limits)?.leaving_from(desk.source);
        match rotator.rotate(&upstream, &Binding::of(server), &wanted).await {
            Ok(done) => {
                let until = done.expires_at.map(|end| end.to_string()).unwrap_or_default();
                writeln!(streams.out, "{}: token {} is in use until {until}", server.id, done.name)?;
                if !done.revoked {
                    writeln!(
                        streams.err,
                        "warning: {}: the name of the old token is not known: revoke it in WHM",
                        server.id
                    )?;
                }
            }
            Err(error) => {
                failed += 1;
                writeln!(streams.err, "error: {}: {}", server.id, Chain(&error))?;
            }
        }
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::No })
}

fn asked<'c>(rotate: &Rotate, config: &'c Config) -> Result<Vec<&'c Server>, Failed> {
    let servers = rotate.servers.iter().map(|name| named(config, name)).collect::<Result<Vec<_>, _>>()?;
    match servers.iter().find(|server| server.api_token != TokenRef::Vault) {
        None => Ok(servers),
        Some(server) => {
            Err(format!("the token of {} is in {}: Panelgate changes those in the vault", server.id, server.api_token)
                .into())
        }
    }
}

async fn due<'c>(config: &'c Config, desk: &Desk, streams: &mut Streams<'_>) -> Result<Vec<&'c Server>, Failed> {
    let (rotator, fleet) = (desk.rotator(), &config.fleet);
    let mut due = Vec::new();
    for server in config.directory.servers.values().filter(|server| server.api_token == TokenRef::Vault) {
        match desk.vault.open(&Binding::of(server)).await {
            Ok(entry) if rotator.is_due(&entry, fleet.token_lifetime, fleet.rotate_before) => due.push(server),
            Ok(_) => {}
            Err(error) => writeln!(streams.err, "error: {}", Chain(&error))?,
        }
    }
    if due.is_empty() {
        writeln!(streams.out, "no token is due")?;
    }
    Ok(due)
}
