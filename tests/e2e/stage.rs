//! A world with the gateway in it, and what tests ask of it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lab::browser::Browser;
use lab::browser::Page;
use lab::gateway::Gateway;
use lab::world::Plan;
use lab::world::Style;
use lab::world::World;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

/// The program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_panelgate");

/// How long a condition is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A world and the gateway that serves it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) gateway: Gateway,
}

/// Runs a test once for each shape of panel origins.
macro_rules! in_both_styles {
    ($($(#[$about:meta])* async fn $name:ident($style:ident: Style) $body:block)*) => {$(
        $(#[$about])*
        mod $name {
            use super::*;

            async fn test($style: Style) $body

            #[tokio::test]
            async fn with_ports() {
                test(Style::Ports).await;
            }

            #[tokio::test]
            async fn with_hosts() {
                test(Style::Hosts).await;
            }
        }
    )*};
}
pub(crate) use in_both_styles;

impl Stage {
    /// The usual world.
    pub(crate) async fn new(style: Style) -> Self {
        Self::with(style, "").await
    }

    /// With more lines in the gateway's main file.
    pub(crate) async fn with(style: Style, more: &str) -> Self {
        Self::planned(Plan { more: more.into(), ..Plan::tls(style) }).await
    }

    /// A world of another plan.
    pub(crate) async fn planned(plan: Plan) -> Self {
        let world = World::start(plan).await.unwrap();
        let gateway = Gateway::spawn(BINARY, &world).await.unwrap();
        Self { world, gateway }
    }

    /// A new browser.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.world).unwrap()
    }

    /// A new browser with somebody signed in, on the console.
    pub(crate) async fn signed_in(&self, user: &str) -> (Browser, Page) {
        let browser = self.browser();
        let console = browser.sign_in(user).await.unwrap();
        (browser, console)
    }

    /// An address on the console.
    pub(crate) fn console(&self, path: &str) -> String {
        format!("{}{path}", self.world.console())
    }

    /// An address on a panel origin of web1 to web3.
    pub(crate) fn panel(&self, server: &str, service: &str, path: &str) -> String {
        let (label, port) = match service {
            "whostmgrd" => ("whm", 2087),
            "cpaneld" => ("cpanel", 2083),
            _ => ("webmail", 2096),
        };
        match self.world.style() {
            Style::Ports => format!("https://{server}.connect.example.com:{port}{path}"),
            Style::Hosts => format!("https://{label}.{server}.connect.example.com{path}"),
        }
    }

    /// An answer of the operations address: status and body. `accept` is the type that is wanted.
    pub(crate) async fn operations(&self, path: &str, accept: &str) -> (u16, String) {
        operations(self.world.operations(), path, accept).await.unwrap()
    }

    /// Waits until people may be sent here.
    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Its own address may be opened a moment after the people's.
            let answer = operations(self.world.operations(), "/readyz", "*/*").await;
            if matches!(answer, Ok((200, _))) {
                return;
            }
            assert!(Instant::now() < deadline, "never ready: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The audit events so far. Every line must be one.
    pub(crate) fn events(&self) -> Vec<Value> {
        events_in(&self.world.audit_file())
    }

    /// The audit events of a kind, as `outcome` or `outcome reason`.
    pub(crate) fn outcomes(&self, kind: &str) -> Vec<String> {
        let events = self.events();
        events.iter().filter(|event| event["kind"] == kind).map(outcome).collect()
    }
}

/// An answer of an operations address.
pub(crate) async fn operations(address: SocketAddr, path: &str, accept: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// The command that serves a world.
pub(crate) fn serve(world: &World) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("--config").arg(world.config());
    command
}

/// The events of an audit file.
pub(crate) fn events_in(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text}");
    let lines = text.lines().filter(|line| !line.starts_with("{\"padding\""));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// `outcome`, or `outcome reason`.
pub(crate) fn outcome(event: &Value) -> String {
    let outcome = event["outcome"].as_str().unwrap();
    match event["reason"].as_str() {
        Some(reason) => format!("{outcome} {reason}"),
        None => outcome.to_owned(),
    }
}

/// The code of a problem, and its reference, out of a JSON answer.
pub(crate) fn problem(answer: &Page) -> (String, String) {
    let json = answer.json().unwrap();
    let text = |name: &str| json["problem"][name].as_str().unwrap_or_else(|| panic!("{json}")).to_owned();
    let (code, reference) = (text("code"), text("reference"));
    assert_eq!(answer.header("panelgate-reference").as_deref(), Some(&*reference));
    (code, reference)
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
