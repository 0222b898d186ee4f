//! `[[providers]]`: the `OpenID` Providers and our registration at each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use url::Url;

use crate::config::field::Field;
use crate::config::main_file::credential;
use crate::config::main_file::groups;
use crate::config::outside;
use crate::config::outside::CheckSecret;
use crate::config::section::Section;
use crate::config::settings::Provider;
use crate::config::words::quoted;
use crate::model::Host;
use crate::model::IdTokenAlgorithm;
use crate::model::ProviderId;
use crate::model::PushedRequests;

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
    let credential = credential::read(&section, check_secret);
    let pushed_requests = match section.optional("par") {
        Some(field) => field.choice(&[
            ("auto", PushedRequests::Auto),
            ("require", PushedRequests::Require),
            ("off", PushedRequests::Off),
        ]),
        None => Some(PushedRequests::Auto),
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
        Some(field) => groups::read(&field),
        None => Some(groups::usual()),
    };
    let other_audiences = match section.optional("other_audiences") {
        Some(field) => field.list_of(|item| item.label().map(str::to_owned)),
        None => Some(Vec::new()),
    };
    let required_claims = required_claims(&section);
    let leeway = match section.optional("leeway_seconds") {
        Some(field) => field.integer(0..=MAX_LEEWAY_SECONDS),
        None => Some(DEFAULT_LEEWAY_SECONDS),
    };
    let lenient = match section.optional("lenient_logout_tokens") {
        Some(field) => field.boolean(),
        None => Some(false),
    };
    let ca_file = section.optional("ca_file").map(|field| outside::ca_file(&field));
    section.finish();
    Some(Provider {
        id: id?,
        name: name?.to_owned(),
        issuer: issuer?,
        client_id: client_id?.to_owned(),
        credential: credential?,
        pushed_requests: pushed_requests?,
        id_token_alg: id_token_alg?,
        scopes: scopes?,
        groups: groups?,
        other_audiences: other_audiences?,
        required_claims: required_claims?,
        lenient_logout_tokens: lenient?,
        leeway: Duration::from_secs(leeway?),
        ca_file: match ca_file {
            Some(path) => Some(path?),
            None => None,
        },
    })
}

fn required_claims(section: &Section<'_>) -> Option<BTreeMap<String, String>> {
    let Some(field) = section.optional("required_claims") else { return Some(BTreeMap::new()) };
    let one = |item: Field<'_>| {
        let section = item.section()?;
        let claim = section.required("claim", "\"hd\"").and_then(|field| field.label());
        let value = section.required("value", "\"example.com\"").and_then(|field| field.label());
        section.finish();
        Some((claim?.to_owned(), value?.to_owned()))
    };
    // All are read before one that is refused refuses the list.
    let read: Vec<Option<(String, String)>> = field.items()?.into_iter().map(one).collect();
    read.into_iter().collect()
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

pub(super) fn is_localhost(url: &Url) -> bool {
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
