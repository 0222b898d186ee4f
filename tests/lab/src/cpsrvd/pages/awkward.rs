//! Pages that make careless proxies lose their way: awkward links, and scripts that read their own address.

use serde_json::json;

use super::data;
use super::fill;
use super::refresh;
use super::signed_in;
use crate::cpsrvd::answer::Answer;
use crate::cpsrvd::exchange::Exchange;
use crate::cpsrvd::service::Service;
use crate::cpsrvd::session::Session;

/// Where these pages are on a service, below the security token.
pub(super) fn folder(service: Service) -> &'static str {
    match service {
        Service::Whostmgrd => "/scripts",
        Service::Cpaneld => "/frontend/jupiter",
        Service::Webmaild => "/webmail/jupiter",
    }
}

/// The pages that all three services have.
pub(super) fn page(exchange: &Exchange<'_>, session: &Session) -> Option<Answer> {
    let service = exchange.service();
    let name = exchange.path.strip_prefix(folder(service))?.trim_start_matches('/');
    let own = exchange.origin(service);
    let links =
        format!("{}{}", folder(service), if service == Service::Whostmgrd { "/links" } else { "/links/index.html" });
    let below = |name: &str| format!("{}/{name}", folder(service));
    let absolute = format!("{own}{}{links}", session.security_token);
    Some(match name {
        "links" | "links/index.html" => signed_in(
            exchange,
            session,
            include_str!("links.html"),
            &[
                ("service", service.name()),
                ("path", &links),
                ("own", &own),
                ("webmail", &exchange.origin(Service::Webmaild)),
                ("authority", own.split_once("//").map_or("", |(_, authority)| authority)),
                ("refresh", &below("refresh")),
                ("base", &below("base")),
                ("json", &below("links.json")),
                ("submitted", exchange.fields().get("from").unwrap_or("nothing")),
            ],
        ),
        "path" | "path/index.html" => signed_in(exchange, session, include_str!("path.html"), &[]),
        "links.json" => data("application/json", json!({"url": format!("{absolute}?from=json")}).to_string()),
        "refresh" => Answer::page(200, "OK", refresh(&format!("{absolute}?from=refresh"))),
        "base" => {
            let texts = [("own", &*own), ("token", &session.security_token), ("below", links.trim_start_matches('/'))];
            Answer::page(200, "OK", fill(include_str!("base.html"), &texts))
        }
        _ => return None,
    })
}
