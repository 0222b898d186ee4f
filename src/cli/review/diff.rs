//! `panelgate access diff`: who gains and who loses what.

use std::io;

use serde::Serialize;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Diff;
use crate::cli::review::arguments::Format;
use crate::cli::review::csv;
use crate::cli::review::directory;
use crate::cli::review::lines;
use crate::cli::review::message;
use crate::cli::review::names;
use crate::cli::review::people;
use crate::cli::review::result;
use crate::cli::review::table::Table;
use crate::cli::review::terms::Terms;
use crate::cli::review::whom::ForPrograms;
use crate::config::counted;
use crate::model::Directory;
use crate::model::ProviderId;
use crate::model::RoleGroupName;
use crate::policy;
use crate::policy::Change;
use crate::policy::Direction;
use crate::policy::Holding;
use crate::policy::Verdict;
use crate::policy::Whom;

/// Writes the changes, and answers with what they come to.
pub(super) fn diff(arguments: &Diff, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let (old, new) = (directory(&arguments.old, streams)?, directory(&arguments.new, streams)?);
    let (Some(old), Some(new)) = (old, new) else { return Ok(Exit::Config) };
    let changes = policy::diff(&old, &new);
    let verdict = policy::verdict(&changes);
    let text = match arguments.format {
        Format::Table if changes.is_empty() => String::new(),
        Format::Table => table(&changes),
        Format::Json => json(&old, &new, &changes, verdict)?,
        Format::Csv => csv(&changes),
    };
    result(&text, streams)?;
    let gains = changes.iter().filter(|change| change.direction == Direction::Gains).count();
    let losses = changes.len().saturating_sub(gains);
    let (word, exit) = match verdict {
        Verdict::Same => ("same access", Exit::Done),
        Verdict::Narrowed => ("access narrowed", Exit::No),
        Verdict::Widened => ("access widened", Exit::Widened),
    };
    let noun = if losses == 1 { "loss" } else { "losses" };
    message(&format!("{word}: {}, {losses} {noun}", counted(gains, "gain")), streams)?;
    Ok(exit)
}

/// What is gained or lost, cell by cell; empty where there is nothing to say.
struct Cells<'d> {
    right: &'static str,
    server: String,
    host: String,
    service: &'static str,
    whom: Option<Whom<'d>>,
}

impl<'d> Cells<'d> {
    fn of(holding: &Holding<'d>) -> Self {
        let right = |right| Self { right, server: String::new(), host: String::new(), service: "", whom: None };
        match holding {
            Holding::Connect => right("connect"),
            Holding::Right(over) => right(over.as_str()),
            Holding::Open { server, host, address, service, whom } => Self {
                right: "open",
                server: server.to_string(),
                host: address.map_or_else(|| host.to_string(), |address| format!("{host} at {address}")),
                service: service.as_str(),
                whom: Some(*whom),
            },
        }
    }
}

/// When it holds, and whether it was not given at all before.
fn when(change: &Change<'_>) -> String {
    let partly = match (change.is_partial, change.direction) {
        (false, _) => "",
        (true, Direction::Gains) => " (was narrower)",
        (true, Direction::Loses) => " (is narrower)",
    };
    format!("{}{partly}", change.conditions)
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Gains => "gains",
        Direction::Loses => "loses",
    }
}

fn table(changes: &[Change<'_>]) -> String {
    let or_dash = |cell: String| if cell.is_empty() { "-".to_owned() } else { cell };
    let row = |change: &Change<'_>| {
        let cells = Cells::of(&change.holding);
        [
            word(change.direction).to_owned(),
            names(change.role_groups.iter().map(|name| name.as_str())),
            people(change.provider, change.idp_groups.iter().copied()),
            cells.right.to_owned(),
            or_dash(cells.server),
            or_dash(cells.host),
            or_dash(cells.service.to_owned()),
            or_dash(cells.whom.map(|whom| whom.to_string()).unwrap_or_default()),
            when(change),
            lines(&change.sources),
        ]
    };
    let header =
        ["CHANGE", "ROLE GROUPS", "IDP GROUPS", "RIGHT", "SERVER", "HOST", "SERVICE", "ACCOUNT", "WHEN", "WRITTEN AT"];
    Table::new(header, changes.iter().map(row).collect()).to_string()
}

fn csv(changes: &[Change<'_>]) -> String {
    let mut text = csv::line([
        "change",
        "role_groups",
        "provider",
        "idp_group",
        "right",
        "server",
        "host",
        "service",
        "account",
        "customers_of",
        "when",
        "written_at",
    ]);
    for change in changes {
        let cells = Cells::of(&change.holding);
        let whom = cells.whom.map(ForPrograms::of).unwrap_or_default();
        let role_groups: Vec<&str> = change.role_groups.iter().map(|name| name.as_str()).collect();
        for group in &change.idp_groups {
            text.push_str(&csv::line([
                word(change.direction),
                &role_groups.join(", "),
                change.provider.map(ProviderId::as_str).unwrap_or_default(),
                &group.0,
                cells.right,
                &cells.server,
                &cells.host,
                cells.service,
                whom.account.unwrap_or_default(),
                whom.customers_of.unwrap_or_default(),
                &when(change),
                &lines(&change.sources),
            ]));
        }
    }
    text
}

/// The changes as JSON.
#[derive(Serialize)]
struct Document<'d> {
    old_directory_version: &'d str,
    new_directory_version: &'d str,
    verdict: &'static str,
    changes: Vec<Row<'d>>,
}

#[derive(Serialize)]
struct Row<'d> {
    change: &'static str,
    role_groups: Vec<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'d str>,
    idp_groups: Vec<&'d str>,
    right: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    server: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    service: &'static str,
    #[serde(flatten)]
    whom: ForPrograms<'d>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Terms<'d>>,
    /// Whether the other side gives it too, under narrower conditions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partly: bool,
    written_at: Vec<String>,
}

fn json<'d>(old: &'d Directory, new: &'d Directory, changes: &[Change<'d>], verdict: Verdict) -> io::Result<String> {
    let row = |change: &Change<'d>| {
        let Cells { right, server, host, service, whom } = Cells::of(&change.holding);
        Row {
            change: word(change.direction),
            role_groups: change.role_groups.iter().copied().map(RoleGroupName::as_str).collect(),
            provider: change.provider.map(ProviderId::as_str),
            idp_groups: change.idp_groups.iter().map(|group| group.0.as_str()).collect(),
            right,
            server,
            host,
            service,
            whom: whom.map(ForPrograms::of).unwrap_or_default(),
            conditions: Terms::of(change.conditions),
            partly: change.is_partial,
            written_at: change.sources.iter().map(ToString::to_string).collect(),
        }
    };
    let document = Document {
        old_directory_version: &old.version.0,
        new_directory_version: &new.version.0,
        verdict: match verdict {
            Verdict::Same => "same",
            Verdict::Narrowed => "narrowed",
            Verdict::Widened => "widened",
        },
        changes: changes.iter().map(row).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
