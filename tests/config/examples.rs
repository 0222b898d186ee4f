//! The example files in `config/` are a configuration without a problem, and show every key.

use std::fs;
use std::path::Path;

use panelgate::config::ClientCredential;
use panelgate::config::Limits;
use panelgate::config::StoreAt;

use crate::site::Site;

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)).unwrap()
}

/// The examples in a folder with the secrets and certificates that they name.
fn with_secrets(main: &str) -> Site {
    let site = Site::new();
    let identity = lab::pki::self_signed(&["connect.example.com", "*.connect.example.com"]).unwrap();
    site.write("panelgate.toml", main);
    site.write("access-tests.toml", example("access-tests.toml"));
    site.write("directory.toml", example("directory.toml"));
    site.write("access-tests.toml", example("access-tests.toml"));
    site.write("tls/fullchain.pem", &identity.certificate);
    site.write("tls/idp-ca.pem", &identity.certificate);
    site.write("tls/privkey.pem", identity.key);
    for name in [
        "client-secret",
        "database",
        "server-key",
        "other-server-key",
        "master-key",
        "former-master-key",
        "web1-token",
        "web2-token",
        "sandbox-token",
    ] {
        site.write(&format!("secrets/{name}"), "a secret\n");
    }
    site
}

#[test]
fn the_examples_have_no_problem() {
    assert_eq!(with_secrets(&example("panelgate.toml")).said(), "");
}

#[test]
fn every_default_in_a_comment_is_the_default() {
    let main = example("panelgate.toml");
    let written = main.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) || is_header(setting) => setting,
        _ => line,
    });
    let written = written.collect::<Vec<_>>().join("\n");
    let shown = written.lines().filter(|line| is_setting(line)).count();
    assert_eq!(shown - Limits::TABLE.len(), 53, "every key is shown");
    let (defaults, written) = (with_secrets(&main), with_secrets(&written));
    assert_eq!(written.said(), "");
    let (mut defaults, mut written) = (defaults.load().unwrap(), written.load().unwrap());
    assert!(written.providers[0].ca_file.take().is_some(), "shown, and not a default");
    assert!(written.audit.syslog.take().is_some(), "shown, and not a default");
    // The two live in folders of their own.
    written.audit.file.clone_from(&defaults.audit.file);
    assert_eq!(defaults.audit, written.audit);
    defaults.certificates.clear();
    written.certificates.clear();
    assert_eq!(written.listen.redirect_port.take(), Some(80), "shown, and not a default");
    assert!(written.balancer.is_some_and(|balancer| !balancer.ends_tls));
    assert_eq!(defaults.balancer, None);
    assert_eq!(defaults.limits, written.limits);
    assert_eq!(defaults.listen, written.listen);
    assert_eq!(defaults.panels, written.panels);
    assert_eq!(defaults.session, written.session);
    assert_eq!(defaults.log, written.log);
    assert_eq!(defaults.store, StoreAt::StateFolder);
    assert_eq!(defaults.vault, None);
    assert!(written.fleet.advisories.take().is_some(), "shown, and not a default");
    assert_eq!(written.fleet.addresses.len(), 2, "shown, and not a default");
    written.fleet.addresses.clear();
    assert_eq!(defaults.fleet, written.fleet);
    assert_eq!(written.upstream.source.take().map(|ip| ip.to_string()).as_deref(), Some("192.0.2.10"), "shown");
    assert_eq!(defaults.upstream, written.upstream);
    assert_eq!(defaults.operations, None);
    assert!(written.operations.is_some_and(|address| address.ip().is_loopback()));
    assert_eq!(defaults.telemetry, None);
    assert!(written.telemetry.is_some_and(|telemetry| telemetry.sample_percent == 10));
    assert_eq!(defaults.providers[0].groups, written.providers[0].groups);
    assert_eq!(defaults.providers[0].scopes, written.providers[0].scopes);
    assert_eq!(defaults.providers[0].leeway, written.providers[0].leeway);
    for provider in [&defaults.providers[0], &written.providers[0]] {
        assert!(matches!(provider.credential, ClientCredential::Basic(_)));
    }
    assert_eq!(defaults.providers[0].pushed_requests, written.providers[0].pushed_requests);
    assert_eq!(defaults.providers[0].id_token_alg, written.providers[0].id_token_alg);
}

/// A section that is not there by default.
fn is_header(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase()))
}

fn is_setting(text: &str) -> bool {
    text.split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
}

#[test]
fn every_limit_stands_in_the_example() {
    let main = example("panelgate.toml");
    for limit in Limits::TABLE {
        assert!(main.contains(&format!("# {} = {} ", limit.name, limit.default)), "{}", limit.name);
    }
}
