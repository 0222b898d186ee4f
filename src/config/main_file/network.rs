//! `[console]`, `[panels]`, `[listen]` and `[tls]`: the origins and the sockets behind them.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::config::field::Field;
use crate::config::outside;
use crate::config::section::Section;
use crate::config::settings::CertificateFiles;
use crate::config::settings::Listen;
use crate::config::settings::PanelStyle;
use crate::model::Host;
use crate::model::Origin;
use crate::model::Scheme;
use crate::model::Service;

/// What the four sections say together.
pub(super) struct Network {
    pub(super) console: Origin,
    pub(super) panels: PanelStyle,
    pub(super) listen: Listen,
    pub(super) certificates: Vec<CertificateFiles>,
}

pub(super) fn read(top: &Section<'_>) -> Option<Network> {
    let panels = panels(top);
    let console = top.required_section("console", &["origin"]).and_then(|section| {
        let origin = section
            .required("origin", "\"https://connect.example.com\"")
            .and_then(|field| console(&field, panels.unwrap_or(PanelStyle::Ports)));
        section.finish();
        origin
    });
    let listen = listen(top, console.as_ref(), panels.unwrap_or(PanelStyle::Ports));
    let certificates = tls(top, console.as_ref());
    Some(Network { console: console?, panels: panels?, listen: listen?, certificates: certificates? })
}

fn panels(top: &Section<'_>) -> Option<PanelStyle> {
    let Some(section) = top.optional("panels") else { return Some(PanelStyle::Ports) };
    let section = section.section()?;
    let style = match section.optional("style") {
        Some(field) => field.choice(&[("ports", PanelStyle::Ports), ("hosts", PanelStyle::Hosts)]),
        None => Some(PanelStyle::Ports),
    };
    section.finish();
    style
}

fn console(field: &Field<'_>, panels: PanelStyle) -> Option<Origin> {
    let origin: Origin = field.parse("write \"https://\" and a host name, such as \"https://connect.example.com\"")?;
    // Longer than any id, service label and their dots.
    let longest = origin.host.with_label(&"x".repeat(63)).and_then(|host| host.with_label("cpanel-or-more"));
    if let (Host::Name(_), None) = (&origin.host, longest) {
        field.problem("this host name is so long that panels have no room for names below it", "write a shorter name");
        return None;
    }
    if let Host::Ip(_) = origin.host {
        field.problem(
            "the console needs a host name: panels have names below it, and an IP address has none",
            "write a name that you own, such as \"https://connect.example.com\"",
        );
        return None;
    }
    if origin.scheme == Scheme::Http && !origin.host.is_localhost() {
        field.problem(
            "without TLS, everybody on the way could take over sessions",
            "write https, or for a trial on your own machine a name that ends in .localhost",
        );
        return None;
    }
    if is_panel_port(panels, origin.port) {
        field.problem(
            format!("port {} belongs to the panels", origin.port),
            "choose another port, or panels.style = \"hosts\"",
        );
        return None;
    }
    Some(origin)
}

fn listen(top: &Section<'_>, console: Option<&Origin>, panels: PanelStyle) -> Option<Listen> {
    let mut listen = Listen {
        addresses: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        console_port: console.map_or(443, |origin| origin.port),
    };
    let Some(section) = top.optional("listen") else { return Some(listen) };
    let section = section.section()?;
    let addresses = section
        .optional("addresses")
        .map(|field| field.list_of(|item| item.parse::<IpAddr>("write an IP address, such as \"0.0.0.0\" or \"::\"")));
    let port = section.optional("console_port").map(|field| {
        let port = field.integer(1..=65_535).and_then(|port| u16::try_from(port).ok())?;
        if is_panel_port(panels, port) {
            field.problem(
                format!("port {port} belongs to the panels"),
                "choose another port, or panels.style = \"hosts\"",
            );
            return None;
        }
        Some(port)
    });
    section.finish();
    if let Some(addresses) = addresses {
        listen.addresses = addresses?;
    }
    if let Some(port) = port {
        listen.console_port = port?;
    }
    Some(listen)
}

/// Whether panels listen on this port, each service on its own.
fn is_panel_port(panels: PanelStyle, port: u16) -> bool {
    panels == PanelStyle::Ports && Service::ALL.iter().any(|service| service.port() == port)
}

fn tls(top: &Section<'_>, console: Option<&Origin>) -> Option<Vec<CertificateFiles>> {
    let scheme = console.map(|origin| origin.scheme);
    let Some(field) = top.optional("tls") else {
        if scheme == Some(Scheme::Https) {
            // Asking for it as required says that it is missing.
            top.required_section("tls", &["certificates"]);
            return None;
        }
        return Some(Vec::new());
    };
    if scheme == Some(Scheme::Http) {
        field.unwanted("certificates without https", "remove [tls], or write https in console.origin");
        return None;
    }
    let section = field.section()?;
    let example = "[{ chain = \"fullchain.pem\", key = \"privkey.pem\" }]";
    let certificates = section.required("certificates", example).and_then(|field| field.items()).and_then(|items| {
        let read: Vec<Option<CertificateFiles>> = items.iter().map(certificate).collect();
        read.into_iter().collect()
    });
    section.finish();
    certificates
}

fn certificate(item: &Field<'_>) -> Option<CertificateFiles> {
    let section = item.section()?;
    let chain = section.required("chain", "\"fullchain.pem\"");
    let key = section.required("key", "\"privkey.pem\"");
    section.finish();
    outside::certificate(&chain?, &key?)
}
