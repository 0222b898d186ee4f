//! The directory's document: servers, role groups and rules, and whether they fit together.

mod conditions;
mod files;
mod role_groups;
mod rules;
mod servers;
mod tags;
mod together;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use crate::config::directory::files::Files;
use crate::config::directory::role_groups::WrittenRoleGroup;
use crate::config::directory::rules::Named;
use crate::config::directory::servers::WrittenServer;
use crate::config::directory::tags::Tags;
use crate::config::field::Field;
use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::outside::Outside;
use crate::config::outside::path;
use crate::config::section::Section;
use crate::config::source::SourceFile;
use crate::config::words::quoted;
use crate::model::Directory;
use crate::model::ProviderId;
use crate::model::Service;
use crate::model::Source;

pub(super) use conditions::given;
pub(super) use conditions::moment;
pub(super) use conditions::network;
pub(super) use role_groups::idp_group;
pub(super) use servers::account;

/// The document's servers, role groups or whatever else has a name, by the name as it was written.
///
/// A name stays known if what it names has problems of its own, so that references to it are not reported.
type ByName<T> = HashMap<String, T>;

/// Reads the directory that the main file names: a file, or a folder of files.
pub(super) fn read(main: &Section<'_>, outside: Outside<'_>) -> Option<Arc<Directory>> {
    let named = main.required("directory", "\"directory.toml\"")?;
    let files = Files::read(&path(&named)?, named.text()?, Some(named.place()), main.found)?;
    from(&files, &providers(main), outside, main.has("vault"), main.found)
}

/// Reads a directory that no main file names.
pub(super) fn read_alone(path: &Path, name: &str, findings: &Findings) -> Option<Arc<Directory>> {
    from(&Files::read(path, name, None, findings)?, &BTreeMap::new(), Outside::Ignored, true, findings)
}

fn from(
    files: &Files,
    providers: &BTreeMap<String, ProviderId>,
    outside: Outside<'_>,
    has_vault: bool,
    findings: &Findings,
) -> Option<Arc<Directory>> {
    let tables = files.parse(findings)?;
    let tops = files.tops(&tables, findings);
    let origin = Origin { files, outside, providers, has_vault };
    let mut tags = Tags::default();
    let mut servers = servers::read(&tops, &origin, &mut tags);
    let role_groups = role_groups::read(&tops, &origin);
    let rules =
        rules::read(&tops, &origin, &mut Named { servers: &mut servers, tags: &tags, role_groups: &role_groups });
    tops.into_iter().for_each(Section::finish);
    warn_about_emptiness(files, findings, &servers, &role_groups);

    let servers: Option<Vec<_>> = servers.into_values().map(|written| written.server).collect();
    let role_groups: Option<Vec<_>> = role_groups.into_values().map(|written| written.role_group).collect();
    let directory = Directory {
        version: files.version(),
        providers: providers.clone(),
        servers: servers?.into_iter().map(|server| (server.id.clone(), server)).collect::<BTreeMap<_, _>>(),
        role_groups: role_groups?.into_iter().map(|group| (group.name.clone(), group)).collect(),
        rules: rules?,
    };
    Some(Arc::new(directory))
}

/// The sections of a list, wherever they stand.
fn sections<'d>(tops: &[Section<'d>], key: &'static str) -> Vec<Section<'d>> {
    tops.iter().flat_map(|top| top.sections(key)).collect()
}

/// Where something was defined before, as seen from a file.
fn first(of: &Place, line: usize, here: &SourceFile) -> String {
    if ptr::eq(&raw const *of.file, here) { format!("line {line}") } else { format!("{}:{line}", of.file.name) }
}

/// What all entries of a document have in common.
struct Origin<'c> {
    files: &'c Files,
    outside: Outside<'c>,
    /// The providers of the main file, by issuer.
    providers: &'c BTreeMap<String, ProviderId>,
    /// Whether the main file has a vault.
    has_vault: bool,
}

impl Origin<'_> {
    /// Where a section stands, for decisions and audit events.
    fn source(&self, section: &Section<'_>) -> Source {
        Source { file: self.files.name(&section.file), line: section.line() }
    }
}

/// The ids of the providers in the main file, by issuer, as far as they can be read: what is wrong with them is
/// reported where the providers themselves are read.
fn providers(main: &Section<'_>) -> BTreeMap<String, ProviderId> {
    let id_and_issuer =
        |section: &Section<'_>| Some((section.peek_text("issuer")?.to_owned(), section.peek_text("id")?.parse().ok()?));
    main.peek("providers").iter().filter_map(id_and_issuer).collect()
}

fn services(field: &Field<'_>) -> Option<Vec<Service>> {
    let choices = Service::ALL.map(|service| (service.as_str(), service));
    field.list_of(|item| item.choice(&choices))
}

/// The services of customers that `customers` opens, beside the services that are opened themselves.
fn customers_beside(services: Option<&Vec<Service>>, field: Option<&Field<'_>>) -> Option<Vec<Service>> {
    let Some(field) = field else { return Some(Vec::new()) };
    let choices = [Service::Cpaneld, Service::Webmaild].map(|service| (service.as_str(), service));
    let customers = field.list_of(|item| item.choice(&choices))?;
    if services.is_some_and(|services| !services.contains(&Service::Whostmgrd)) {
        field.problem(
            "`customers` gives nothing without WHM, from which people go on to their customers",
            "add \"whostmgrd\" to `services`, or remove `customers`",
        );
        return None;
    }
    Some(customers)
}

fn warn_about_emptiness(
    files: &Files,
    findings: &Findings,
    servers: &ByName<WrittenServer<'_>>,
    role_groups: &ByName<WrittenRoleGroup>,
) {
    if let (true, Some(place)) = (servers.is_empty(), files.place("servers")) {
        findings.warning(place, "the directory has no servers", "add a section `[[servers]]` for each");
    }
    let has_people = role_groups.values().any(|written| written.connect);
    if let (false, Some(place)) = (has_people, files.place("role_groups")) {
        findings.warning(
            place,
            "nobody can use the gateway: no role group has the connect permission",
            "add a section `[[role_groups]]` with connect = true",
        );
    }
    for written in servers.values() {
        if written.is_restricted && !written.has_effective_rule {
            written.id.warning(
                format!("nobody can open {}", quoted(&written.name)),
                "write a rule that gives it to a role group with the connect permission",
            );
        }
    }
}
