//! The effective posture: what a configuration exposes, trusts and allows, for a person to read.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::config::settings::ClientCredential;
use crate::config::settings::Config;
use crate::config::settings::Egress;
use crate::config::settings::GroupsSource;
use crate::config::settings::PanelStyle;
use crate::config::settings::Provider;
use crate::config::settings::StoreAt;
use crate::config::settings::Telemetry;
use crate::config::unused::unused_groups;
use crate::config::words::Escaped;
use crate::config::words::counted;
use crate::model::Access;
use crate::model::GroupsFrom;
use crate::model::Origin;
use crate::model::Scheme;
use crate::model::SecretRef;
use crate::model::Server;
use crate::model::Service;
use crate::model::Trust;

/// The posture of a configuration, ready to be printed.
#[derive(Clone, Copy, Debug)]
pub struct Posture<'c>(&'c Config);

/// What a configuration exposes, trusts and allows.
pub fn posture(config: &Config) -> Posture<'_> {
    Posture(config)
}

impl fmt::Display for Posture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exposure(f)?;
        self.trust(f)?;
        self.lifetimes(f)?;
        self.access(f)
    }
}

impl Posture<'_> {
    fn exposure(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0;
        writeln!(f, "Exposed")?;
        writeln!(f, "  console      {}", config.console)?;
        for service in Service::ALL {
            writeln!(f, "  {:<12} {}", service.title(), panel_origin(&config.console, config.panels, service))?;
        }
        let mut ports = vec![config.listen.console_port];
        if config.panels == PanelStyle::Ports {
            ports.extend(Service::ALL.map(Service::port));
        }
        let addresses: Vec<String> = config.listen.addresses.iter().map(ToString::to_string).collect();
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let plural = if ports.len() == 1 { "" } else { "s" };
        writeln!(f, "  listens on   {}, port{plural} {}", addresses.join(", "), ports.join(", "))?;
        if let Some(telemetry) = &config.telemetry {
            let Telemetry { otlp_endpoint, sample_percent } = telemetry;
            writeln!(f, "  traces       {sample_percent} of 100 requests go to {otlp_endpoint}")?;
        }
        if let Some(address) = config.operations {
            writeln!(f, "  operations   http://{address}: /healthz, /readyz, /metrics")?;
        }
        if config.console.scheme == Scheme::Http {
            writeln!(f, "  TLS          none: clear text on localhost")?;
        }
        if let Some(port) = config.listen.redirect_port {
            writeln!(f, "  sends on     plain HTTP on port {port} to HTTPS")?;
        }
        for files in &config.certificates {
            writeln!(f, "  TLS          {} with key {}", shown(&files.chain), shown(&files.key))?;
        }
        Ok(())
    }

    fn trust(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nTrusted")?;
        if let Some(balancer) = &self.0.balancer {
            let networks: Vec<String> = balancer.addresses.networks().iter().map(ToString::to_string).collect();
            let tls = if balancer.ends_tls { ", where TLS ends" } else { "" };
            let (networks, how) = (networks.join(", "), balancer.client.as_str());
            writeln!(f, "  balancers    {networks}{tls}, about people's addresses by {how}; nobody else may connect")?;
        }
        for provider in &self.0.providers {
            self.provider(provider, f)?;
        }
        let source =
            self.0.upstream.source.map_or("the address that the system chooses".to_owned(), |ip| ip.to_string());
        let common = match self.0.upstream.egress {
            Egress::Own => "",
            Egress::Shared => ", as all gateways do: they share each cpsrvd session",
        };
        writeln!(f, "  leaves from  {source}{common}")?;
        for server in self.0.directory.servers.values() {
            let trust = match &server.trust {
                Trust::PublicRoots => "the system's authorities".to_owned(),
                Trust::CaFile(path) => format!("authorities in {}", shown(path)),
                Trust::Pins(pins) => counted(pins.len(), "pinned key"),
            };
            let address = server.address.map(|ip| format!(" at {ip}")).unwrap_or_default();
            writeln!(
                f,
                "  {:<12} {}{address}, {trust}, token of {} in {}",
                server.id.as_str(),
                server.host,
                server.api_account,
                Escaped(&server.api_token.to_string())
            )?;
        }
        Ok(())
    }

    fn provider(self, provider: &Provider, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  provider     {}: {} ({})", provider.id, provider.issuer, provider.name)?;
        writeln!(f, "  sent back to {}/callback/{}", self.0.console, provider.id)?;
        let proof = match &provider.credential {
            ClientCredential::Basic(reference) => format!("secret in {}, sent by basic", secret(reference)),
            ClientCredential::Post(reference) => format!("secret in {}, sent by post", secret(reference)),
            ClientCredential::PrivateKey(key) => format!("private key in {}", shown(&key.file)),
        };
        writeln!(f, "  client       {}, {proof}", provider.client_id)?;
        let roots = match &provider.ca_file {
            Some(path) => format!("authorities in {}", shown(path)),
            None => "the system's authorities".to_owned(),
        };
        writeln!(f, "  its TLS      {roots}")?;
        writeln!(
            f,
            "  ID tokens    {} only, clocks up to {} apart",
            provider.id_token_alg.as_str(),
            Span(provider.leeway)
        )?;
        for (claim, value) in &provider.required_claims {
            writeln!(f, "  only with    {} = {}", Escaped(claim), Escaped(value))?;
        }
        match &provider.groups {
            GroupsSource::Claim { from, pointer, .. } => {
                let from = match from {
                    GroupsFrom::IdToken => "the ID token",
                    GroupsFrom::Userinfo => "UserInfo",
                };
                writeln!(f, "  groups       {} of {from}", Escaped(pointer))
            }
            GroupsSource::Graph { endpoint } => writeln!(f, "  groups       Microsoft Graph, {endpoint}"),
            GroupsSource::GoogleDirectory { endpoint, .. } => {
                writeln!(f, "  groups       Google's directory, {endpoint}")
            }
        }
    }

    fn lifetimes(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0;
        writeln!(f, "\nLifetimes and limits")?;
        writeln!(
            f,
            "  sessions     {} without use, {} at most",
            Span(config.session.idle),
            Span(config.session.absolute)
        )?;
        for (limit, value) in config.limits.values().filter(|(limit, value)| limit.default != *value) {
            writeln!(f, "  changed      {} = {value} (by default {})", limit.name, limit.default)?;
        }
        writeln!(f, "\nKept")?;
        writeln!(f, "  state        {}", shown(&config.state_directory))?;
        if let StoreAt::Postgres { address, server_key, other_server_keys } = &config.store {
            writeln!(f, "  store        PostgreSQL at {}, server key in {}", secret(address), secret(server_key))?;
            for other in other_server_keys {
                writeln!(f, "  opens with   the server key in {} too", secret(other))?;
            }
        }
        let syslog = config.audit.syslog.as_ref().map(|target| format!(", syslog {target}")).unwrap_or_default();
        let stdout = if config.audit.stdout { ", standard output" } else { "" };
        writeln!(f, "  audit        {}{stdout}{syslog}", shown(&config.audit.file))
    }

    fn access(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = &self.0.directory;
        writeln!(
            f,
            "\nAccess (directory {}: {}, {}, {})",
            directory.version,
            counted(directory.servers.len(), "server"),
            counted(directory.role_groups.len(), "role group"),
            counted(directory.rules.len(), "rule"),
        )?;
        for server in directory.servers.values() {
            let openings = self.openings(server);
            for opening in &openings {
                writeln!(f, "  {:<12} {opening}", server.id.as_str())?;
            }
            if openings.is_empty() {
                writeln!(f, "  {:<12} nobody: no rule gives it to a role group that may connect", server.id.as_str())?;
            }
        }
        for group in directory.role_groups.values().filter(|group| !group.connect) {
            writeln!(f, "  {} may not connect", group.name)?;
        }
        let unused: Vec<String> =
            unused_groups(directory).into_iter().map(|group| Escaped(&group.0).to_string()).collect();
        if !unused.is_empty() {
            writeln!(f, "  these groups give nothing: {}", unused.join(", "))?;
        }
        Ok(())
    }

    /// Who may open a server, a line for each way.
    fn openings(self, server: &Server) -> Vec<String> {
        let directory = &self.0.directory;
        match &server.access {
            Access::Unrestricted { services, account, .. } => {
                let anyone = directory.role_groups.values().any(|group| group.connect);
                let line = format!("every role group that may connect: {} as {account}", titles(services));
                anyone.then_some(line).into_iter().collect()
            }
            Access::Restricted => directory
                .rules
                .iter()
                .filter(|rule| rule.servers.contains(&server.id))
                .filter(|rule| directory.role_groups.get(&rule.role_group).is_some_and(|group| group.connect))
                .map(|rule| {
                    let on = if rule.customers.is_empty() { "" } else { " and on to its customers" };
                    let when = &rule.conditions;
                    let when = if when.is_none() { String::new() } else { format!(", {when}") };
                    format!("{}: {} as {}{on}{when}", rule.role_group, titles(&rule.services), rule.account)
                })
                .collect(),
        }
    }
}

fn shown(path: &Path) -> String {
    Escaped(&path.display().to_string()).to_string()
}

/// Where a secret is.
fn secret(reference: &SecretRef) -> String {
    Escaped(&reference.to_string()).to_string()
}

fn titles(services: &[Service]) -> String {
    services.iter().map(|service| service.title()).collect::<Vec<_>>().join(", ")
}

/// The origin of a service's panels, with the server's id left open.
fn panel_origin(console: &Origin, style: PanelStyle, service: Service) -> String {
    let scheme = console.scheme.as_str();
    match style {
        PanelStyle::Ports => format!("{scheme}://<server>.{}:{}", console.host, service.port()),
        PanelStyle::Hosts => format!("{scheme}://{}.<server>.{}", service.host_label(), console.authority()),
    }
}

/// A span of time in the largest unit that fits.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = usize::try_from(self.0.as_secs()).unwrap_or(usize::MAX);
        let (number, unit) = match seconds {
            _ if seconds > 0 && seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
            _ if seconds > 0 && seconds.is_multiple_of(60) => (seconds / 60, "minute"),
            _ => (seconds, "second"),
        };
        f.write_str(&counted(number, unit))
    }
}
