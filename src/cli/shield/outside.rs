//! `panelgate shield check --outside`: looking from a machine that is not the gateway.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::review::Format;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::cli::shield::Check;
use crate::cli::shield::meant;
use crate::config::Config;
use crate::config::Escaped;
use crate::config::counted;
use crate::model::Clock as _;
use crate::model::SystemClock;
use crate::shield;
use crate::shield::Finding;
use crate::shield::Looked;
use crate::shield::Place;
use crate::shield::Report;
use crate::shield::Verdict;
use crate::shield::Wish;

/// Looks, and answers with 1 if a panel answers or it could not be told.
pub(super) fn run(check: &Check, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let directory = match Config::directory_only(&check.file.config) {
        Ok(directory) => directory,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let servers = match meant(&check.servers, &directory, streams)? {
        Ok(servers) => servers,
        Err(exit) => return Ok(exit),
    };
    let wish = Wish {
        at_once: usize::try_from(check.at_once).unwrap_or(1),
        patience: Duration::from_secs(check.timeout),
        only_ipv4: check.only_ipv4,
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(shield::look(&servers, wish, SystemClock.now()));
    write(&report, check.format, streams)?;
    // The report holds it for programs.
    if check.format != Format::Json {
        say(&report, streams)?;
    }
    let is_closed = report.servers.iter().all(|server| server.verdict == Verdict::Closed);
    Ok(if is_closed { Exit::Done } else { Exit::No })
}

fn write(report: &Report, format: Format, streams: &mut Streams<'_>) -> io::Result<()> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(report)? + "\n",
        Format::Csv => {
            let rows = rows(report).into_iter().map(|row| csv::line(row.each_ref().map(String::as_str)));
            csv::line(["server", "verdict", "address", "ports"]) + &rows.collect::<String>()
        }
        Format::Table => Table::new(["SERVER", "VERDICT", "ADDRESS", "PORTS"], rows(report)).to_string(),
    };
    streams.out.write_all(text.as_bytes())
}

/// A row for each address.
fn rows(report: &Report) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for server in &report.servers {
        let row = |address: String, ports: String| {
            [Escaped(&server.server).to_string(), server.verdict.to_string(), address, ports]
        };
        rows.extend(server.places.iter().map(|place| row(place.address.to_string(), ports(place))));
        if server.places.is_empty() {
            rows.push(row("-".to_owned(), why(server)));
        }
    }
    rows
}

fn why(server: &Looked) -> String {
    let why = server.why_not.as_deref().unwrap_or("it has no address that could be tried from here");
    Escaped(why).to_string()
}

/// What the ports did: `2083 2087 OPEN, 2082 2086 refused`.
fn ports(place: &Place) -> String {
    let findings: BTreeSet<Finding> = place.ports.values().copied().collect();
    let of = |finding: Finding| {
        let ports = place.ports.iter().filter(|(_, found)| **found == finding).map(|(port, _)| port.to_string());
        format!("{} {}", ports.collect::<Vec<_>>().join(" "), finding.as_str())
    };
    let mut words: Vec<String> = findings.into_iter().map(of).collect();
    if !place.web {
        words.push("its web server does not answer either".to_owned());
    }
    words.join(", ")
}

/// From where it was looked, what it comes to, and what it says nothing about.
fn say(report: &Report, streams: &mut Streams<'_>) -> io::Result<()> {
    let from: Vec<String> = report.from.iter().map(IpAddr::to_string).collect();
    let from = if from.is_empty() { "no address at all".to_owned() } else { from.join(", ") };
    let count = |verdict| report.servers.iter().filter(|server| server.verdict == verdict).count();
    writeln!(
        streams.err,
        "looked at {} from {from}, as this machine knows itself: {} open, {} unclear, {} closed, {} could not be told",
        counted(report.servers.len(), "server"),
        count(Verdict::Open),
        count(Verdict::Unclear),
        count(Verdict::Closed),
        count(Verdict::Unknown),
    )?;
    writeln!(
        streams.err,
        "this says nothing about other addresses than these, about ports other than 2082, 2083, 2086, 2087, 2095 and \
         2096, about names of the servers that the directory does not have, and about service subdomains (whm.…)"
    )
}
