//! A connection on which anything can be said, byte for byte.

use std::net::IpAddr;
use std::sync::Arc;

use lab::browser::Http;
use lab::browser::trusting;
use lab::world::World;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::PATIENCE;
use crate::stage::Stage;

/// A connection on which anything can be said.
pub(crate) struct Raw {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

impl Raw {
    /// Connects for this server name.
    pub(crate) async fn connect(stage: &Stage, name: &str, port: u16) -> Self {
        Self::try_connect(stage, name, port).await.unwrap()
    }

    pub(crate) async fn try_connect(stage: &Stage, name: &str, port: u16) -> std::io::Result<Self> {
        Self::reach(&stage.world, stage.world.gateway(), name, port).await
    }

    /// Connects to one of several gateways.
    pub(crate) async fn connect_to(world: &World, gateway: IpAddr, name: &str, port: u16) -> Self {
        Self::reach(world, gateway, name, port).await.unwrap()
    }

    async fn reach(world: &World, gateway: IpAddr, name: &str, port: u16) -> std::io::Result<Self> {
        let tls = TlsConnector::from(Arc::new(trusting(world, Http::One).unwrap()));
        let tcp = TcpStream::connect((gateway, port)).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Ok(Self { stream: tls.connect(name, tcp).await?, read: Vec::new() })
    }

    /// Sends bytes and reads one answer: its status and all of it. Status 0 says that the connection was
    /// closed without an answer.
    pub(crate) async fn exchange(&mut self, bytes: &str) -> (u16, String) {
        self.exchange_bytes(bytes.as_bytes()).await
    }

    /// Sends bytes and waits for nothing.
    pub(crate) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The same with bytes that are no text.
    pub(crate) async fn exchange_bytes(&mut self, bytes: &[u8]) -> (u16, String) {
        // The gateway may answer and close before it has read everything.
        self.stream.write_all(bytes).await.ok();
        self.stream.flush().await.ok();
        // An answer, or the end of the connection, comes in time.
        tokio::time::timeout(PATIENCE, self.answer()).await.unwrap()
    }

    async fn answer(&mut self) -> (u16, String) {
        let whole = |read: &[u8]| String::from_utf8_lossy(read).into_owned();
        let (head, head_length) = loop {
            let text = whole(&self.read);
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                break (head.to_ascii_lowercase(), head.len() + 4);
            }
            if !self.more().await {
                return (0, text);
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |digits| digits.trim().parse().unwrap());
        if head.contains("transfer-encoding: chunked") {
            while !self.read.ends_with(b"0\r\n\r\n") && self.more().await {}
        }
        while self.read.len() < head_length + length && self.more().await {}
        let answer = whole(&self.read);
        self.read.clear();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..))
    }

    /// Whether the connection is over, or still good for an ordinary request.
    pub(crate) async fn is_closed_or_usable(&mut self, host: &str) -> bool {
        let (status, _) = self.exchange(&format!("GET /.panelgate/nothing HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        matches!(status, 0 | 404)
    }
}
