//! Runs the lab's OpenID Provider until it is interrupted.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use lab::pki;
use lab::provider::Client;
use lab::provider::Misbehaviour;
use lab::provider::Provider;
use lab::provider::Settings;
use lab::provider::User;
use serde::Deserialize;

/// An OpenID Provider for demonstrations. It keeps nothing and must not face the internet.
#[derive(Debug, Parser)]
struct Arguments {
    /// A JSON file: issuer, listen, users, clients, and optionally note and tls {certificate, key}.
    settings: PathBuf,
}

/// The settings file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuer: String,
    listen: SocketAddr,
    users: Vec<User>,
    clients: Vec<Client>,
    note: Option<String>,
    tls: Option<TlsFiles>,
}

/// Where certificate and key lie, both as PEM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let text = read(&arguments.settings)?;
    let file: File =
        serde_json::from_str(&text).with_context(|| format!("{} is not right", arguments.settings.display()))?;
    let tls = match file.tls {
        None => None,
        // The pin is for those who connect; the provider itself has no use for it.
        Some(tls) => Some(pki::Identity {
            certificate: read(&tls.certificate)?,
            key: read(&tls.key)?,
            spki_sha256: String::new(),
        }),
    };
    let provider = Provider::start(Settings {
        issuer: file.issuer,
        listen: file.listen,
        tls,
        users: file.users,
        clients: file.clients,
        note: file.note,
        misbehaviour: Misbehaviour::default(),
    })
    .await?;
    #[expect(clippy::print_stdout, reason = "the line that scripts wait for")]
    {
        println!("ready {} on {}", provider.issuer(), provider.address());
    }
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn read(path: &PathBuf) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
