//! `panelgate access matrix`: who may open what.

use std::io;

use serde::Serialize;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::review::arguments::Matrix;
use crate::cli::review::arguments::MatrixFormat;
use crate::cli::review::csv;
use crate::cli::review::directory;
use crate::cli::review::lines;
use crate::cli::review::page;
use crate::cli::review::people;
use crate::cli::review::result;
use crate::cli::review::table::Table;
use crate::cli::review::terms::Terms;
use crate::cli::review::unknown;
use crate::cli::review::usage;
use crate::cli::review::whom::ForPrograms;
use crate::config::Escaped;
use crate::model::Directory;
use crate::model::ProviderId;
use crate::model::RoleGroupName;
use crate::model::ServerId;
use crate::policy;
use crate::policy::Entitlement;
use crate::policy::Scope;

/// Writes the matrix, or the part of it that is asked for.
pub(super) fn matrix(arguments: &Matrix, streams: &mut Streams<'_>) -> io::Result<Exit> {
    let date = match (arguments.format, arguments.date) {
        (MatrixFormat::Html, date) => date,
        (_, None) => None,
        (_, Some(_)) => return usage("only the page of --format html bears a --date", streams),
    };
    let Some(directory) = directory(&arguments.config.config, streams)? else { return Ok(Exit::Config) };
    let role_group = match arguments.role_group.as_deref().map(|name| (name, RoleGroupName::new(name))) {
        Some((_, Some(name))) if directory.role_groups.contains_key(&name) => Some(name),
        Some((name, _)) => {
            let known = directory.role_groups.keys().map(RoleGroupName::as_str);
            return usage(&unknown("role group", name, known), streams);
        }
        None => None,
    };
    let scope = match (&arguments.server, &role_group) {
        (Some(server), _) if !directory.servers.contains_key(server) => {
            return usage(&unknown("server", server.as_str(), directory.servers.keys().map(ServerId::as_str)), streams);
        }
        (Some(server), _) => Scope::Server(server),
        (None, Some(name)) => Scope::RoleGroup(name),
        (None, None) => Scope::All,
    };
    let matrix = policy::matrix(&directory, scope);
    let text = match (arguments.format, date) {
        (MatrixFormat::Html, Some(date)) => page::page(&directory, scope, &matrix, date)?,
        (MatrixFormat::Json, _) => json(&directory, &matrix)?,
        (MatrixFormat::Csv, _) => csv(&matrix),
        (MatrixFormat::Table | MatrixFormat::Html, _) => table(&matrix),
    };
    result(&text, streams)?;
    Ok(Exit::Done)
}

fn table(matrix: &[Entitlement<'_>]) -> String {
    let row = |one: &Entitlement<'_>| {
        [
            Escaped(one.role_group.name.as_str()).to_string(),
            people(one.role_group.provider.as_ref(), &one.role_group.idp_groups),
            one.server.id.to_string(),
            one.service.to_string(),
            one.whom.to_string(),
            one.conditions.to_string(),
            lines(&one.sources),
        ]
    };
    let header = ["ROLE GROUP", "IDP GROUPS", "SERVER", "SERVICE", "ACCOUNT", "WHEN", "WRITTEN AT"];
    Table::new(header, matrix.iter().map(row).collect()).to_string()
}

fn csv(matrix: &[Entitlement<'_>]) -> String {
    let mut text = csv::line([
        "role_group",
        "provider",
        "idp_group",
        "server",
        "service",
        "account",
        "customers_of",
        "when",
        "written_at",
    ]);
    for one in matrix {
        let whom = ForPrograms::of(one.whom);
        for group in &one.role_group.idp_groups {
            text.push_str(&csv::line([
                one.role_group.name.as_str(),
                one.role_group.provider.as_ref().map(ProviderId::as_str).unwrap_or_default(),
                &group.0,
                one.server.id.as_str(),
                one.service.as_str(),
                whom.account.unwrap_or_default(),
                whom.customers_of.unwrap_or_default(),
                &one.conditions.to_string(),
                &lines(&one.sources),
            ]));
        }
    }
    text
}

/// The matrix as JSON.
#[derive(Serialize)]
struct Document<'m> {
    directory_version: &'m str,
    access: Vec<Row<'m>>,
}

#[derive(Serialize)]
struct Row<'m> {
    role_group: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'m str>,
    idp_groups: Vec<&'m str>,
    server: &'m str,
    service: &'static str,
    #[serde(flatten)]
    whom: ForPrograms<'m>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Terms<'m>>,
    written_at: Vec<String>,
}

fn json<'m>(directory: &'m Directory, matrix: &'m [Entitlement<'m>]) -> io::Result<String> {
    let row = |one: &'m Entitlement<'m>| Row {
        role_group: one.role_group.name.as_str(),
        provider: one.role_group.provider.as_ref().map(ProviderId::as_str),
        idp_groups: one.role_group.idp_groups.iter().map(|group| group.0.as_str()).collect(),
        server: one.server.id.as_str(),
        service: one.service.as_str(),
        whom: ForPrograms::of(one.whom),
        conditions: Terms::of(one.conditions),
        written_at: one.sources.iter().map(ToString::to_string).collect(),
    };
    let access = matrix.iter().map(row).collect();
    let document = Document { directory_version: &directory.version.0, access };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
