//! The real program as a process of its own.

use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use lab::world::World;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;

/// Longest that a program may take to start. Generous: the machine may be busy building it.
const START: Duration = Duration::from_mins(3);

/// A running gateway. It is killed when this is dropped.
pub(crate) struct Gateway {
    _child: Child,
    log: PathBuf,
}

impl Gateway {
    /// Starts it with the world's files and waits until it takes connections.
    pub(crate) async fn start(world: &World) -> anyhow::Result<Self> {
        let log = world.folder().join("gateway.log");
        let file = File::create(&log)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_panelgate"))
            .args(["serve", "--config"])
            .arg(world.config())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("the gateway does not start")?;
        let listens = listens((world.gateway(), 443));
        tokio::select! {
            ended = child.wait() => anyhow::bail!("the gateway ended with {}:\n{}", ended?, read(&log)?),
            listens = listens => listens?,
        }
        Ok(Self { _child: child, log })
    }

    /// What it writes to standard output and standard error.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.log.clone()
    }
}

/// Waits until somebody accepts connections there.
pub(crate) async fn listens(address: impl tokio::net::ToSocketAddrs + Copy) -> anyhow::Result<()> {
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(START, connected).await.context("nobody accepts connections")
}

fn read(log: &Path) -> io::Result<String> {
    std::fs::read_to_string(log)
}
