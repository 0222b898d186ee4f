//! Everything around the proxies: the server behind them, the certificates, and for Panelgate a provider,
//! a company of many servers and rules, and the person who signs in and opens a panel.
//!
//! It talks by lines of JSON: what is where, when all is up; then, for each address that it reads, the way
//! into a panel that was opened through the Panelgate, or the balancer, that listens there. It ends when its
//! standard input does.

mod company;

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
}

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

    say(&json!({
        "upstream": behind.at(WHM).to_string(),
        "gateway": front.ip(),
        "balanced": second.ip(),
        "balancer": balancer.ip(),
    }))
    .await?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let gateway: IpAddr = line.trim().parse().context("an address to open a panel at")?;
        say(&open(&authority, &provider, gateway).await?).await?;
    }
    Ok(())
}

async fn provider(authority: &Authority) -> anyhow::Result<Provider> {
    Provider::start(Settings {
        issuer: "https://idp.localhost:0".into(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Some(authority.issue(&["idp.localhost"])?),
        users: vec![User {
            login: "ada".into(),
            password: "ada".into(),
            sub: "sub-of-ada".into(),
            name: "Ada Admin".into(),
            email: "ada@example.com".into(),
            groups: vec!["group-0".into(), "group-1".into(), "staff".into()],
        }],
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

/// Signs in and opens the first server's WHM, as a person does.
async fn open(authority: &Authority, provider: &Provider, gateway: IpAddr) -> anyhow::Result<Value> {
    let names = ["connect.example.com", "web0.connect.example.com"].map(|name| (name.to_owned(), gateway));
    let idp = ("idp.localhost".to_owned(), provider.address().ip());
    let names = Names::only(names.into_iter().chain([idp]));
    let browser = Browser::elsewhere(names, authority.pem(), Http::Two, CONSOLE)?;
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

async fn say(what: &Value) -> anyhow::Result<()> {
    let mut out = stdout();
    out.write_all(format!("{what}\n").as_bytes()).await?;
    out.flush().await?;
    Ok(())
}
