//! `panelgate shield check` on the gateway's machine: what was last seen from outside, and what WHM tells.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;
use tokio::runtime::Builder;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::load;
use crate::cli::review::Format;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::cli::sessions::operator;
use crate::cli::shield::Check;
use crate::cli::shield::meant;
use crate::compose;
use crate::compose::ShieldDesk;
use crate::config::Escaped;
use crate::model::Server;
use crate::shield::Entry;
use crate::shield::Known;
use crate::shield::Verdict;
use crate::telemetry::Chain;

/// Servers that are asked side by side.
const AT_ONCE: usize = 16;

/// What is known of one server.
#[derive(Serialize)]
struct Line {
    server: String,
    /// Seen from outside; nothing, if nobody has looked.
    outside: Option<Entry>,
    is_stale: bool,
    /// Whether cPanel's service subdomains are on: then the web server passes people on to the panels.
    service_subdomains: Option<bool>,
    /// Why WHM did not tell.
    why_not: Option<String>,
}

pub(super) fn run(check: &Check, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let config = match load(&check.file.config) {
        Ok(config) => config,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let servers = match meant(&check.servers, &config.directory, streams)? {
        Ok(servers) => servers,
        Err(exit) => return Ok(exit),
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found: Result<Vec<Line>, Failed> = runtime.block_on(async {
        let desk = compose::shield(&config, &operator()).await?;
        look(&servers, &desk, Duration::from_hours(24 * check.stale_days)).await
    });
    let lines = match found {
        Ok(lines) => lines,
        Err(error) => {
            writeln!(streams.err, "error: {}", Escaped(&Chain(&*error).to_string()))?;
            return Ok(Exit::Software);
        }
    };
    let text = match check.format {
        Format::Json => serde_json::to_string_pretty(&lines)? + "\n",
        Format::Csv => {
            let rows = lines.iter().map(|line| csv::line(line.row().each_ref().map(String::as_str)));
            csv::line(["server", "from_outside", "looked_at", "from", "service_subdomains"]) + &rows.collect::<String>()
        }
        Format::Table => {
            let header = ["SERVER", "FROM OUTSIDE", "LOOKED AT", "FROM", "SERVICE SUBDOMAINS"];
            Table::new(header, lines.iter().map(Line::row).collect()).to_string()
        }
    };
    streams.out.write_all(text.as_bytes())?;
    writeln!(
        streams.err,
        "from here, a gateway cannot see what others reach: firewalls, Host Access Control and \
         restrict_whm_root_access cannot be read over WHM's API. Look from outside: panelgate shield check --outside"
    )?;
    Ok(if lines.iter().all(Line::is_shielded) { Exit::Done } else { Exit::No })
}

async fn look(servers: &[&Server], desk: &ShieldDesk, stale: Duration) -> Result<Vec<Line>, Failed> {
    let known: BTreeMap<String, Known> =
        desk.history.all().await?.into_iter().map(|known| (known.server.clone(), known)).collect();
    let now = desk.clock.now();
    let asking = servers.iter().map(|server| async {
        let outside = known.get(server.id.as_str()).and_then(Known::last).cloned();
        let told = desk.has_service_subdomains(server).await;
        Line {
            server: server.id.to_string(),
            is_stale: outside.as_ref().is_none_or(|entry| now.since(entry.until) > stale),
            outside,
            service_subdomains: told.as_ref().ok().copied(),
            why_not: told.err().map(|error| Chain(&*error).to_string()),
        }
    });
    Ok(stream::iter(asking).buffered(AT_ONCE).collect().await)
}

impl Line {
    /// Nobody answers to strangers, as far as somebody has looked lately.
    fn is_shielded(&self) -> bool {
        let is_closed = self.outside.as_ref().is_some_and(|entry| entry.verdict == Verdict::Closed);
        is_closed && !self.is_stale && self.service_subdomains != Some(true)
    }

    fn row(&self) -> [String; 5] {
        let words = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
        let (verdict, at, from) = match &self.outside {
            None => ("nobody has looked".to_owned(), "-".to_owned(), "-".to_owned()),
            Some(entry) => {
                let ports: Vec<String> = entry.ports.iter().map(u16::to_string).collect();
                let verdict = match entry.verdict {
                    Verdict::Open | Verdict::Unclear => format!("{} ({})", entry.verdict, ports.join(" ")),
                    Verdict::Closed | Verdict::Unknown => entry.verdict.to_string(),
                };
                let stale = if self.is_stale { ", too long ago" } else { "" };
                let from = entry.from.iter().map(ToString::to_string).collect();
                (verdict, format!("{}{stale}", entry.until.to_minute()), words(from))
            }
        };
        let subdomains = match (self.service_subdomains, &self.why_not) {
            (Some(true), _) => "ON: the web server passes whm.… on to the panels".to_owned(),
            (Some(false), _) => "off".to_owned(),
            (None, why) => format!("cannot be told: {}", Escaped(why.as_deref().unwrap_or("-"))),
        };
        [self.server.clone(), verdict, at, from, subdomains]
    }
}
