//! `panelgate audit report`: who was on a server, as what, doing what.

use std::io;

use crate::audit;
use crate::audit::Deed;
use crate::audit::Reported;
use crate::audit::Search;
use crate::audit::Stay;
use crate::cli::Streams;
use crate::cli::audit::arguments::Report;
use crate::cli::audit::arguments::ReportFormat;
use crate::cli::audit::find;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::cli::review::csv;
use crate::config::Escaped;
use crate::config::counted;
use crate::model::Clock as _;
use crate::model::SystemClock;
use crate::model::Timestamp;

/// Answers with 1 if there is nothing to report.
pub(super) fn report(arguments: &Report, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let Some(found) = find(&arguments.place, streams)? else { return Ok(Exit::Config) };
    let now = SystemClock.now();
    let search = Search {
        since: arguments.since.seen_from(now),
        until: arguments.until.map_or(Timestamp(u64::MAX), |until| until.seen_from(now)),
        server: arguments.server.clone(),
        account: arguments.account.clone(),
        person: arguments.person.clone(),
    };
    let reported = match audit::report(&found.file, &search) {
        Ok(reported) => reported,
        Err(error) => {
            let file = found.file.display().to_string();
            heard(writeln!(streams.err, "error: the audit files at {} cannot be read: {error}", Escaped(&file)))?;
            return Ok(Exit::Software);
        }
    };
    warn(&reported, streams)?;
    let text = match arguments.format {
        ReportFormat::Table => table(&reported),
        ReportFormat::Csv => lines(&reported),
        ReportFormat::Json => {
            serde_json::to_string_pretty(&reported).map(|text| text + "\n").map_err(io::Error::other)?
        }
    };
    heard(streams.out.write_all(text.as_bytes()))?;
    Ok(if reported.stays.is_empty() { Exit::No } else { Exit::Done })
}

/// Says what is not in the report.
fn warn(reported: &Reported, streams: &mut Streams<'_>) -> io::Result<()> {
    let mut say = |text: &str| heard(writeln!(streams.err, "warning: {text}"));
    if reported.damaged_lines > 0 {
        let lines = reported.damaged_lines;
        say(&format!("{lines} damaged lines are left out; `panelgate audit verify` shows where they are"))?;
    }
    if reported.shed > 0 {
        say(&format!("{} requests are not on record, because the disk did not keep up", reported.shed))?;
    }
    if reported.further_stays > 0 {
        say(&format!("{} more records are left out: ask for less at once", reported.further_stays))?;
    }
    Ok(())
}

fn table(reported: &Reported) -> String {
    let mut text = String::new();
    if reported.stays.is_empty() {
        text.push_str("nothing found\n");
    }
    for stay in &reported.stays {
        let Stay { from, until, sub, server, service, account, requests, .. } = stay;
        let name = if stay.name.is_empty() { "somebody" } else { &stay.name };
        let clients = stay.clients.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let at = if account.is_empty() { String::new() } else { format!(" as {account}") };
        let requests = counted(usize::try_from(*requests).unwrap_or(usize::MAX), "request");
        let head = format!("{from} to {until}  {name} ({sub}) on {server} {service}{at}, from {clients}: {requests}");
        add(&mut text, &head);
        let mut deeds: Vec<(&String, &Deed)> = stay.deeds.iter().collect();
        deeds.sort_by(|(_, one), (_, other)| one.first.cmp(&other.first));
        for (words, deed) in deeds {
            let times =
                if deed.times > 1 { format!("  ({} times, last {})", deed.times, deed.last) } else { String::new() };
            add(&mut text, &format!("    {}  {words}{times}", deed.first));
        }
        if stay.further_deeds > 0 {
            add(&mut text, &format!("    and {} more", stay.further_deeds));
        }
    }
    text
}

fn add(text: &mut String, line: &str) {
    text.push_str(&Escaped(line).to_string());
    text.push('\n');
}

fn lines(reported: &Reported) -> String {
    let mut text = csv::line([
        "from", "until", "name", "sub", "iss", "session", "server", "service", "account", "deed", "first", "last",
        "times",
    ]);
    for stay in &reported.stays {
        let Stay { from, until, name, sub, iss, session, server, service, account, requests, .. } = stay;
        let requests = requests.to_string();
        text.push_str(&csv::line([
            from, until, name, sub, iss, session, server, service, account, "requests", from, until, &requests,
        ]));
        for (words, deed) in &stay.deeds {
            let Deed { first, last, times } = deed;
            let times = times.to_string();
            text.push_str(&csv::line([
                from, until, name, sub, iss, session, server, service, account, words, first, last, &times,
            ]));
        }
    }
    text
}
