//! `[[servers]]`: the machines, how to reach and how to trust them.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::directory::ByName;
use crate::config::directory::Origin;
use crate::config::directory::conditions;
use crate::config::directory::customers_beside;
use crate::config::directory::first as first_in;
use crate::config::directory::sections;
use crate::config::directory::services;
use crate::config::directory::tags::Tags;
use crate::config::field::Field;
use crate::config::outside::Outside;
use crate::config::section::Section;
use crate::config::words::quoted;
use crate::model::Access;
use crate::model::Account;
use crate::model::Host;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::SpkiPin;
use crate::model::Trust;

/// A server as far as it could be read.
pub(super) struct WrittenServer<'d> {
    /// Its id as it was written.
    pub(super) name: String,
    /// Where its id stands.
    pub(super) id: Field<'d>,
    pub(super) is_restricted: bool,
    /// Whether a rule gives it to a role group with the connect permission.
    pub(super) has_effective_rule: bool,
    /// The server, if all of it could be read.
    pub(super) server: Option<Server>,
}

impl WrittenServer<'_> {
    /// Whether it opens itself to everybody, so far as that could be read.
    pub(super) fn is_unrestricted(&self) -> bool {
        self.server.is_some() && !self.is_restricted
    }
}

pub(super) fn read<'d>(tops: &[Section<'d>], origin: &Origin<'_>, tags: &mut Tags) -> ByName<WrittenServer<'d>> {
    let mut servers: ByName<WrittenServer<'d>> = ByName::new();
    for section in sections(tops, "servers") {
        let Some(written) = one(section, origin, tags) else { continue };
        if let Some(first) = servers.get(&written.name) {
            written.id.problem(
                format!(
                    "the server {} is defined twice, first in {}",
                    quoted(&written.name),
                    first_in(&first.id.place(), first.id.line(), written.id.file())
                ),
                "give each server an id of its own",
            );
            continue;
        }
        servers.insert(written.name.clone(), written);
    }
    servers
}

/// A server with a name, or nothing: what has no name cannot be referred to.
fn one<'d>(section: Section<'d>, origin: &Origin<'_>, tags: &mut Tags) -> Option<WrittenServer<'d>> {
    let source = origin.source(&section);
    let id_field = section.required("id", "\"web1\"");
    let id = id_field.as_ref().and_then(id);
    let tags = tags.read(&section, id_field.as_ref().and_then(Field::text));
    let name = section.optional("name").map(|field| field.label().map(str::to_owned));
    let host = section
        .required("host", "\"web1.hosting.example\"")
        .and_then(|field| field.parse::<Host>("write the server's own host name, without https:// and without a port"));
    let address = section
        .optional("address")
        .map(|field| field.parse::<IpAddr>("write an IP address, or leave it out to look the host name up"));
    let trust = section.required("trust", "\"public\"").and_then(|field| trust(&field, origin.outside));
    let api_account = section.required("api_account", "\"root\"").and_then(|field| account(&field));
    let api_token = section
        .required("api_token", "\"file:/etc/panelgate/tokens/web1\"")
        .and_then(|field| origin.outside.token(&field, id_field.as_ref().and_then(Field::text), origin.has_vault));
    let access = access(&section);
    section.finish();

    let id_field = id_field?;
    let written = id_field.text()?.to_owned();
    let server = || {
        let id = id?;
        tags?;
        Some(Server {
            name: match name {
                Some(name) => name?,
                None => id.to_string(),
            },
            id,
            host: host?,
            address: match address {
                Some(address) => Some(address?),
                None => None,
            },
            trust: trust?,
            api_account: api_account?,
            api_token: api_token?,
            access: access.clone()?,
            source,
        })
    };
    Some(WrittenServer {
        name: written,
        id: id_field,
        server: server(),
        is_restricted: access == Some(Access::Restricted),
        has_effective_rule: false,
    })
}

fn id(field: &Field<'_>) -> Option<ServerId> {
    let id: ServerId = field.parse("the id becomes part of a host name: write for example \"web1\"")?;
    if id.is_cpanels_own() {
        field.problem(
            format!("cPanel's pages take a host name that begins with {} for something else", quoted(id.as_str())),
            "choose another id, such as \"web1\"",
        );
        return None;
    }
    Some(id)
}

pub(in crate::config) fn account(field: &Field<'_>) -> Option<Account> {
    field.parse("write the name of a WHM or cPanel account")
}

fn trust(field: &Field<'_>, outside: Outside<'_>) -> Option<Trust> {
    const WAYS: &str = "write \"public\", { ca_file = \"ca.pem\" } or { pins = [\"sha256/…\"] }";
    if !field.is_table() {
        let text = field.text()?;
        if text != "public" {
            field.problem(format!("`{}` cannot be {}", field.key(), quoted(text)), WAYS);
            return None;
        }
        return Some(Trust::PublicRoots);
    }
    let section = field.section()?;
    let ca_file = section.optional("ca_file");
    let pins = section.optional("pins");
    section.finish();
    match (ca_file, pins) {
        (Some(ca_file), None) => outside.ca_file(&ca_file).map(Trust::CaFile),
        (None, Some(pins)) => pins.list_of(pin).map(Trust::Pins),
        (None, None) | (Some(_), Some(_)) => {
            field.problem("a certificate is verified in exactly one way", WAYS);
            None
        }
    }
}

/// A pin in the notation of RFC 7469 as browsers and curl write it: `sha256/` and base64.
fn pin(field: &Field<'_>) -> Option<SpkiPin> {
    let text = field.text()?;
    let hash = text.strip_prefix("sha256/").and_then(|base64| STANDARD.decode(base64).ok());
    let pin = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok()).map(SpkiPin);
    if pin.is_none() {
        field.problem(
            format!("{} is no pin of a key", quoted(text)),
            "write \"sha256/\" and the 44 characters of base64 of the SHA-256 of the key (SubjectPublicKeyInfo)",
        );
    }
    pin
}

fn access(section: &Section<'_>) -> Option<Access> {
    let access = section.required("access", "\"restricted\"").and_then(|field| {
        let unrestricted = field.choice(&[("restricted", false), ("unrestricted", true)])?;
        Some((unrestricted, field))
    });
    let services_field = section.optional("services");
    let account_field = section.optional("account");
    let customers_field = section.optional("customers");
    for field in conditions::KEYS.into_iter().filter_map(|key| section.optional(key)) {
        field.unwanted(
            format!("`{}` says nothing on a server: conditions are for rules", field.key()),
            "write access = \"restricted\" here, and the condition in the rules for this server",
        );
    }
    let (unrestricted, field) = access?;
    if unrestricted {
        if services_field.is_none() || account_field.is_none() {
            field.problem(
                "an unrestricted server says which services it opens, and as which account",
                "add services = [\"whostmgrd\"] and account = \"…\", or write \"restricted\" and a rule",
            );
        }
        let services = services_field.and_then(|field| services(&field));
        let account = account_field.and_then(|field| {
            let account = account(&field)?;
            if account.is_root() {
                field.warning(
                    "every role group with the connect permission becomes root here",
                    "write another account, or \"restricted\" and a rule for those who need root",
                );
            }
            Some(account)
        });
        let customers = customers_beside(services.as_ref(), customers_field.as_ref());
        return Some(Access::Unrestricted { services: services?, account: account?, customers: customers? });
    }
    for field in [services_field, account_field, customers_field].into_iter().flatten() {
        field.unwanted(
            format!("`{}` says nothing on a restricted server", field.key()),
            "move it to a rule, or write access = \"unrestricted\"",
        );
    }
    Some(Access::Restricted)
}
