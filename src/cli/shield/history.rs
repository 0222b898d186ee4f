//! `panelgate shield history`: how it was over time.

use std::io;

use tokio::runtime::Builder;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::load;
use crate::cli::review::Format;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::cli::sessions::operator;
use crate::cli::shield::History;
use crate::compose;
use crate::shield::Entry;
use crate::shield::HistoryError;
use crate::shield::Known;
use crate::telemetry::Chain;

const HEADER: [&str; 6] = ["SERVER", "VERDICT", "PORTS", "SINCE", "UNTIL", "FROM"];

pub(super) fn run(history: &History, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let config = match load(&history.file.config) {
        Ok(config) => config,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found: Result<Result<Vec<Known>, HistoryError>, _> = runtime.block_on(async {
        let desk = compose::shield(&config, &operator()).await?;
        Ok::<_, compose::StartError>(desk.history.all().await)
    });
    let mut all = match found {
        Ok(Ok(all)) => all,
        Ok(Err(error)) => return failed(&error, streams),
        Err(error) => return failed(&error, streams),
    };
    if let Some(only) = &history.server {
        all.retain(|known| known.server == *only);
    }
    let rows = || all.iter().flat_map(|known| known.entries.iter().rev().map(|entry| row(known, entry)));
    let text = match history.format {
        Format::Json => serde_json::to_string_pretty(&all)? + "\n",
        Format::Csv => {
            let header = csv::line(HEADER.map(str::to_lowercase).each_ref().map(String::as_str));
            header + &rows().map(|row| csv::line(row.each_ref().map(String::as_str))).collect::<String>()
        }
        Format::Table => Table::new(HEADER, rows().collect()).to_string(),
    };
    streams.out.write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn failed(error: &dyn std::error::Error, streams: &mut Streams<'_>) -> io::Result<Exit> {
    writeln!(streams.err, "error: {}", Chain(error))?;
    Ok(Exit::Software)
}

fn row(known: &Known, entry: &Entry) -> [String; 6] {
    let words = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
    [
        known.server.clone(),
        entry.verdict.to_string(),
        words(entry.ports.iter().map(u16::to_string).collect()),
        entry.since.to_minute(),
        entry.until.to_minute(),
        words(entry.from.iter().map(ToString::to_string).collect()),
    ]
}
