//! The house's rules, held against the code. `ARCHITECTURE.md` shows the same tables.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Each room, from the ground up, and the rooms that it may name. Dependencies point down only.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("store", &["model", "telemetry"]),
    ("vault", &["model", "store"]),
    ("upstream", &["model"]),
    ("rewrite", &["model"]),
    ("shield", &["model", "store", "upstream"]),
    ("listener", &["model", "telemetry", "upstream"]),
    ("operations", &["listener", "telemetry", "upstream"]),
    ("edge", &["listener", "model", "telemetry"]),
    ("identity", &["model", "store", "telemetry"]),
    ("session", &["identity", "model", "store", "telemetry"]),
    ("policy", &["identity", "model"]),
    ("panel", &["model", "upstream"]),
    ("panel_session", &["model", "panel", "policy", "rewrite", "session", "upstream", "vault"]),
    ("proxy", &["panel", "panel_session", "upstream"]),
    ("fleet", &["model", "panel", "shield", "store", "telemetry", "upstream", "vault"]),
    ("audit", &["identity", "model", "policy", "session", "telemetry"]),
    ("console", &["identity", "model"]),
    ("whmcs", &["model"]),
    (
        "gateway",
        &[
            "audit",
            "console",
            "edge",
            "identity",
            "listener",
            "model",
            "panel",
            "panel_session",
            "policy",
            "proxy",
            "rewrite",
            "session",
            "telemetry",
            "upstream",
        ],
    ),
    (
        "doctor",
        &[
            "audit",
            "compose",
            "config",
            "edge",
            "fleet",
            "identity",
            "listener",
            "model",
            "panel",
            "store",
            "telemetry",
            "upstream",
            "vault",
        ],
    ),
    (
        "cli",
        &[
            "audit",
            "compose",
            "config",
            "doctor",
            "fleet",
            "identity",
            "model",
            "panel",
            "policy",
            "session",
            "shield",
            "telemetry",
            "upstream",
            "vault",
            "whmcs",
        ],
    ),
];

/// The files at the top, which may name anything.
const TOP: &[&str] = &["compose", "lib", "main"];

/// Outside crates that may be named in some rooms only.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("openidconnect", &["identity"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("reqwest", &["identity", "telemetry", "whmcs"]),
    ("sqlx", &["store"]),
    ("toml", &["config"]),
    ("clap", &["cli"]),
    ("askama", &["cli", "console"]),
    ("flate2", &["console"]),
    ("hyper", &["edge", "gateway", "listener", "panel", "proxy", "upstream"]),
    ("hyper_util", &["listener", "proxy", "upstream"]),
    ("proxy_header", &["listener"]),
    ("sd_notify", &["compose"]),
    ("listenfd", &["compose"]),
    ("rustls", &["compose", "config", "listener", "upstream"]),
    ("tokio_rustls", &["listener", "upstream"]),
    ("dashmap", &["panel_session", "session"]),
    ("lol_html", &["rewrite"]),
    ("prometheus_client", &["telemetry"]),
    ("bech32", &["vault"]),
    ("rustix", &["cli", "doctor"]),
];

/// Rooms that compute and nothing else.
const NO_ASYNC: &[&str] = &["config", "console", "edge", "model", "policy", "rewrite"];

/// The only files in which a secret is taken out of its wrapper, each for the reason beside it.
const EXPOSES: &[(&str, &str)] = &[
    ("src/gateway/cookie.rs", "our own cookie, on its way to the browser that it is for"),
    ("src/gateway/handoff.rs", "ticket and hand-off code, on their way to the panel origin and back"),
    ("src/identity/client_auth.rs", "the client secret or assertion, on its way to the provider"),
    ("src/identity/client_key.rs", "the number of an assertion of ours"),
    ("src/identity/exchange.rs", "code, verifier and client secret, on their way to the token endpoint"),
    ("src/identity/google.rs", "the access token, on its way to Google's directory"),
    ("src/identity/graph.rs", "the access token, on its way to Microsoft Graph"),
    ("src/identity/logout.rs", "the ID token, on its way to the end-session endpoint"),
    ("src/identity/logout_token.rs", "a logout token, verified"),
    ("src/identity/pending.rs", "state, compared; verifier and nonce, sealed"),
    ("src/identity/provider.rs", "state, nonce and challenge, on their way to the provider"),
    ("src/identity/refresh.rs", "the nonce, compared"),
    ("src/identity/settings.rs", "the client secret, checked for emptiness"),
    ("src/identity/userinfo.rs", "the access token, on its way to the userinfo endpoint"),
    ("src/model/secret.rs", "the wrapper itself"),
    ("src/panel/create_user_session.rs", "its own tests"),
    ("src/panel/one_time_login.rs", "the one-time login, on its way to the server"),
    ("src/panel/probe/session.rs", "the one-time login of a probe, on its way to the server"),
    ("src/panel/tokens.rs", "a text, looked at whether it can be an API token"),
    ("src/panel/whm_api.rs", "the API token, on its way to the server"),
    ("src/session/record.rs", "the ID token and the session's key, sealed"),
    ("src/store/database.rs", "the database's address, on its way to the database"),
    ("src/store/key_file.rs", "the shared server key, decoded"),
    ("src/vault/age.rs", "an operator's secret key, decoded"),
    ("src/vault/backup.rs", "API tokens, on their way into an encrypted file"),
    ("src/vault/master_key.rs", "the master key, decoded"),
    ("src/vault/read.rs", "its own tests"),
    ("src/vault/seal.rs", "API tokens, on their way into a sealed record"),
    ("src/vault/tests.rs", "its own tests"),
    ("src/whmcs/api.rs", "the API credentials of WHMCS, on their way to it"),
];

/// Lines before a file's tests.
const LONGEST: usize = 400;

#[test]
fn rooms_use_only_the_rooms_below() {
    let mut breaches = Vec::new();
    for file in sources() {
        let room = room_of(&file);
        if TOP.contains(&room.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            breaches.push(format!("{}: the room {room} is not in the table", file.display()));
            continue;
        };
        for used in rooms_named_in(&production(&file)) {
            if used != room && !allowed.contains(&used.as_str()) {
                breaches.push(format!("{}: {room} must not use {used}", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_table_points_down_only() {
    for (place, (room, allowed)) in MAY_USE.iter().enumerate() {
        let below: Vec<_> = MAY_USE.iter().take(place).map(|(name, _)| *name).collect();
        for used in *allowed {
            assert!(below.contains(used) || *used == "compose", "{room} uses {used}, which does not stand below it");
        }
    }
}

#[test]
fn outside_crates_stay_where_they_belong() {
    let mut breaches = Vec::new();
    for file in sources() {
        let (room, code) = (room_of(&file), production(&file));
        for (name, rooms) in KEPT_IN {
            if names_crate(&code, name) && !rooms.contains(&room.as_str()) {
                breaches.push(format!("{}: {name} does not belong in {room}", file.display()));
            }
        }
        if NO_ASYNC.contains(&room.as_str()) && (names_crate(&code, "tokio") || code.contains("async fn")) {
            breaches.push(format!("{}: {room} computes only", file.display()));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn secrets_are_exposed_in_few_known_files() {
    let exposing: BTreeSet<String> = sources()
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().contains("expose_secret"))
        .map(|file| file.to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = EXPOSES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(exposing, known);
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut breaches = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//! ") {
            breaches.push(format!("{}: opens without its purpose", file.display()));
        }
        let lines = production(&file).lines().count();
        if lines > LONGEST {
            breaches.push(format!("{}: {lines} lines", file.display()));
        }
        if text.lines().any(|line| line.trim_start().starts_with("use ") && line.contains('{')) {
            breaches.push(format!("{}: a grouped `use`, which these tests cannot read", file.display()));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn the_page_shows_the_same_table() {
    let page = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for (room, allowed) in MAY_USE {
        let row = format!("| `{room}` | {} |", listed(allowed));
        assert!(page.contains(&row), "ARCHITECTURE.md lacks the row\n{row}");
    }
    for (name, rooms) in KEPT_IN {
        let row = format!("| `{name}` | {} |", listed(rooms));
        assert!(page.contains(&row), "ARCHITECTURE.md lacks the row\n{row}");
    }
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "the tests look at the wrong folder");
    found.sort();
    found
}

fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix("src").unwrap();
    inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The code before the file's tests; nothing of a file that holds only tests.
fn production(file: &Path) -> String {
    if file.file_name().is_some_and(|name| name == "tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let end = text.find("#[cfg(test)]\nmod tests").or_else(|| text.find("#[cfg(test)]\npub")).unwrap_or(text.len());
    text.get(..end).unwrap().lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn rooms_named_in(code: &str) -> BTreeSet<String> {
    let named = code.split("crate::").skip(1);
    named.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

fn names_crate(code: &str, name: &str) -> bool {
    code.lines().any(|line| {
        line.trim_start().starts_with(&format!("use {name}::"))
            || line.contains(&format!(" {name}::"))
            || line.contains(&format!("({name}::"))
            || line.contains(&format!("<{name}::"))
            || line.contains(&format!("&{name}::"))
    })
}
