//! Everything around the proxies: the server behind them, the certificates, and for Panelgate a provider,
//! a company of many servers and rules, and the person who signs in and opens a panel.
//!
//! It talks by lines of JSON: what is where, when all is up; then an answer to each line that it reads ([`Wish`]).
//! It ends when its standard input does.

mod company;
mod people;

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use lab::browser::Browser;
use lab::browser::Http;
use lab::browser::Names;
use lab::loopback::Loopback;
use lab::pki::Authority;
use lab::postgres::Postgres;
use lab::provider::Client;
use lab::provider::Misbehaviour;
use lab::provider::Provider;
use lab::provider::Settings;
use lab::provider::User;
use serde_json::Value;
use serde_json::json;
use tokio::fs;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::BufReader;
use tokio::io::stdin;
use tokio::io::stdout;
use tokio::task::spawn_local;

use crate::upstream;

/// WHM's port, which Panelgate connects to.
const WHM: u16 = 2087;
const CONSOLE: &str = "https://connect.example.com";
const SECRET: &str = "bench-client-secret-0123456789-abcdefghij";

/// Where the files go, and how large the company is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An empty folder.
    #[arg(long)]
    folder: PathBuf,
    /// Servers in the directory.
    #[arg(long, default_value_t = 500)]
    servers: usize,
    /// Access rules in the directory.
    #[arg(long, default_value_t = 2000)]
    rules: usize,
    /// Minutes between two looks of Panelgate at a server; 0 for none.
    #[arg(long, default_value_t = 10)]
    watch_minutes: u32,
    /// Starts a PostgreSQL server, and writes the files of two gateways that share it.
    #[arg(long)]
    replicas: bool,
}

/// The server key that replicas have in common: nothing of a benchmark is secret.
const SERVER_KEY: &str = "YmVuY2htYXJrLXNlcnZlci1rZXktMDEyMzQ1Njc4OWE=";

/// Runs until standard input ends.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (behind, front) = (Loopback::claim()?, Loopback::claim()?);
    // For a Panelgate that is reached through a balancer, and for that balancer.
    let (second, balancer) = (Loopback::claim()?, Loopback::claim()?);
    let authority = Authority::new()?;
    let folder = &arguments.folder;
    let upstream = upstream::listen(SocketAddr::new(behind.ip(), WHM))?;
    let identity = authority.issue(&["*.hosting.example", "upstream.example"])?;
    spawn_local(async move { upstream::serve(upstream, &identity).await });
    let provider = provider(&authority).await?;

    let proxy = authority.issue(&["connect.example.com", "*.connect.example.com", "proxy.example.com"])?;
    write(folder, "authority.pem", authority.pem()).await?;
    write(folder, "proxy.pem", &proxy.certificate).await?;
    write(folder, "proxy.key", &proxy.key).await?;
    write(folder, "client-secret", SECRET).await?;
    write(folder, "token", "BENCHMARKTOKEN0123456789ABCDEFGH").await?;
    write(folder, "directory.toml", &company::directory(behind.ip(), arguments.servers, arguments.rules)).await?;
    let watch = arguments.watch_minutes;
    let main_file = |ip, front| company::main_file(CONSOLE, provider.issuer(), ip, front, watch);
    write(folder, "panelgate.toml", &main_file(front.ip(), company::Front::Nobody)).await?;
    write(folder, "balanced.toml", &main_file(second.ip(), company::Front::Balancer)).await?;

    let database = if arguments.replicas { Some(Postgres::start().await?) } else { None };
    let replicas = [Loopback::claim()?, Loopback::claim()?];
    if let Some(database) = &database {
        write(folder, "database", &database.url("panelgate")).await?;
        write(folder, "server-key", SERVER_KEY).await?;
        for (number, replica) in (1..).zip(&replicas) {
            let text = main_file(replica.ip(), company::Front::Replica(number));
            write(folder, &format!("replica-{number}.toml"), &text).await?;
        }
    }

    say(&json!({
        "upstream": behind.at(WHM).to_string(),
        "replicas": replicas.each_ref().map(Loopback::ip),
        "database": database.as_ref().and_then(Postgres::pid),
        "gateway": front.ip(),
        "balanced": second.ip(),
        "balancer": balancer.ip(),
    }))
    .await?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match Wish::parse(line.trim())? {
            Wish::Open(gateway) => open(&browser(&authority, &provider, gateway)?).await?,
            Wish::Oversee(gateway) => people::oversee(&authority, &provider, gateway).await?,
            Wish::Crowd(gateway, people, panels) => {
                people::crowd(&authority, &provider, gateway, people, panels).await?
            }
        };
        say(&answer).await?;
    }
    Ok(())
}

/// What the harness asks for, at the Panelgate or balancer that listens at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// `ADDRESS`: a person signs in and opens a panel; the way into it.
    Open(IpAddr),
    /// `ADDRESS overseer`: somebody signs in who may open every server; the console's cookie.
    Oversee(IpAddr),
    /// `ADDRESS PEOPLE PANELS`: so many people sign in, of whom so many open a panel; all their cookies.
    Crowd(IpAddr, usize, usize),
}

impl Wish {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            [address] => Ok(Self::Open(address.parse()?)),
            [address, "overseer"] => Ok(Self::Oversee(address.parse()?)),
            [address, people, panels] => Ok(Self::Crowd(address.parse()?, people.parse()?, panels.parse()?)),
            _ => anyhow::bail!("{line} is no wish"),
        }
    }
}

async fn provider(authority: &Authority) -> anyhow::Result<Provider> {
    Provider::start(Settings {
        issuer: "https://idp.localhost:0".into(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(authority.issue(&["idp.localhost"])?),
        users: vec![user("ada", &["group-0", "group-1", "staff"]), user("grace", &["everything", "staff"])],
        clients: vec![Client {
            id: "panelgate".into(),
            secret: SECRET.into(),
            redirect_uris: vec![format!("{CONSOLE}/callback/sso")],
            post_logout_redirect_uris: vec![format!("{CONSOLE}/signed-out")],
            assertion_key: None,
        }],
        note: None,
        misbehaviour: Misbehaviour::default(),
    })
    .await
}

fn user(login: &str, groups: &[&str]) -> User {
    User {
        login: login.into(),
        password: login.into(),
        sub: format!("sub-of-{login}"),
        name: format!("{login} Example"),
        email: format!("{login}@example.com"),
        groups: groups.iter().map(ToString::to_string).collect(),
    }
}

/// A browser of somebody who comes to this gateway.
fn browser(authority: &Authority, provider: &Provider, gateway: IpAddr) -> anyhow::Result<Browser> {
    let names = ["connect.example.com", "web0.connect.example.com"].map(|name| (name.to_owned(), gateway));
    let idp = ("idp.localhost".to_owned(), provider.address().ip());
    let names = Names::only(names.into_iter().chain([idp]));
    Browser::elsewhere(names, authority.pem(), Http::Two, CONSOLE)
}

/// Signs in and opens the first server's WHM, as a person does.
async fn open(browser: &Browser) -> anyhow::Result<Value> {
    let console = browser.sign_in("ada").await?;
    let panel = browser.open(&console, "web0", "whostmgrd", "root").await?;
    let host = panel.url.host_str().context("a panel without a host")?;
    let token =
        panel.url.path_segments().and_then(|mut segments| segments.next()).context("a panel without a token")?;
    let cookies: Vec<String> = browser
        .cookies()
        .into_iter()
        .filter(|cookie| cookie.domain == host)
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    Ok(json!({ "name": host, "prefix": format!("/{token}"), "cookie": cookies.join("; ") }))
}

async fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).await.with_context(|| format!("cannot write {}", path.display()))?;
    // Panelgate refuses secrets that others can read.
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).await?;
    Ok(())
}

/// Writes a line of JSON.
pub(crate) async fn say(what: &Value) -> anyhow::Result<()> {
    let mut out = stdout();
    out.write_all(format!("{what}\n").as_bytes()).await?;
    out.flush().await?;
    Ok(())
}
