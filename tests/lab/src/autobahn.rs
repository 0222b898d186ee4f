//! The Autobahn test suite for WebSockets: its fuzzing client, an echo server that stands up to it, and a door
//! through which it comes to a panel, because it has neither cookies nor an origin of its own.
//!
//! `scripts/setup` installs the suite; it plays one case after the other, each on a connection of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::ensure;
use futures_util::SinkExt as _;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::task::AbortOnDropHandle;

use crate::browser::Browser;
use crate::browser::Http;
use crate::browser::Page;

/// The program, which `scripts/setup` puts into `target/tools/bin`.
const PROGRAM: &str = "wstest";

/// How long all cases may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// The longest handshake of the suite.
const HANDSHAKE: usize = 8 * 1024;

/// Which cases are played: all but those for compression (12 and 13), which panels do not use, and those that
/// measure (9).
pub const CASES: [&str; 8] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];

/// The number of a case, as `[6, 4, 1]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case(Vec<u32>);

/// What the suite says of one case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// `OK`, `NON-STRICT`, `INFORMATIONAL`, `UNIMPLEMENTED` or `FAILED`.
    pub behavior: String,
    /// The same of how the connection ended.
    pub behavior_close: String,
    /// The code of the close frame that came from the other end.
    pub remote_close_code: Option<u16>,
}

/// What the suite says of all cases.
pub type Report = BTreeMap<Case, Verdict>;

/// Something that listens; it ends when dropped.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Case {
    /// The group that it belongs to, such as 6 for UTF-8.
    pub fn group(&self) -> u32 {
        self.0.first().copied().unwrap_or_default()
    }
}

impl Listening {
    /// Where.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    async fn each<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> anyhow::Result<Self>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let accept = async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Half of the cases end in disorder: the suite says what it makes of that.
                tokio::spawn(serve(stream));
            }
        };
        Ok(Self { address, _task: AbortOnDropHandle::new(tokio::spawn(accept)) })
    }
}

/// A server that says every message again.
///
/// # Errors
/// When no port can be had.
pub async fn echo() -> anyhow::Result<Listening> {
    Listening::each(|stream| async move {
        stream.set_nodelay(true)?;
        let mut socket = tokio_tungstenite::accept_async(stream).await?;
        while let Some(message) = socket.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                socket.send(message).await?;
            }
        }
        Ok(())
    })
    .await
}

/// A door to a path of a panel: whoever opens a WebSocket here has one there, opened by a page of the panel over
/// the protocol of choice. The bytes behind the handshake pass as they are.
///
/// # Errors
/// When no port can be had.
pub async fn door(browser: &Arc<Browser>, page: &Page, path: &str, http: Http) -> anyhow::Result<Listening> {
    let (browser, page, path) = (Arc::clone(browser), Arc::new(page.clone()), Arc::new(path.to_owned()));
    Listening::each(move |mut stream| {
        let (browser, page, path) = (Arc::clone(&browser), Arc::clone(&page), Arc::clone(&path));
        async move {
            stream.set_nodelay(true)?;
            let key = key(&mut stream).await?;
            let mut inside = browser.shake(http, &page, &path, &[]).await?.opened()?.into_bytes();
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                derive_accept_key(key.as_bytes())
            );
            stream.write_all(answer.as_bytes()).await?;
            tokio::io::copy_bidirectional(&mut stream, &mut inside).await?;
            Ok(())
        }
    })
    .await
}

/// The key of a handshake, behind which nothing comes before it is answered.
async fn key(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut head).await? > 0 && head.len() < HANDSHAKE, "no handshake");
    }
    let head = String::from_utf8(head)?;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    Ok(key.context("a handshake without a key")?.trim().to_owned())
}

/// Plays these cases against whoever listens there.
///
/// # Errors
/// When the suite is not installed, or does not come to its end.
pub async fn play(address: SocketAddr, cases: &[&str]) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("panelgate-autobahn-").tempdir()?;
    let plan = serde_json::json!({
        "outdir": folder.path().join("report"),
        "servers": [{"agent": "played", "url": format!("ws://{address}")}],
        "cases": cases, "exclude-cases": [], "exclude-agent-cases": {},
    });
    let file = folder.path().join("plan.json");
    tokio::fs::write(&file, plan.to_string()).await?;
    let mut command = Command::new(PROGRAM);
    command.args(["-m", "fuzzingclient", "-s"]).arg(&file).current_dir(folder.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("the suite does not end")?;
    let output = output.with_context(|| format!("{PROGRAM} does not run: scripts/setup installs it"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let index = tokio::fs::read(folder.path().join("report/index.json")).await.context("the suite left no report")?;
    let mut reports: BTreeMap<String, BTreeMap<String, Verdict>> = serde_json::from_slice(&index)?;
    let report = reports.remove("played").context("the report is of somebody else")?;
    report.into_iter().map(|(case, verdict)| Ok((case.parse()?, verdict))).collect()
}

impl std::str::FromStr for Case {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('.').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}
