//! `panelgate shield record`: keeping what was seen from outside.

use std::io;
use std::io::Read as _;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::sessions::operator;
use crate::cli::shield::Record;
use crate::compose;
use crate::compose::ShieldDesk;
use crate::config::Config;
use crate::config::Escaped;
use crate::config::counted;
use crate::fleet::Act;
use crate::shield::Drift;
use crate::shield::LARGEST_REPORT;
use crate::shield::Looked;
use crate::shield::Report;
use crate::shield::Verdict;
use crate::telemetry::Chain;

pub(super) fn run(record: &Record, streams: &mut Streams<'_>) -> io::Result<Exit> {
    with_config(&record.file.config, streams, async |config, streams| {
        let desk = compose::shield(config, &operator()).await?;
        let kept = keep(config, &desk, record.quiet, streams).await;
        // A report may come from anywhere, and stand in the error.
        kept.map_err(|error| Escaped(&Chain(&*error).to_string()).to_string().into())
    })
}

async fn keep(config: &Config, desk: &ShieldDesk, quiet: bool, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let mut text = String::new();
    io::stdin().lock().take(LARGEST_REPORT).read_to_string(&mut text)?;
    let report = Report::read(&text, &config.fleet.addresses, desk.clock.now())?;
    let (mut kept, mut all_closed) = (0, true);
    for looked in &report.servers {
        let known = looked.server.parse().ok().is_some_and(|id| config.directory.servers.contains_key(&id));
        if !known {
            writeln!(streams.err, "warning: the directory has no server {}", Escaped(&looked.server))?;
            continue;
        }
        kept += 1;
        all_closed &= looked.verdict == Verdict::Closed;
        one(looked, &report, desk, streams).await?;
    }
    if !quiet {
        writeln!(streams.out, "kept what was seen of {}", counted(kept, "server"))?;
    }
    Ok(if all_closed { Exit::Done } else { Exit::No })
}

/// Notes a change for the audit log, and keeps what was found.
async fn one(looked: &Looked, report: &Report, desk: &ShieldDesk, streams: &mut Streams<'_>) -> Result<(), Failed> {
    let from: Vec<String> = report.from.iter().map(ToString::to_string).collect();
    let from = from.join(" ");
    match desk.history.drift(looked, report.at, &report.from).await? {
        Drift::None => {}
        Drift::Opened => {
            let ports: Vec<String> = looked.answering().iter().map(u16::to_string).collect();
            let detail = format!("{}: {} to {from}", looked.verdict, ports.join(" "));
            desk.notes.write(Act::ShieldOpened, &looked.server, "", &detail).await?;
            writeln!(streams.out, "OPENED: {}: {} answer to {from}", looked.server, ports.join(" "))?;
        }
        Drift::Closed => {
            desk.notes.write(Act::ShieldClosed, &looked.server, "", &format!("to {from}")).await?;
            writeln!(streams.out, "closed: {} answers to {from} no longer", looked.server)?;
        }
    }
    desk.history.keep(looked, report.at, &report.from).await?;
    Ok(())
}
