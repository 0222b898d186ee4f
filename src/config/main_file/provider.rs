//! `[[providers]]`: the `OpenID` Providers and our registration at each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use url::Url;

use crate::config::field::Field;
use crate::config::outside;
use crate::config::outside::CheckSecret;
use crate::config::section::Section;
use crate::config::settings::GroupsSource;
use crate::config::settings::Provider;
use crate::config::words::quoted;
use crate::model::ClientAuth;
use crate::model::GroupsFrom;
use crate::model::Host;
use crate::model::IdTokenAlgorithm;
use crate::model::ProviderId;

const DEFAULT_SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// Clocks that are kept by NTP differ by less than a second; a minute forgives those that are not.
const DEFAULT_LEEWAY_SECONDS: u64 = 60;

/// A token that expired longer ago than this is old, whatever the clocks say.
const MAX_LEEWAY_SECONDS: u64 = 300;

pub(super) fn read(top: &Section<'_>, check_secret: CheckSecret<'_>) -> Option<Vec<Provider>> {
    let mut first = First::default();
    let sections = top.required_sections("providers", &["id", "name", "issuer", "client_id", "client_secret"]);
    // All are read before one that is refused refuses the list.
    let read: Vec<Option<Provider>> =
        sections.into_iter().map(|section| one(section, &mut first, check_secret)).collect();
    if read.is_empty() { None } else { read.into_iter().collect() }
}

/// What the sections so far have for themselves, and in which line.
#[derive(Default)]
struct First {
    ids: BTreeMap<String, usize>,
    issuers: BTreeMap<String, usize>,
}

fn one(section: Section<'_>, first: &mut First, check_secret: CheckSecret<'_>) -> Option<Provider> {
    let id = section.required("id", "\"sso\"").and_then(|field| {
        let id =
            field.parse::<ProviderId>("write a short name such as \"staff\": it stands in the redirect address")?;
        alone(&field, id.as_str(), &mut first.ids, "give each provider an id of its own").then_some(id)
    });
    let name = section.required("name", "\"Example SSO\"").and_then(|field| field.label());
    let issuer = section.required("issuer", "\"https://idp.example.com\"").and_then(|field| {
        let issuer = issuer(&field)?;
        let help = "one issuer is one provider: its people and groups have the same names whatever the client";
        alone(&field, &issuer, &mut first.issuers, help).then_some(issuer)
    });
    let client_id = section.required("client_id", "\"panelgate\"").and_then(|field| field.label());
    let client_secret = section
        .required("client_secret", "\"file:/etc/panelgate/client-secret\"")
        .and_then(|field| outside::secret(&field, check_secret));
    let client_auth = match section.optional("client_auth") {
        Some(field) => field.choice(&[("basic", ClientAuth::Basic), ("post", ClientAuth::Post)]),
        None => Some(ClientAuth::Basic),
    };
    let id_token_alg = match section.optional("id_token_alg") {
        Some(field) => field.choice(&IdTokenAlgorithm::ALL.map(|alg| (alg.as_str(), alg))),
        None => Some(IdTokenAlgorithm::Rs256),
    };
    let scopes = match section.optional("scopes") {
        Some(field) => scopes(&field),
        None => Some(DEFAULT_SCOPES.map(str::to_owned).to_vec()),
    };
    let groups = match section.optional("groups") {
        Some(field) => groups(&field),
        None => Some(GroupsSource { from: GroupsFrom::IdToken, pointer: "/groups".to_owned() }),
    };
    let leeway = match section.optional("leeway_seconds") {
        Some(field) => field.integer(0..=MAX_LEEWAY_SECONDS),
        None => Some(DEFAULT_LEEWAY_SECONDS),
    };
    let ca_file = section.optional("ca_file").map(|field| outside::ca_file(&field));
    section.finish();
    Some(Provider {
        id: id?,
        name: name?.to_owned(),
        issuer: issuer?,
        client_id: client_id?.to_owned(),
        client_secret: client_secret?,
        client_auth: client_auth?,
        id_token_alg: id_token_alg?,
        scopes: scopes?,
        groups: groups?,
        leeway: Duration::from_secs(leeway?),
        ca_file: match ca_file {
            Some(path) => Some(path?),
            None => None,
        },
    })
}

/// Whether no provider before has this value for the key.
fn alone(field: &Field<'_>, value: &str, first: &mut BTreeMap<String, usize>, help: &str) -> bool {
    match first.entry(value.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(field.line());
            true
        }
        Entry::Occupied(line) => {
            field.problem(format!("{} stands twice, first in line {}", quoted(value), line.get()), help);
            false
        }
    }
}

/// Checks an issuer identifier (OpenID Connect Discovery 1.0, section 3), and leaves it as it was written.
fn issuer(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let shown = quoted(text);
    let help = "copy the issuer from the provider, letter by letter: \"https://idp.example.com\"";
    let wrong = match Url::parse(text) {
        Err(error) => format!("{shown} is no address: {error}"),
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            format!("{shown}: an issuer has no query and no fragment")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            field.mask();
            "an issuer has no user name and no password".to_owned()
        }
        Ok(_) if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) => {
            format!("{shown} holds a blank")
        }
        Ok(url) => match url.scheme() {
            "https" => return Some(text.to_owned()),
            "http" if is_localhost(&url) => return Some(text.to_owned()),
            _ => format!("{shown} does not begin with https://"),
        },
    };
    field.problem(wrong, help);
    None
}

fn is_localhost(url: &Url) -> bool {
    url.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_localhost())
}

fn scopes(field: &Field<'_>) -> Option<Vec<String>> {
    let scopes = field.list_of(|item| {
        let text = item.text()?;
        // RFC 6749 section 3.3: scope-token.
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            item.problem(format!("{} is no scope", quoted(text)), "write one scope an item, such as \"profile\"");
            return None;
        }
        Some(text.to_owned())
    })?;
    if !scopes.iter().any(|scope| scope == "openid") {
        field.problem("without the scope `openid` the provider sends no ID token", "add \"openid\"");
        return None;
    }
    Some(scopes)
}

fn groups(field: &Field<'_>) -> Option<GroupsSource> {
    let section = field.section()?;
    let from = section
        .required("from", "\"id_token\"")
        .and_then(|field| field.choice(&[("id_token", GroupsFrom::IdToken), ("userinfo", GroupsFrom::Userinfo)]));
    let pointer = section.required("pointer", "\"/groups\"").and_then(|field| pointer(&field));
    section.finish();
    Some(GroupsSource { from: from?, pointer: pointer? })
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
