//! `panelgate servers list`: how the servers were when somebody last looked.

use std::io;

use clap::Args;
use serde::Serialize;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::cli::sessions::Format;
use crate::cli::sessions::operator;
use crate::compose;
use crate::config::Config;
use crate::config::Escaped;
use crate::fleet::Condition;
use crate::fleet::Trouble;
use crate::fleet::entry_mark;
use crate::model::Server;
use crate::model::Timestamp;

/// `panelgate servers list`.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    file: ConfigFile,
    /// How to write the list.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A server as it is listed. What is not known is empty.
#[derive(Debug, Serialize)]
struct Line {
    server: String,
    version: String,
    load: String,
    certificate_ends: String,
    token_ends: String,
    seen: String,
    troubles: Vec<&'static str>,
    wrong: String,
}

pub(super) fn run(list: &List, streams: &mut Streams<'_>) -> io::Result<Exit> {
    with_config(&list.file.config, streams, async |config, streams| write(config, list.format, streams).await)
}

async fn write(config: &Config, format: Format, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let known = compose::looking(config, &operator()).await?.lookout.conditions.all().await?;
    let line = |server: &Server| {
        let mark = entry_mark(server);
        Line::of(server, known.get(server.id.as_str()).filter(|condition| condition.of == mark))
    };
    let lines: Vec<Line> = config.directory.servers.values().map(line).collect();
    match format {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&lines)?)?,
        Format::Csv => {
            let header = ["server", "version", "load", "certificate_ends", "token_ends", "seen", "wrong"];
            streams.out.write_all(csv::line(header).as_bytes())?;
            for line in &lines {
                streams.out.write_all(csv::line(line.cells()).as_bytes())?;
            }
        }
        Format::Table => {
            let rows = lines.iter().map(|line| line.cells().map(|cell| Escaped(cell).to_string())).collect();
            let header = ["SERVER", "VERSION", "LOAD", "CERTIFICATE ENDS", "TOKEN ENDS", "SEEN", "WRONG"];
            write!(streams.out, "{}", Table::new(header, rows))?;
        }
    }
    let is_well = lines.iter().all(|line| line.wrong.is_empty());
    Ok(if is_well { Exit::Done } else { Exit::No })
}

impl Line {
    fn of(server: &Server, condition: Option<&Condition>) -> Self {
        let time = |at: Option<Timestamp>| at.map(Timestamp::to_minute).unwrap_or_default();
        let never = Condition::default();
        let seen = condition.map_or_else(|| "never".to_owned(), |condition| condition.at.to_minute());
        let condition = condition.unwrap_or(&never);
        Self {
            server: server.id.to_string(),
            version: condition.version.clone().unwrap_or_default(),
            load: condition.load.map(|load| load.to_string()).unwrap_or_default(),
            certificate_ends: time(condition.certificate_ends),
            token_ends: time(condition.token_ends),
            seen,
            troubles: condition.troubles.iter().map(Trouble::code).collect(),
            wrong: condition.words().unwrap_or_default(),
        }
    }

    fn cells(&self) -> [&str; 7] {
        let Self { server, version, load, certificate_ends, token_ends, seen, wrong, .. } = self;
        [server, version, load, certificate_ends, token_ends, seen, wrong]
    }
}
