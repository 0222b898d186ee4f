//! `[[rules]]`: which role group may open what, as whom.

use std::collections::BTreeSet;

use crate::config::directory::ByName;
use crate::config::directory::Origin;
use crate::config::directory::conditions;
use crate::config::directory::customers_beside;
use crate::config::directory::role_groups::WrittenRoleGroup;
use crate::config::directory::sections;
use crate::config::directory::servers::WrittenServer;
use crate::config::directory::servers::account;
use crate::config::directory::services;
use crate::config::directory::tags::Tags;
use crate::config::directory::together;
use crate::config::field::Field;
use crate::config::findings::Place;
use crate::config::nearest::nearest;
use crate::config::section::Section;
use crate::config::words::quoted;
use crate::model::RoleGroupName;
use crate::model::Rule;
use crate::model::ServerId;

/// What rules can name.
pub(super) struct Named<'n, 'd> {
    pub(super) servers: &'n mut ByName<WrittenServer<'d>>,
    pub(super) tags: &'n Tags,
    pub(super) role_groups: &'n ByName<WrittenRoleGroup>,
}

/// Reads all rules, and notes at the servers which of them somebody can open.
pub(super) fn read(tops: &[Section<'_>], origin: &Origin<'_>, named: &mut Named<'_, '_>) -> Option<Vec<Rule>> {
    let mut findings = None;
    let mut rules: Vec<Option<(Place, Rule)>> = Vec::new();
    for section in sections(tops, "rules") {
        let (place, found) = (section.place(), section.found);
        rules.push(one(section, origin, named).map(|rule| (place, rule)));
        findings = Some(found);
    }
    let rules: Vec<(Place, Rule)> = rules.into_iter().collect::<Option<_>>()?;
    if let Some(findings) = findings {
        together::warn(&rules, findings);
    }
    Some(rules.into_iter().map(|(_, rule)| rule).collect())
}

fn one(section: Section<'_>, origin: &Origin<'_>, named: &mut Named<'_, '_>) -> Option<Rule> {
    let source = origin.source(&section);
    let role_group =
        section.required("role_group", "\"Support\"").and_then(|field| role_group(&field, named.role_groups));
    let listed = servers(&section, named);
    let services = section.required("services", "[\"whostmgrd\"]").and_then(|field| services(&field));
    let account = section.required("account", "\"support\"").and_then(|field| account(&field));
    let customers = customers_beside(services.as_ref(), section.optional("customers").as_ref());
    let conditions = conditions::read(&section);
    section.finish();

    let (role_group, listed) = (role_group?, listed?);
    if role_group.connect {
        for server in &listed {
            if let Some(written) = named.servers.get_mut(server) {
                written.has_effective_rule = true;
            }
        }
    }
    // A server whose definition has problems has an id that may be none; that has been reported there.
    let servers: Option<Vec<ServerId>> = listed.iter().map(|server| server.parse().ok()).collect();
    Some(Rule {
        role_group: role_group.name?,
        servers: servers?,
        services: services?,
        account: account?,
        customers: customers?,
        conditions: conditions?,
        source,
    })
}

/// The servers that a rule names, then those that bear its tags, each once.
fn servers(section: &Section<'_>, named: &Named<'_, '_>) -> Option<Vec<String>> {
    let by_name = section.optional("servers").map(|field| field.list_of(|item| server(item, named.servers)));
    let by_tag = section.optional("server_tags").map(|field| bearers(&field, named));
    if by_name.is_none() && by_tag.is_none() {
        section.found.problem(
            Place { key: "rules.servers".to_owned(), ..section.place() },
            "`rules.servers` is missing",
            "add `servers = [\"web1\"]` or `server_tags = [\"prod\"]` to `[[rules]]`",
        );
        return None;
    }
    let (mut servers, tagged) = (by_name.unwrap_or(Some(Vec::new()))?, by_tag.unwrap_or(Some(BTreeSet::new()))?);
    let further: Vec<String> = tagged.into_iter().filter(|server| !servers.contains(server)).collect();
    servers.extend(further);
    Some(servers)
}

/// The servers that bear the tags of a rule.
fn bearers(field: &Field<'_>, named: &Named<'_, '_>) -> Option<BTreeSet<String>> {
    let bearers = named.tags.servers(field)?;
    let opens_itself = |name: &String| named.servers.get(name).is_some_and(WrittenServer::is_unrestricted);
    if bearers.iter().all(opens_itself) {
        field.warning(
            "this rule adds nothing: every server that bears its tags is unrestricted",
            "remove the tags here, or write access = \"restricted\" at the servers",
        );
    }
    Some(bearers)
}

/// What a rule says about its role group.
struct Referred {
    name: Option<RoleGroupName>,
    connect: bool,
}

fn role_group(field: &Field<'_>, role_groups: &ByName<WrittenRoleGroup>) -> Option<Referred> {
    let text = field.text()?;
    let Some(written) = role_groups.get(text) else {
        unknown(field, text, "role group", role_groups.keys());
        return None;
    };
    if !written.connect {
        field.warning(
            format!("this rule gives nothing: the role group {} may not connect", quoted(text)),
            "write connect = true in the role group, or remove the rule",
        );
    }
    Some(Referred { name: RoleGroupName::new(text), connect: written.connect })
}

fn server(field: &Field<'_>, servers: &ByName<WrittenServer<'_>>) -> Option<String> {
    let text = field.text()?;
    let Some(written) = servers.get(text) else {
        unknown(field, text, "server", servers.keys());
        return None;
    };
    if written.is_unrestricted() {
        field.warning(
            format!("this rule adds nothing to {}, which is unrestricted", quoted(text)),
            "remove it here, or write access = \"restricted\" at the server",
        );
    }
    Some(text.to_owned())
}

fn unknown<'n>(field: &Field<'_>, text: &str, noun: &str, known: impl Iterator<Item = &'n String>) {
    let help = match nearest(text, known.map(String::as_str)) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => format!("define it, or write the name of a {noun} of this file"),
    };
    field.problem(format!("there is no {noun} {}", quoted(text)), help);
}
