//! `[console]`, `[panels]`, `[listen]`, `[balancer]` and `[tls]`: the origins and the sockets behind them.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::config::field::Field;
use crate::config::main_file::balancer;
use crate::config::outside;
use crate::config::outside::OwnCertificates;
use crate::config::section::Section;
use crate::config::settings::Balancer;
use crate::config::settings::CertificateFiles;
use crate::config::settings::Listen;
use crate::config::settings::PanelStyle;
use crate::model::Host;
use crate::model::Origin;
use crate::model::Scheme;
use crate::model::Service;

/// What the sections say together.
pub(super) struct Network {
    pub(super) console: Origin,
    pub(super) panels: PanelStyle,
    pub(super) listen: Listen,
    pub(super) balancer: Option<Balancer>,
    pub(super) certificates: Vec<CertificateFiles>,
}

pub(super) fn read(top: &Section<'_>, own: OwnCertificates) -> Option<Network> {
    let panels = panels(top);
    let console = top.required_section("console", &["origin"]).and_then(|section| {
        let origin = section
            .required("origin", "\"https://connect.example.com\"")
            .and_then(|field| console(&field, panels.unwrap_or(PanelStyle::Ports)));
        section.finish();
        origin
    });
    let listen = listen(top, console.as_ref(), panels.unwrap_or(PanelStyle::Ports));
    let balancer = balancer::read(top, console.as_ref());
    let ends_tls = balancer.as_ref().is_some_and(|found| found.as_ref().is_some_and(|balancer| balancer.ends_tls));
    let certificates = tls(top, console.as_ref(), ends_tls, own);
    Some(Network {
        console: console?,
        panels: panels?,
        listen: listen?,
        balancer: balancer?,
        certificates: certificates?,
    })
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
        redirect_port: None,
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
    let redirect = section.optional("redirect_port").map(|field| redirect_port(&field, console, panels));
    section.finish();
    if let Some(addresses) = addresses {
        listen.addresses = addresses?;
    }
    if let Some(port) = redirect {
        listen.redirect_port = Some(port?);
    }
    if let Some(port) = port {
        listen.console_port = port?;
    }
    Some(listen)
}

/// The port on which plain HTTP is sent on to HTTPS.
fn redirect_port(field: &Field<'_>, console: Option<&Origin>, panels: PanelStyle) -> Option<u16> {
    let port = field.integer(1..=65_535).and_then(|port| u16::try_from(port).ok())?;
    if console.is_some_and(|origin| origin.scheme == Scheme::Http) {
        field.unwanted(
            "there is no HTTPS to send people on to",
            "remove redirect_port, or write https in console.origin",
        );
        return None;
    }
    if is_panel_port(panels, port) || console.is_some_and(|origin| origin.port == port) {
        field.problem(format!("port {port} speaks HTTPS already"), "write 80, or remove redirect_port");
        return None;
    }
    Some(port)
}

/// Whether panels listen on this port, each service on its own.
fn is_panel_port(panels: PanelStyle, port: u16) -> bool {
    panels == PanelStyle::Ports && Service::ALL.iter().any(|service| service.port() == port)
}

fn tls(
    top: &Section<'_>,
    console: Option<&Origin>,
    ends_tls: bool,
    own: OwnCertificates,
) -> Option<Vec<CertificateFiles>> {
    let scheme = console.map(|origin| origin.scheme);
    let Some(field) = top.optional("tls") else {
        if ends_tls {
            return Some(Vec::new());
        }
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
    if ends_tls {
        field.unwanted(
            "certificates that nobody is shown: TLS ends at the balancer",
            "remove [tls], or write balancer.tls = \"here\"",
        );
        return None;
    }
    let section = field.section()?;
    let example = "[{ chain = \"fullchain.pem\", key = \"privkey.pem\" }]";
    let certificates = section.required("certificates", example).and_then(|field| field.items()).and_then(|items| {
        let read: Vec<Option<CertificateFiles>> = items.iter().map(|item| certificate(item, own)).collect();
        read.into_iter().collect()
    });
    section.finish();
    certificates
}

fn certificate(item: &Field<'_>, own: OwnCertificates) -> Option<CertificateFiles> {
    let section = item.section()?;
    let chain = section.required("chain", "\"fullchain.pem\"");
    let key = section.required("key", "\"privkey.pem\"");
    section.finish();
    outside::certificate(&chain?, &key?, own)
}
