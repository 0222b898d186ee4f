//! `panelgate sessions`: who is signed in, and ending their access by hand.

use std::env;
use std::io;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use serde::Serialize;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::compose;
use crate::config::Escaped;
use crate::session::Done;
use crate::session::Ending;
use crate::session::Listed;
use crate::session::Order;
use crate::session::Sessions as Registry;
use crate::session::Whose;

/// How long a gateway may take to carry an order out. It looks for orders four times a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(50);

pub(super) const EXIT: &str = "Exit codes:\n  0  done\n  1  nobody was meant\n  64  the arguments are wrong\n  \
    70  it could not be done, or no gateway is running\n  78  the configuration has problems";

/// The commands about sessions.
#[derive(Debug, Subcommand)]
pub enum Sessions {
    /// List who is signed in: since when, from where, and what they have open.
    List(List),
    /// End sessions, with every page, download and terminal under them. The running gateway does it, and
    /// records it before.
    #[command(after_help = EXIT)]
    End(End),
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

/// The shapes of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns, for people.
    Table,
    /// One JSON document.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

/// What to end.
#[derive(Debug, Args)]
pub struct End {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    what: What,
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// One session, as it is listed.
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// All sessions of a person: their subject identifier, or the e-mail address that the list shows.
    #[arg(long, value_name = "PERSON")]
    person: Option<String>,
    /// What is open on a server. People stay signed in and can open it again if they may.
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
    /// Every session of everybody.
    #[arg(long)]
    all: bool,
}

/// One session as JSON.
#[derive(Serialize)]
struct Line<'l> {
    session: String,
    name: &'l str,
    email: Option<&'l str>,
    iss: &'l str,
    sub: &'l str,
    client: &'l str,
    since: String,
    until: String,
    open: Vec<String>,
}

/// Runs a command.
pub(super) fn run(command: &Sessions, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let file = match command {
        Sessions::List(list) => &list.file,
        Sessions::End(end) => &end.file,
    };
    with_config(&file.config, streams, async |config, streams| {
        let registry = compose::sessions(config).await?;
        let roll = registry.roll().await?;
        match command {
            Sessions::List(list) => Ok(write_list(&roll, list.format, streams).map(|()| Exit::Done)?),
            Sessions::End(end) => self::end(&registry, &roll, &end.what, streams).await,
        }
    })
}

fn write_list(roll: &[Listed], format: Format, streams: &mut Streams<'_>) -> io::Result<()> {
    let lines: Vec<Line<'_>> = roll.iter().map(Line::of).collect();
    let cell = |text: &str| Escaped(text).to_string();
    match format {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&lines).map_err(io::Error::other)?),
        Format::Csv => {
            let header = ["session", "name", "email", "iss", "sub", "client", "since", "until", "open"];
            write!(streams.out, "{}", csv::line(header))?;
            lines.iter().try_for_each(|line| {
                let open = line.open.join(" ");
                let Line { session, name, email, iss, sub, client, since, until, .. } = line;
                let fields = [session, *name, email.unwrap_or_default(), *iss, *sub, *client, since, until, &open];
                write!(streams.out, "{}", csv::line(fields))
            })
        }
        Format::Table => {
            let row = |line: &Line<'_>| {
                let person =
                    line.email.map_or_else(|| line.name.to_owned(), |email| format!("{} <{email}>", line.name));
                let cells = [&line.session, &person, &line.since, line.client, &line.open.join(" ")];
                cells.map(cell)
            };
            let rows = lines.iter().map(row).collect();
            write!(streams.out, "{}", Table::new(["SESSION", "PERSON", "SINCE", "FROM", "OPEN"], rows))
        }
    }
}

impl<'l> Line<'l> {
    fn of(listed: &'l Listed) -> Self {
        let open = |place: &crate::session::EntryPlace| {
            format!("{}/{}/{}", place.server, place.service.as_str(), place.account)
        };
        Self {
            session: listed.id.tag().to_string(),
            name: &listed.name,
            email: listed.email.as_deref(),
            iss: &listed.subject.iss,
            sub: &listed.subject.sub,
            client: &listed.client,
            since: listed.since.to_string(),
            until: listed.until.to_string(),
            open: listed.places.iter().map(open).collect(),
        }
    }
}

async fn end(registry: &Registry, roll: &[Listed], what: &What, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let mut endings = endings(roll, what);
    endings.dedup();
    if endings.is_empty() {
        writeln!(streams.err, "nobody is meant: see `panelgate sessions list`")?;
        return Ok(Exit::No);
    }
    let (by, mut ended) = (operator(), 0);
    for end in endings {
        let order = Order { end, by: by.clone() };
        match carried_out(registry, &order).await? {
            Some(Done { failed: false, ended: count }) => ended += count,
            Some(Done { failed: true, .. }) => {
                writeln!(streams.err, "error: the gateway could not do it; its log says why")?;
                return Ok(Exit::Software);
            }
            None => {
                writeln!(
                    streams.err,
                    "error: no gateway has carried it out; the order stands for an hour, for one that starts"
                )?;
                return Ok(Exit::Software);
            }
        }
    }
    let noun = if what.server.is_some() { "opened panels" } else { "sessions" };
    writeln!(streams.out, "ended {ended} {noun}")?;
    Ok(if ended == 0 { Exit::No } else { Exit::Done })
}

fn endings(roll: &[Listed], what: &What) -> Vec<Ending> {
    let meant = |listed: &&Listed| {
        let by_tag = what.session.as_ref().is_some_and(|tag| listed.id.tag().to_string() == *tag);
        let by_person = what
            .person
            .as_ref()
            .is_some_and(|person| listed.subject.sub == *person || listed.email.as_ref() == Some(person));
        by_tag || by_person
    };
    if what.all {
        return vec![Ending::Sessions(Whose::Everybody)];
    }
    if let Some(server) = &what.server {
        return vec![Ending::Server(server.clone())];
    }
    let whose = |listed: &Listed| match what.session {
        Some(_) => Whose::Session(listed.id),
        None => Whose::Person(listed.subject.clone()),
    };
    roll.iter().filter(meant).map(|listed| Ending::Sessions(whose(listed))).collect()
}

async fn carried_out(registry: &Registry, order: &Order) -> Result<Option<Done>, crate::session::SessionError> {
    let ticket = registry.order(order).await?;
    let waiting = async {
        loop {
            if let Some(done) = registry.outcome(&ticket).await? {
                return Ok(done);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.map_or(Ok(None), |done| done.map(Some))
}

/// The operator as the machine knows them, for the record: whoever may write the store could say anything.
pub(super) fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
    format!("{} on the command line", named.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned()))
}
