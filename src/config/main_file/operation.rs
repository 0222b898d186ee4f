//! `[session]`, `[state]`, `[store]`, `[audit]`, `[log]`, `[operations]` and `[telemetry]`: how the gateway runs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use url::Url;

use crate::config::field::Field;
use crate::config::outside;
use crate::config::outside::CheckSecret;
use crate::config::section::Section;
use crate::config::settings::Audit;
use crate::config::settings::Log;
use crate::config::settings::LogFormat;
use crate::config::settings::SessionLifetimes;
use crate::config::settings::StoreAt;
use crate::config::settings::Telemetry;
use crate::config::settings::VaultKeys;
use crate::config::words::quoted;
use crate::model::Host;

/// Enough to see what is slow, and little enough for any collector.
const DEFAULT_SAMPLE_PERCENT: u64 = 10;

const DEFAULT_IDLE_MINUTES: u64 = 30;
const DEFAULT_ABSOLUTE_HOURS: u64 = 10;

/// A working day with a long break in it; a person who was away longer signs in again.
const MAX_IDLE_MINUTES: u64 = 12 * 60;

/// A month: a browser does not stay signed in for good.
const MAX_ABSOLUTE_HOURS: u64 = 30 * 24;

/// Somebody who loses a group loses what it gives within minutes.
const DEFAULT_REFRESH_MINUTES: u64 = 5;

/// A restart of the provider, with room for a slow one.
const DEFAULT_PROVIDER_GRACE_MINUTES: u64 = 15;

pub(super) fn session(top: &Section<'_>) -> Option<SessionLifetimes> {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let Some(section) = top.optional("session") else {
        return Some(SessionLifetimes {
            idle: minutes(DEFAULT_IDLE_MINUTES),
            absolute: hours(DEFAULT_ABSOLUTE_HOURS),
            refresh: minutes(DEFAULT_REFRESH_MINUTES),
            provider_grace: minutes(DEFAULT_PROVIDER_GRACE_MINUTES),
        });
    };
    let section = section.section()?;
    let idle_field = section.optional("idle_minutes");
    let idle = match &idle_field {
        Some(field) => field.integer(1..=MAX_IDLE_MINUTES),
        None => Some(DEFAULT_IDLE_MINUTES),
    };
    let absolute_field = section.optional("absolute_hours");
    let absolute = match &absolute_field {
        Some(field) => field.integer(1..=MAX_ABSOLUTE_HOURS),
        None => Some(DEFAULT_ABSOLUTE_HOURS),
    };
    let refresh = match section.optional("refresh_minutes") {
        Some(field) => field.integer(1..=60),
        None => Some(DEFAULT_REFRESH_MINUTES),
    };
    let provider_grace = match section.optional("provider_grace_minutes") {
        Some(field) => field.integer(0..=MAX_IDLE_MINUTES),
        None => Some(DEFAULT_PROVIDER_GRACE_MINUTES),
    };
    section.finish();
    let lifetimes = SessionLifetimes {
        idle: minutes(idle?),
        absolute: hours(absolute?),
        refresh: minutes(refresh?),
        provider_grace: minutes(provider_grace?),
    };
    if lifetimes.idle > lifetimes.absolute {
        if let Some(field) = idle_field.or(absolute_field) {
            field.problem(
                "a session would end by its absolute lifetime before it can be idle for so long",
                "make idle_minutes shorter, or absolute_hours longer",
            );
        }
        return None;
    }
    Some(lifetimes)
}

pub(super) fn state(top: &Section<'_>) -> Option<PathBuf> {
    let section = top.required_section("state", &["directory"])?;
    let path = section.required("directory", "\"/var/lib/panelgate\"").and_then(|field| outside::path(&field));
    section.finish();
    path
}

pub(super) fn store(top: &Section<'_>, check_secret: CheckSecret<'_>) -> Option<StoreAt> {
    let Some(section) = top.optional("store") else { return Some(StoreAt::StateFolder) };
    let section = section.section()?;
    let secret = |key, example| section.required(key, example).and_then(|field| outside::secret(&field, check_secret));
    let address = secret("postgres", "\"env:PANELGATE_DATABASE\"");
    let server_key = secret("server_key", "\"file:secrets/server-key\"");
    let other_server_keys = match section.optional("other_server_keys") {
        Some(field) => field.items()?.iter().map(|field| outside::secret(field, check_secret)).collect(),
        None => Some(Vec::new()),
    };
    section.finish();
    let (address, server_key, other_server_keys) = (address?, server_key?, other_server_keys?);
    Some(StoreAt::Postgres { address, server_key, other_server_keys })
}

/// The vault's keys: nothing, if there is no vault; the outer nothing, if what is written is wrong.
#[expect(clippy::option_option, reason = "the outer one says whether it could be read, as everywhere here")]
pub(super) fn vault(top: &Section<'_>, check_secret: CheckSecret<'_>) -> Option<Option<VaultKeys>> {
    let Some(section) = top.optional("vault") else { return Some(None) };
    let section = section.section()?;
    let master_key = section
        .required("master_key", "\"file:/etc/panelgate/master-key\"")
        .and_then(|field| outside::secret(&field, check_secret));
    let former_keys = match section.optional("former_keys") {
        Some(field) => field.items()?.iter().map(|field| outside::secret(field, check_secret)).collect(),
        None => Some(Vec::new()),
    };
    section.finish();
    Some(Some(VaultKeys { master_key: master_key?, former_keys: former_keys? }))
}

pub(super) fn audit(top: &Section<'_>) -> Option<Audit> {
    let section = top.required_section("audit", &["file"])?;
    let file = section.required("file", "\"/var/log/panelgate/audit.jsonl\"").and_then(|field| outside::path(&field));
    let or = |key, default| section.optional(key).map_or(Some(default), |field| field.boolean());
    let (stdout, required, requests) = (or("stdout", false), or("required", true), or("requests", true));
    let syslog = match section.optional("syslog") {
        Some(field) => Some(field.parse("write \"unix:/dev/log\", \"udp:HOST:514\" or \"tcp:HOST:601\"")?),
        None => None,
    };
    section.finish();
    Some(Audit { file: file?, stdout: stdout?, syslog, required: required?, requests: requests? })
}

/// The files of tests that the directory has to pass before it is used.
pub(super) fn access_tests(top: &Section<'_>) -> Option<Vec<PathBuf>> {
    let Some(field) = top.optional("access_tests") else { return Some(Vec::new()) };
    let paths: Vec<Option<PathBuf>> = field.items()?.iter().map(outside::path).collect();
    let paths: Option<Vec<PathBuf>> = paths.into_iter().collect();
    paths.iter().flatten().for_each(|path| top.found.source(path));
    paths
}

pub(super) fn log(top: &Section<'_>) -> Option<Log> {
    let Some(section) = top.optional("log") else {
        return Some(Log { filter: "info".to_owned(), format: LogFormat::Text });
    };
    let section = section.section()?;
    let filter = match section.optional("filter") {
        Some(field) => filter(&field),
        None => Some("info".to_owned()),
    };
    let format = match section.optional("format") {
        Some(field) => field.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        None => Some(LogFormat::Text),
    };
    section.finish();
    Some(Log { filter: filter?, format: format? })
}

/// The operations address: nothing, if there is none; the outer nothing, if what is written is wrong.
#[expect(clippy::option_option, reason = "the outer one says whether it could be read, as everywhere here")]
pub(super) fn operations(top: &Section<'_>) -> Option<Option<SocketAddr>> {
    let Some(section) = top.optional("operations") else { return Some(None) };
    let section = section.section()?;
    let field = section.required("address", "\"127.0.0.1:9090\"");
    section.finish();
    let field = field?;
    let address: SocketAddr = field.parse("write an IP address and a port, such as \"127.0.0.1:9090\"")?;
    if !address.ip().is_loopback() {
        field.warning(
            "everybody who reaches this address reads the metrics: names of servers, and how many people work",
            "write a loopback address, or keep strangers away with a firewall",
        );
    }
    Some(Some(address))
}

/// Where traces go: nothing, if nowhere; the outer nothing, if what is written is wrong.
#[expect(clippy::option_option, reason = "the outer one says whether it could be read, as everywhere here")]
pub(super) fn telemetry(top: &Section<'_>) -> Option<Option<Telemetry>> {
    let Some(section) = top.optional("telemetry") else { return Some(None) };
    let section = section.section()?;
    let field = section.required("otlp_endpoint", "\"http://127.0.0.1:4318\"");
    let sample_percent = match section.optional("sample_percent") {
        Some(field) => field.integer(0..=100),
        None => Some(DEFAULT_SAMPLE_PERCENT),
    };
    section.finish();
    let field = field?;
    if field.text().is_some_and(|text| text.contains('@')) {
        // A password may stand before it.
        field.mask();
    }
    let otlp_endpoint: Url = field.parse("write the collector's base address, such as \"http://127.0.0.1:4318\"")?;
    let is_web = matches!(otlp_endpoint.scheme(), "http" | "https") && otlp_endpoint.has_host();
    let is_bare = otlp_endpoint.query().is_none() && otlp_endpoint.fragment().is_none();
    if !is_web || !is_bare || !otlp_endpoint.username().is_empty() || otlp_endpoint.password().is_some() {
        field.problem(
            "traces cannot be sent to this address",
            "write http:// or https:// with a host and a port, without a user name and without a query",
        );
        return None;
    }
    let is_here =
        otlp_endpoint.host_str().and_then(|host| host.parse::<Host>().ok()).is_some_and(|host| host.is_localhost());
    if otlp_endpoint.scheme() == "http" && !is_here {
        field.warning(
            "traces go over the network in clear text: who works where, and on which pages",
            "write https://, or let a collector on this machine send them on",
        );
    }
    Some(Some(Telemetry { otlp_endpoint, sample_percent: u8::try_from(sample_percent?).unwrap_or(100) }))
}

fn filter(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if text.trim().is_empty() || text.parse::<Targets>().is_err() {
        field.problem(
            format!("{} is no log filter", quoted(text)),
            "write error, warn, info, debug or trace; or levels of parts, such as \"info,panelgate=debug\"",
        );
        return None;
    }
    Some(text.to_owned())
}
