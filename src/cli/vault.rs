//! `panelgate vault`: the API tokens that lie sealed in the store.

use std::fs;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use secrecy::SecretString;
use serde::Serialize;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::prompt;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::cli::sessions::Format;
use crate::cli::sessions::operator;
use crate::compose;
use crate::compose::Desk;
use crate::config::Config;
use crate::fleet::Act;
use crate::model::Server;
use crate::telemetry::Chain;
use crate::vault::Binding;
use crate::vault::Contents;
use crate::vault::Identity;
use crate::vault::Listed;
use crate::vault::Recipient;
use crate::vault::Rotation;
use crate::vault::TokenError;
use crate::vault::export;
use crate::vault::import;

/// A backup of a hundred thousand tokens is smaller.
const LARGEST_BACKUP: u64 = 256 * 1024 * 1024;

/// The commands about the vault.
#[derive(Debug, Subcommand)]
pub enum Vault {
    /// List the records: whose token, its name and end, the master key, and whether it opens. No token is shown.
    List(List),
    /// Put a server's token into the vault, or another one in its place: asked for, or a line of standard input.
    Set(Set),
    /// Remove a server's token from the vault. It stays valid at the server until it is revoked there.
    Remove(One),
    /// Bind a server's token to what the directory says by now (host, account, pins), after a look at why it
    /// changed.
    Rebind(One),
    /// Seal every record with the present master key; afterwards the former ones can go.
    Rekey(ConfigFile),
    /// Write all tokens to standard output, encrypted to the operators' keys in the format of age.
    Export(Export),
    /// Read tokens out of such a file on standard input. Those that the vault has already stay as they are.
    Import(Import),
}

/// How to list.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    file: ConfigFile,
    /// How to write the list.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to store.
#[derive(Debug, Args)]
pub struct Set {
    /// The server's id in the directory.
    server: String,
    /// The token's name in WHM (Manage API Tokens), so that it can be revoked when it is rotated.
    #[arg(long, value_name = "NAME")]
    token_name: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
}

/// One server.
#[derive(Debug, Args)]
pub struct One {
    /// The server's id.
    server: String,
    #[command(flatten)]
    file: ConfigFile,
}

/// For whom.
#[derive(Debug, Args)]
pub struct Export {
    /// A public key of age (age1…), one for each operator.
    #[arg(long = "to", value_name = "RECIPIENT", required = true)]
    recipients: Vec<String>,
    #[command(flatten)]
    file: ConfigFile,
}

/// With which key.
#[derive(Debug, Args)]
pub struct Import {
    /// The file with the operator's secret key, as age-keygen writes it.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
}

/// Runs a command.
pub(super) fn run(command: &Vault, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let (Vault::List(List { file, .. })
    | Vault::Set(Set { file, .. })
    | Vault::Remove(One { file, .. })
    | Vault::Rebind(One { file, .. })
    | Vault::Rekey(file)
    | Vault::Export(Export { file, .. })
    | Vault::Import(Import { file, .. })) = command;
    at_the_desk(&file.config, streams, async |config, desk, streams| match command {
        Vault::List(list) => self::list(desk, list.format, streams).await,
        Vault::Set(set) => self::set(config, desk, set, streams).await,
        Vault::Remove(one) => remove(desk, &one.server, streams).await,
        Vault::Rebind(one) => rebind(config, desk, &one.server, streams).await,
        Vault::Rekey(_) => rekey(desk, streams).await,
        Vault::Export(wanted) => write_backup(desk, &wanted.recipients, streams).await,
        Vault::Import(wanted) => read_backup(desk, &wanted.identity, streams).await,
    })
}

/// Reads the configuration, opens store and vault, and does something with them.
pub(super) fn at_the_desk(
    path: &Path,
    streams: &mut Streams<'_>,
    act: impl AsyncFnOnce(&Config, &Desk, &mut Streams<'_>) -> Result<Exit, Failed>,
) -> io::Result<Exit> {
    with_config(path, streams, async |config, streams| {
        let desk = compose::desk(config, &operator()).await?;
        act(config, &desk, streams).await
    })
}

/// The server that an operator means.
pub(super) fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Server, Failed> {
    let server = name.parse().ok().and_then(|id| config.directory.servers.get(&id));
    server.ok_or_else(|| format!("the directory has no server {name:?}").into())
}

async fn list(desk: &Desk, format: Format, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let records = desk.vault.list().await?;
    let lines: Vec<Line> = records.iter().map(Line::of).collect();
    match format {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&lines)?)?,
        Format::Csv => {
            streams.out.write_all(csv::line(Line::HEADER).as_bytes())?;
            for line in &lines {
                streams.out.write_all(csv::line(line.cells()).as_bytes())?;
            }
        }
        Format::Table => {
            let rows = lines.iter().map(|line| line.cells().map(str::to_owned)).collect();
            let header = ["SERVER", "ACCOUNT", "TOKEN", "EXPIRES", "STORED", "KEY", "STATE"];
            write!(streams.out, "{}", Table::new(header, rows))?;
        }
    }
    let closed = records.iter().filter_map(|record| record.closed.as_ref());
    for reason in closed.clone() {
        writeln!(streams.err, "warning: {reason}")?;
    }
    Ok(if closed.count() == 0 { Exit::Done } else { Exit::No })
}

async fn set(config: &Config, desk: &Desk, set: &Set, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let binding = Binding::of(named(config, &set.server)?);
    let token = prompt::secret(&format!("API token of {} on {}", binding.account(), set.server), streams)?;
    let contents = Contents { name: set.token_name.clone(), ..of_token(token)? };
    let present = match desk.vault.open_whatever(&set.server).await {
        Ok(entry) => Some(entry),
        Err(TokenError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    desk.notes.write(Act::Stored, binding.server(), binding.account(), "").await?;
    match present {
        Some(entry) => desk.vault.change(&entry, &binding, contents).await?,
        None => desk.vault.add(&binding, contents).await?,
    };
    writeln!(streams.out, "the vault has the token of {} on {}", binding.account(), binding.server())?;
    Ok(Exit::Done)
}

/// A token as it was given, if it can be one.
pub(super) fn of_token(token: SecretString) -> Result<Contents, Failed> {
    if !crate::panel::is_token(&token) {
        return Err("that is no API token: WHM shows it once, as letters and digits, when it is created".into());
    }
    Ok(Contents { token, name: None, expires_at: None, next: None, rotation: None })
}

async fn remove(desk: &Desk, server: &str, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    desk.notes.write(Act::Removed, server, "", "").await?;
    if !desk.vault.remove(server).await? {
        writeln!(streams.err, "the vault has no token of {server}")?;
        return Ok(Exit::No);
    }
    writeln!(
        streams.out,
        "the token of {server} is gone from the vault; revoke it in WHM if it is not used elsewhere"
    )?;
    Ok(Exit::Done)
}

async fn rebind(config: &Config, desk: &Desk, server: &str, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let binding = Binding::of(named(config, server)?);
    let entry = desk.vault.open_whatever(server).await?;
    let Some(difference) = entry.binding.difference(&binding) else {
        writeln!(streams.out, "the token of {server} is bound to what the directory says already")?;
        return Ok(Exit::Done);
    };
    desk.notes.write(Act::Rebound, binding.server(), binding.account(), &difference).await?;
    desk.vault.change(&entry, &binding, entry.contents.clone()).await?;
    writeln!(streams.out, "the token of {server} is now given out for {difference}")?;
    Ok(Exit::Done)
}

async fn rekey(desk: &Desk, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    desk.notes.write(Act::Rekeyed, "", "", "").await?;
    let done = desk.vault.rekey().await?;
    writeln!(streams.out, "sealed {} records anew; {} had the present key before", done.renewed, done.current)?;
    for error in &done.failed {
        writeln!(streams.err, "warning: {}", Chain(error))?;
    }
    Ok(if done.failed.is_empty() { Exit::Done } else { Exit::No })
}

async fn write_backup(desk: &Desk, to: &[String], streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let recipients = to.iter().map(|text| Recipient::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut entries = Vec::new();
    for listed in desk.vault.list().await? {
        entries.push(desk.vault.open_whatever(listed.binding.server()).await?);
    }
    desk.notes.write(Act::Exported, "", "", &format!("{} tokens, to {}", entries.len(), to.join(" "))).await?;
    let file = export(&entries, &recipients, desk.clock.now(), &*desk.random)?;
    streams.out.write_all(&file)?;
    writeln!(streams.err, "{} tokens are in the file", entries.len())?;
    Ok(Exit::Done)
}

async fn read_backup(desk: &Desk, identity: &Path, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let text = fs::read_to_string(identity).map_err(|error| format!("{}: {error}", identity.display()))?;
    let identity = Identity::parse(&text.into())?;
    let mut file = Vec::new();
    io::stdin().lock().take(LARGEST_BACKUP).read_to_end(&mut file)?;
    let (mut taken, mut kept) = (0, 0);
    for (binding, contents) in import(&file, &identity)? {
        desk.notes.write(Act::Imported, binding.server(), binding.account(), "").await?;
        match desk.vault.add(&binding, contents).await {
            Ok(_) => taken += 1,
            Err(TokenError::Exists(_)) => kept += 1,
            Err(error) => return Err(error.into()),
        }
    }
    writeln!(
        streams.out,
        "took {taken} tokens out of the file; {kept} were in the vault already and stay as they are"
    )?;
    Ok(Exit::Done)
}

/// A record as it is listed.
#[derive(Serialize)]
struct Line {
    server: String,
    account: String,
    token: String,
    expires: String,
    stored: String,
    key: String,
    state: &'static str,
}

impl Line {
    const HEADER: [&'static str; 7] = ["server", "account", "token", "expires", "stored", "key", "state"];

    fn of(listed: &Listed) -> Self {
        let state = match (&listed.closed, &listed.rotation) {
            (Some(_), _) => "closed",
            (None, None) => "open",
            (None, Some(Rotation::Creating { .. } | Rotation::Created { .. } | Rotation::Switched { .. })) => {
                "changing"
            }
        };
        Self {
            server: listed.binding.server().to_owned(),
            account: listed.binding.account().to_owned(),
            token: listed.name.clone().unwrap_or_default(),
            expires: listed.expires_at.map(|end| end.to_string()).unwrap_or_default(),
            stored: listed.stored_at.to_string(),
            key: listed.key.clone(),
            state,
        }
    }

    fn cells(&self) -> [&str; 7] {
        [&self.server, &self.account, &self.token, &self.expires, &self.stored, &self.key, self.state]
    }
}
