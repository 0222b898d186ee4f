//! `panelgate servers look`: how servers are now.

use std::io;

use clap::Args;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::sessions::operator;
use crate::cli::vault::named;
use crate::compose;
use crate::compose::Looking;
use crate::config::Config;
use crate::model::Server;

/// `panelgate servers look`.
#[derive(Debug, Args)]
pub struct LookAt {
    /// The servers' ids in the directory; all, if none are named.
    servers: Vec<String>,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(look: &LookAt, streams: &mut Streams<'_>) -> io::Result<Exit> {
    with_config(&look.file.config, streams, async |config, streams| self::look(config, &look.servers, streams).await)
}

async fn look(config: &Config, servers: &[String], streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let servers: Vec<&Server> = if servers.is_empty() {
        config.directory.servers.values().collect()
    } else {
        servers.iter().map(|name| named(config, name)).collect::<Result<_, _>>()?
    };
    let looking = compose::looking(config, &operator()).await?;
    let mut are_well = true;
    for server in servers {
        are_well &= one(server, &looking, streams).await?;
    }
    Ok(if are_well { Exit::Done } else { Exit::No })
}

/// Looks at a server and says what was found; says whether nothing is wrong.
pub(super) async fn one(server: &Server, looking: &Looking, streams: &mut Streams<'_>) -> Result<bool, Failed> {
    let upstream = looking.upstream(server)?;
    let found = looking.lookout.look(server, &upstream).await?;
    let version = found.version.as_ref().map(|version| format!(" (cPanel & WHM {version})")).unwrap_or_default();
    let words = found.words();
    let said = words.as_deref().unwrap_or("nothing is wrong");
    writeln!(streams.out, "{}: {said}{version}", server.id)?;
    Ok(words.is_none())
}
