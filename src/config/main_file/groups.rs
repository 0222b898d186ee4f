//! `groups`: the one place where a person's groups are found.

use url::Url;

use crate::config::field::Field;
use crate::config::main_file::provider::is_localhost;
use crate::config::outside;
use crate::config::section::Section;
use crate::config::settings::GroupsSource;
use crate::config::words::quoted;
use crate::model::GroupValues;
use crate::model::GroupsFrom;

/// Microsoft's worldwide service; national clouds have addresses of their own.
const GRAPH: &str = "https://graph.microsoft.com/v1.0";
/// Google's Admin SDK.
const GOOGLE: &str = "https://admin.googleapis.com";

#[derive(Clone, Copy)]
enum From {
    Claim(GroupsFrom),
    Graph,
    Google,
}

#[derive(Clone, Copy)]
enum Values {
    Names,
    Separated,
    Keys,
    Members,
    LastSteps,
}

/// What is read where nothing is configured.
pub(super) fn usual() -> GroupsSource {
    GroupsSource::Claim { from: GroupsFrom::IdToken, pointer: "/groups".to_owned(), values: GroupValues::Names }
}

pub(super) fn read(field: &Field<'_>) -> Option<GroupsSource> {
    let section = field.section()?;
    let from = section.required("from", "\"id_token\"").and_then(|field| {
        field.choice(&[
            ("id_token", From::Claim(GroupsFrom::IdToken)),
            ("userinfo", From::Claim(GroupsFrom::Userinfo)),
            ("graph", From::Graph),
            ("google_directory", From::Google),
        ])
    });
    // Where that is wrong, what else should stand here is not known.
    let source = match from? {
        From::Claim(from) => claim(&section, from),
        From::Graph => endpoint(&section, GRAPH).map(|endpoint| GroupsSource::Graph { endpoint }),
        From::Google => google(&section),
    };
    section.finish();
    source
}

fn claim(section: &Section<'_>, from: GroupsFrom) -> Option<GroupsSource> {
    let pointer = section.required("pointer", "\"/groups\"").and_then(|field| pointer(&field));
    let values = match section.optional("values") {
        Some(field) => field.choice(&[
            ("names", Values::Names),
            ("separated", Values::Separated),
            ("keys", Values::Keys),
            ("members", Values::Members),
            ("last_steps", Values::LastSteps),
        ]),
        None => Some(Values::Names),
    };
    let values = match values? {
        Values::Names => Some(GroupValues::Names),
        Values::Keys => Some(GroupValues::Keys),
        Values::LastSteps => Some(GroupValues::LastSteps),
        Values::Separated => section
            .required("separator", "\";\"")
            .and_then(|field| field.text().filter(|text| !text.is_empty()).map(str::to_owned))
            .map(GroupValues::SeparatedBy),
        Values::Members => section
            .required("member", "\"name\"")
            .and_then(|field| field.label().map(str::to_owned))
            .map(GroupValues::Member),
    };
    Some(GroupsSource::Claim { from, pointer: pointer?, values: values? })
}

fn google(section: &Section<'_>) -> Option<GroupsSource> {
    let endpoint = endpoint(section, GOOGLE);
    let account = match section.optional("service_account") {
        None => None,
        Some(field) => {
            let acting_as = section.required("acting_as", "\"admin@example.com\"").and_then(|field| field.label());
            Some((outside::service_account(&field), acting_as))
        }
    };
    let account = match account {
        None => None,
        Some((file, acting_as)) => Some((file?, acting_as?.to_owned())),
    };
    Some(GroupsSource::GoogleDirectory { endpoint: endpoint?, account })
}

/// Where a directory is. The token of the sign-in goes there, so it goes over TLS.
fn endpoint(section: &Section<'_>, usual: &str) -> Option<Url> {
    let Some(field) = section.optional("endpoint") else { return Url::parse(usual).ok() };
    let text = field.text()?;
    let safe = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_localhost(url));
    let plain = |url: &Url| {
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
    };
    let url = Url::parse(text).ok().filter(|url| safe(url) && plain(url));
    if url.is_none() {
        field.problem(format!("{} is no https address of a directory", quoted(text)), format!("write \"{usual}\""));
    }
    url
}

/// Checks a JSON Pointer (RFC 6901 section 3). The empty one would be the whole document.
fn pointer(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let escapes_are_whole = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if !text.starts_with('/') || !escapes_are_whole {
        field.problem(
            format!("{} is no JSON Pointer", quoted(text)),
            "write a slash before each name, such as \"/groups\" or \"/realm_access/roles\" (RFC 6901)",
        );
        return None;
    }
    Some(text.to_owned())
}
