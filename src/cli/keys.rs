//! `panelgate keys`: the server key, half of what opens a session record, and changing it.

use std::io;

use clap::Args;
use clap::Subcommand;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::review::table::Table;
use crate::cli::sessions::operator;
use crate::compose;
use crate::compose::StartError;
use crate::config::Config;
use crate::session::KeyUses;

pub(super) const EXIT: &str = "Exit codes:\n  0  done\n  1  a former key is still needed, or records open with none\n  \
    64  the arguments are wrong\n  70  it could not be done\n  78  the configuration has problems";

/// The commands about the server key.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show the server keys, what needs which, and until when.
    #[command(after_help = EXIT)]
    Status(ConfigFile),
    /// Put a new server key in the place of a single gateway's, for its next start. The one of before goes on opening
    /// what it sealed, so nobody is signed out.
    #[command(after_help = EXIT)]
    Rotate(ConfigFile),
    /// Remove the key of before, once nothing needs it.
    #[command(after_help = EXIT)]
    Forget(Forget),
}

/// What to forget.
#[derive(Debug, Args)]
pub struct Forget {
    #[command(flatten)]
    file: ConfigFile,
    /// Also if sessions need it: those people sign in again.
    #[arg(long)]
    now: bool,
}

/// Does what is asked about the server key.
pub(super) fn run(command: &Keys, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let file = match command {
        Keys::Status(file) | Keys::Rotate(file) => file,
        Keys::Forget(forget) => &forget.file,
    };
    with_config(&file.config, streams, async |config, streams| match command {
        Keys::Status(_) => status(config, streams).await,
        Keys::Rotate(_) => rotate(config, streams).await,
        Keys::Forget(forget) => drop_former(config, forget.now, streams).await,
    })
}

async fn uses(config: &Config) -> Result<KeyUses, StartError> {
    compose::sessions(config).await?.key_uses().await.map_err(StartError::Sessions)
}

async fn status(config: &Config, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let found = uses(config).await?;
    let role = |seals: bool| if seals { "seals" } else { "opens" }.to_owned();
    let rows = found.keys.iter().map(|key| {
        let until = key.until.map(|until| until.to_string()).unwrap_or_default();
        [key.id.clone(), role(key.seals), key.sessions.to_string(), key.others.to_string(), until]
    });
    let header = ["KEY", "ROLE", "SESSIONS", "OTHERS", "AT MOST UNTIL"];
    write!(streams.out, "{}", Table::new(header, rows.collect()))?;
    for key in found.keys.iter().filter(|key| !key.seals && key.sessions + key.others == 0) {
        writeln!(
            streams.out,
            "nothing needs {} to be opened; if nothing is sealed with it any more, it can go",
            key.id
        )?;
    }
    if found.strange > 0 {
        writeln!(streams.err, "warning: {} records open with none of these keys", found.strange)?;
    }
    let is_settled = found.strange == 0 && found.keys.iter().all(|key| key.seals || key.sessions + key.others == 0);
    Ok(if is_settled { Exit::Done } else { Exit::No })
}

async fn rotate(config: &Config, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    compose::rotate_key(config, &operator()).await?;
    writeln!(streams.out, "there is a new server key; start the gateway again, then see panelgate keys status")?;
    Ok(Exit::Done)
}

async fn drop_former(config: &Config, now: bool, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let former = uses(config).await?.keys.into_iter().filter(|key| !key.seals);
    let needing: u64 = former.map(|key| key.sessions + key.others).sum();
    if needing > 0 && !now {
        writeln!(streams.err, "{needing} records need the key of before: see panelgate keys status, or use --now")?;
        return Ok(Exit::No);
    }
    if compose::forget_key(config, &operator()).await? {
        writeln!(streams.out, "the key of before is gone; start the gateway again, so that it forgets it too")?;
        return Ok(Exit::Done);
    }
    writeln!(streams.err, "there is no key of before")?;
    Ok(Exit::No)
}
