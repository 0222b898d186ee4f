//! `[balancer]`: the load balancers in front, and what they are believed.

use std::time::Duration;

use crate::config::directory::network;
use crate::config::field::Field;
use crate::config::section::Section;
use crate::config::settings::Balancer;
use crate::config::words::quoted;
use crate::model::Balancers;
use crate::model::ClientFrom;
use crate::model::Network;
use crate::model::Origin;
use crate::model::Scheme;

/// A balancer that asks every second has noticed by then, two times over.
const DEFAULT_LEAVE_SECONDS: u64 = 3;

/// The balancers: nothing, if there are none; the outer nothing, if what is written is wrong.
#[expect(clippy::option_option, reason = "the outer one says whether it could be read, as everywhere here")]
pub(super) fn read(top: &Section<'_>, console: Option<&Origin>) -> Option<Option<Balancer>> {
    let Some(field) = top.optional("balancer") else { return Some(None) };
    let section = field.section()?;
    let addresses = section.required("addresses", "[\"192.0.2.10\"]").and_then(|field| addresses(&field));
    let client = section.required("client", "\"proxy_protocol\"").and_then(|field| {
        let ways = [ClientFrom::ProxyProtocol, ClientFrom::XForwardedFor, ClientFrom::Forwarded];
        field.choice(&ways.map(|way| (way.as_str(), way)))
    });
    let tls_field = section.optional("tls");
    let ends_tls = match &tls_field {
        Some(field) => field.choice(&[("here", false), ("balancer", true)]),
        None => Some(false),
    };
    let leave = match section.optional("leave_seconds") {
        Some(field) => field.integer(0..=300),
        None => Some(DEFAULT_LEAVE_SECONDS),
    };
    section.finish();
    let balancer = Balancer {
        addresses: Balancers::new(addresses?),
        client: client?,
        leave: Duration::from_secs(leave?),
        ends_tls: ends_tls?,
    };
    if console.is_some_and(|origin| origin.scheme == Scheme::Http) {
        field.unwanted(
            "a balancer in front of a trial without TLS",
            "remove [balancer], or write https in console.origin",
        );
        return None;
    }
    if let (Some(field), true, ClientFrom::ProxyProtocol) = (&tls_field, balancer.ends_tls, balancer.client) {
        field.problem(
            "the PROXY protocol does not say for each request whether it came over TLS",
            "write client = \"x_forwarded_for\" or \"forwarded\", or pass TLS through and write tls = \"here\"",
        );
        return None;
    }
    Some(Some(balancer))
}

fn addresses(field: &Field<'_>) -> Option<Vec<Network>> {
    let networks = field.list_of(network)?;
    for (item, network) in field.items()?.iter().zip(&networks) {
        if network.is_everywhere() {
            item.problem(
                format!("{} would let everybody say whose request it is", quoted(&network.to_string())),
                "write the addresses of the balancers",
            );
            return None;
        }
        if network.is_wide() {
            item.warning(
                format!("every machine in {} is believed about whose request it brings", quoted(&network.to_string())),
                "write the addresses of the balancers, and no network that people or servers are in",
            );
        }
    }
    Some(networks)
}
