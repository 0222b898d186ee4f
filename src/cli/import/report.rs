//! What an import says: what was carried, what stayed behind, and what is left to do.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::review::Format;
use crate::cli::review::csv;
use crate::cli::review::table::Table;
use crate::config::Escaped;
use crate::config::counted;
use crate::whmcs::Carried;
use crate::whmcs::CarriedRole;
use crate::whmcs::CarriedServer;
use crate::whmcs::Note;

/// All of it, for programs.
#[derive(Serialize)]
struct Report<'r> {
    servers: Vec<ServerLine>,
    roles: Vec<RoleLine>,
    notes: Vec<NoteLine>,
    files: &'r [PathBuf],
}

#[derive(Serialize)]
struct ServerLine {
    id: String,
    whmcs: u64,
    name: String,
    host: String,
    address: Option<String>,
    account: String,
}

#[derive(Serialize)]
struct RoleLine {
    whmcs: u64,
    name: String,
    idp_groups: Vec<String>,
    servers_before: usize,
    servers_now: usize,
}

#[derive(Serialize)]
struct NoteLine {
    about: String,
    code: &'static str,
    stayed_behind: bool,
    words: String,
}

/// Writes the report, and answers with 1 if something stayed behind.
pub(super) fn write(
    carried: &Carried,
    files: &[PathBuf],
    format: Format,
    streams: &mut Streams<'_>,
) -> io::Result<Exit> {
    let report = Report {
        servers: carried.servers.iter().map(ServerLine::of).collect(),
        roles: carried.roles.iter().map(RoleLine::of).collect(),
        notes: carried.notes.iter().map(NoteLine::of).collect(),
        files,
    };
    let text = match format {
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        Format::Csv => report.csv(),
        Format::Table => report.table().map_err(io::Error::other)?,
    };
    streams.out.write_all(text.as_bytes())?;
    let lost = report.notes.iter().filter(|note| note.stayed_behind).count();
    writeln!(
        streams.err,
        "{}, {}; {lost} stayed behind",
        counted(report.servers.len(), "server"),
        counted(report.roles.len(), "role")
    )?;
    for file in files {
        writeln!(streams.err, "wrote {}", file.display())?;
    }
    if let [directory, reach] = files {
        writeln!(streams.err, "who loses what: panelgate access diff {} {}", reach.display(), directory.display())?;
    }
    if !report.servers.is_empty() {
        writeln!(
            streams.err,
            "no credential was carried: make an API token on each server, then `panelgate vault set ID`"
        )?;
    }
    Ok(if lost == 0 { Exit::Done } else { Exit::No })
}

impl ServerLine {
    fn of(server: &CarriedServer) -> Self {
        Self {
            id: server.id.to_string(),
            whmcs: server.number,
            name: server.name.clone(),
            host: server.host.to_string(),
            address: server.address.map(|address| address.to_string()),
            account: server.account.to_string(),
        }
    }
}

impl RoleLine {
    fn of(role: &CarriedRole) -> Self {
        Self {
            whmcs: role.number,
            name: role.name.clone(),
            idp_groups: role.groups.clone(),
            servers_before: role.servers.len(),
            servers_now: if role.groups.is_empty() { 0 } else { role.servers.len() },
        }
    }
}

impl NoteLine {
    fn of(note: &Note) -> Self {
        Self {
            about: note.about.clone(),
            code: note.kind.code(),
            stayed_behind: note.kind.is_loss(),
            words: note.kind.to_string(),
        }
    }
}

impl Report<'_> {
    /// Three tables, each cell escaped.
    fn table(&self) -> Result<String, std::fmt::Error> {
        let shown = |text: &str| Escaped(text).to_string();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let servers = self.servers.iter().map(|line| {
            [
                line.id.clone(),
                line.whmcs.to_string(),
                shown(&line.name),
                line.host.clone(),
                or_dash(line.address.clone()),
                line.account.clone(),
            ]
        });
        let roles = self.roles.iter().map(|line| {
            let groups = (!line.idp_groups.is_empty()).then(|| shown(&line.idp_groups.join(", ")));
            [
                line.whmcs.to_string(),
                shown(&line.name),
                or_dash(groups),
                line.servers_before.to_string(),
                line.servers_now.to_string(),
            ]
        });
        let notes = self.notes.iter().map(|line| {
            let what = if line.stayed_behind { "STAYED BEHIND" } else { "look at" };
            [what.to_owned(), shown(&line.about), shown(&line.words)]
        });
        let mut text = String::new();
        let header = ["SERVER", "WHMCS", "NAME", "HOST", "ADDRESS", "ACCOUNT"];
        writeln!(text, "{}", Table::new(header, servers.collect()))?;
        let header = ["WHMCS", "ROLE", "IDP GROUPS", "SERVERS BEFORE", "NOW"];
        writeln!(text, "{}", Table::new(header, roles.collect()))?;
        if !self.notes.is_empty() {
            write!(text, "{}", Table::new(["WHAT", "ABOUT", "WHY"], notes.collect()))?;
        }
        Ok(text)
    }

    /// The notes alone: the rest is in the documents.
    fn csv(&self) -> String {
        let mut text = csv::line(["about", "code", "stayed_behind", "words"]);
        for note in &self.notes {
            let stayed = if note.stayed_behind { "true" } else { "false" };
            text.push_str(&csv::line([note.about.as_str(), note.code, stayed, note.words.as_str()]));
        }
        text
    }
}
