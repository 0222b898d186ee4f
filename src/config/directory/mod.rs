//! The directory's document: servers, role groups and rules, and whether they fit together.

mod conditions;
mod role_groups;
mod rules;
mod servers;
mod tags;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use aws_lc_rs::digest;

use crate::config::directory::role_groups::WrittenRoleGroup;
use crate::config::directory::rules::Named;
use crate::config::directory::servers::WrittenServer;
use crate::config::directory::tags::Tags;
use crate::config::document;
use crate::config::field::Field;
use crate::config::findings::Findings;
use crate::config::findings::Place;
use crate::config::outside::Outside;
use crate::config::outside::path;
use crate::config::section::Section;
use crate::config::source::SourceFile;
use crate::config::words::quoted;
use crate::model::Directory;
use crate::model::DirectoryVersion;
use crate::model::ProviderId;
use crate::model::Service;
use crate::model::Source;

pub(super) use conditions::given;
pub(super) use conditions::moment;
pub(super) use role_groups::idp_group;
pub(super) use servers::account;

/// The document's servers, role groups or whatever else has a name, by the name as it was written.
///
/// A name stays known if what it names has problems of its own, so that references to it are not reported.
type ByName<T> = HashMap<String, T>;

/// Reads the directory that the main file names.
pub(super) fn read(main: &Section<'_>, outside: Outside<'_>) -> Option<Arc<Directory>> {
    let named = main.required("directory", "\"directory.toml\"")?;
    let path = path(&named)?;
    let file = fetch(&path, named.place(), main.found)?;
    let table = document::parse(&file, main.found)?;
    let top = Section::top(Rc::clone(&file), main.found, table.get_ref());

    let providers = providers(main);
    let origin = Origin { file: named.text()?.into(), outside, providers: &providers };
    let mut tags = Tags::default();
    let mut servers = servers::read(&top, &origin, &mut tags);
    let role_groups = role_groups::read(&top, &origin);
    let rules =
        rules::read(&top, &origin, &mut Named { servers: &mut servers, tags: &tags, role_groups: &role_groups });
    top.finish();
    warn_about_emptiness(&file, main.found, &servers, &role_groups);

    let servers: Option<Vec<_>> = servers.into_values().map(|written| written.server).collect();
    let role_groups: Option<Vec<_>> = role_groups.into_values().map(|written| written.role_group).collect();
    Some(Arc::new(Directory {
        version: version(file.text()),
        providers: providers.clone(),
        servers: servers?.into_iter().map(|server| (server.id.clone(), server)).collect::<BTreeMap<_, _>>(),
        role_groups: role_groups?.into_iter().map(|group| (group.name.clone(), group)).collect(),
        rules: rules?,
    }))
}

/// What all entries of a document have in common.
struct Origin<'c> {
    /// The file as the main file names it.
    file: Arc<str>,
    outside: Outside<'c>,
    /// The providers of the main file, by issuer.
    providers: &'c BTreeMap<String, ProviderId>,
}

impl Origin<'_> {
    /// Where a section stands, for decisions and audit events.
    fn source(&self, section: &Section<'_>) -> Source {
        Source { file: Arc::clone(&self.file), line: section.line() }
    }
}

/// The ids of the providers in the main file, by issuer, as far as they can be read: what is wrong with them is
/// reported where the providers themselves are read.
fn providers(main: &Section<'_>) -> BTreeMap<String, ProviderId> {
    let id_and_issuer =
        |section: &Section<'_>| Some((section.peek_text("issuer")?.to_owned(), section.peek_text("id")?.parse().ok()?));
    main.peek("providers").iter().filter_map(id_and_issuer).collect()
}

/// Where the document comes from: one file.
fn fetch(path: &Path, named_at: Place, findings: &Findings) -> Option<Rc<SourceFile>> {
    document::read(path, Some(named_at), findings)
}

fn version(text: &str) -> DirectoryVersion {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(16);
    let version: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    DirectoryVersion(version.into())
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
    file: &Rc<SourceFile>,
    findings: &Findings,
    servers: &ByName<WrittenServer<'_>>,
    role_groups: &ByName<WrittenRoleGroup>,
) {
    let whole = |key: &str| Place { file: Rc::clone(file), span: None, key: key.to_owned() };
    if servers.is_empty() {
        findings.warning(whole("servers"), "the directory has no servers", "add a section `[[servers]]` for each");
    }
    if !role_groups.values().any(|written| written.connect) {
        findings.warning(
            whole("role_groups"),
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
