//! The gateway's own program, as a process on the world's files.

use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::world::Replica;
use crate::world::World;

/// How long the program may take to accept connections, to say something, or to end. It is built without
/// optimisation and shares the machine with everything else that is being tested.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// A running gateway. Killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

/// How a gateway ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; nothing if a signal ended it.
    pub code: Option<i32>,
    /// All that it wrote, on both streams.
    pub output: String,
}

impl Gateway {
    /// Starts `panelgate serve` on the world's files and waits until connections are accepted.
    ///
    /// # Errors
    /// When it ends before, with what it wrote; or when it takes too long.
    pub async fn spawn(binary: impl AsRef<Path>, world: &World) -> anyhow::Result<Self> {
        let mut command = Command::new(binary.as_ref());
        command.arg("serve").arg("--config").arg(world.config());
        Self::spawn_as(command, world).await
    }

    /// The same with another command line, which must come to the same.
    ///
    /// # Errors
    /// As [`Gateway::spawn`].
    pub async fn spawn_as(command: Command, world: &World) -> anyhow::Result<Self> {
        Self::spawn_at(command, world, world.gateway()).await
    }

    async fn spawn_at(command: Command, world: &World, ip: IpAddr) -> anyhow::Result<Self> {
        let mut gateway = Self::run(command)?;
        let console = url::Url::parse(world.console()).context("the console's origin is no URL")?;
        let port = console.port_or_known_default().context("the console's origin has no port")?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((ip, port)).await.is_err() {
            if let Some(status) = gateway.child.try_wait()? {
                gateway.read_to_end().await;
                bail!("the gateway ended with {status}:\n{}", gateway.output());
            }
            if Instant::now() > deadline {
                bail!("the gateway does not accept connections:\n{}", gateway.output());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(gateway)
    }

    /// Starts `panelgate serve` as one more gateway of the world and waits until connections are accepted.
    ///
    /// # Errors
    /// As [`Gateway::spawn`].
    pub async fn spawn_replica(binary: impl AsRef<Path>, world: &World, replica: &Replica) -> anyhow::Result<Self> {
        let mut command = Command::new(binary.as_ref());
        command.arg("serve").arg("--config").arg(replica.config());
        Self::spawn_replica_as(command, world, replica).await
    }

    /// The same with another command line, which must come to the same.
    ///
    /// # Errors
    /// As [`Gateway::spawn`].
    pub async fn spawn_replica_as(command: Command, world: &World, replica: &Replica) -> anyhow::Result<Self> {
        Self::spawn_at(command, world, replica.ip()).await
    }

    /// Starts a command and waits for nothing.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn run(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the gateway does not start")?;
        let output = Arc::default();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let readers = [stdout.map(|pipe| keep(pipe, &output)), stderr.map(|pipe| keep(pipe, &output))];
        Ok(Self { child, output, readers: readers.into_iter().flatten().collect() })
    }

    /// All that it has written so far, on both streams.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The process id; nothing once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it has written this.
    ///
    /// # Errors
    /// When it does not for too long, with what it wrote.
    pub async fn wait_for_output(&self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.output().contains(text) {
            if Instant::now() > deadline {
                bail!("the gateway never wrote {text:?}:\n{}", self.output());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Sends a signal, by the name that `kill` knows, and does not wait.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().context("the gateway has ended")?;
        let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().await?;
        if !status.success() {
            bail!("the gateway cannot be sent SIG{name}");
        }
        Ok(())
    }

    /// Ends it with SIGTERM and waits.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(self) -> anyhow::Result<Ended> {
        self.signal("TERM").await?;
        self.ended().await
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn ended(mut self) -> anyhow::Result<Ended> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.with_context(|| format!("the gateway does not end:\n{}", self.output()))??;
        self.read_to_end().await;
        Ok(Ended { code: status.code(), output: self.output() })
    }

    /// Ends it with SIGKILL, as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<Ended> {
        self.child.kill().await?;
        self.read_to_end().await;
        Ok(Ended { code: None, output: self.output() })
    }

    async fn read_to_end(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader ends with its pipe, and cannot fail.
            drop(reader.await);
        }
    }
}

fn keep(mut pipe: impl AsyncRead + Unpin + Send + 'static, output: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
    })
}
