//! `HAProxy` in front of several gateways, on the file in `deploy/`, as a service manager runs it: with a process that
//! reads the file again, and can be killed.

use std::fs;
use std::fs::OpenOptions;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::Instant;

use crate::loopback::Loopback;
use crate::world::World;

/// How long the program may take to accept connections, or to say something.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the gateways are called in its log.
const NAMES: [&str; 3] = ["one", "two", "three"];

/// A running `HAProxy` in front of three gateways. Killed when dropped.
#[derive(Debug)]
pub struct Haproxy {
    child: Child,
    place: Loopback,
    file: PathBuf,
    log: PathBuf,
}

impl Haproxy {
    /// Starts it on a file of `deploy/` and waits until it accepts connections.
    ///
    /// Nothing in the file is changed but addresses, and that a third gateway stands after the two.
    ///
    /// # Errors
    /// When the program is not installed, refuses the file or does not start.
    pub async fn start(file: &Path, world: &World, gateways: [IpAddr; 3]) -> anyhow::Result<Self> {
        let place = Loopback::claim()?;
        let folder = world.folder().join(format!("haproxy-{}", place.ip()));
        fs::create_dir(&folder)?;
        let text = fs::read_to_string(file).with_context(|| format!("no {}", file.display()))?;
        let [one, two, three] = gateways;
        let last = "server two 10.0.0.12\n";
        ensure!(text.contains(last), "{} has another shape", file.display());
        let text = text
            .replace(last, &format!("{last}    server three {three}\n"))
            .replace("203.0.113.10", &place.ip().to_string())
            .replace("10.0.0.11", &one.to_string())
            .replace("10.0.0.12", &two.to_string());
        let (file, log) = (folder.join("haproxy.cfg"), folder.join("log"));
        fs::write(&file, text)?;
        fs::write(&log, "")?;
        let child = run(&file, &log)?;
        let mut haproxy = Self { child, place, file, log };
        haproxy.accepts().await?;
        Ok(haproxy)
    }

    /// Where people reach it.
    pub fn ip(&self) -> IpAddr {
        self.place.ip()
    }

    /// What it calls the gateway of this place, from 0.
    pub fn name(place: usize) -> &'static str {
        NAMES.get(place).copied().unwrap_or_default()
    }

    /// Ends it at once, with every connection, and starts it again.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        let workers = self.workers().await?;
        self.child.kill().await?;
        let pids: Vec<String> = workers.iter().map(u32::to_string).collect();
        // A worker ends with its master, if it is not killed before.
        Command::new("kill").arg("-KILL").args(pids).stderr(Stdio::null()).status().await?;
        self.child = run(&self.file, &self.log)?;
        self.accepts().await
    }

    /// Has it read its file again, and waits until another process does the work.
    ///
    /// # Errors
    /// When none does.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let before = self.workers().await?;
        let pid = self.child.id().context("it has ended")?;
        Command::new("kill").arg("-USR2").arg(pid.to_string()).status().await?;
        let deadline = Instant::now() + PATIENCE;
        while self.workers().await?.iter().all(|worker| before.contains(worker)) {
            ensure!(Instant::now() < deadline, "it is not reloaded:\n{}", self.said()?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until it leads people to the gateway of this place (from 0), or until it leads nobody there.
    ///
    /// # Errors
    /// When it does not for too long, with what it said.
    pub async fn until(&self, place: usize, leads: bool) -> anyhow::Result<()> {
        let name = NAMES.get(place).context("there are three gateways")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.said()?;
            // It says each change; at the start it takes all of them for up.
            let last = said.rsplit_once(&format!("Server gateways/{name} is ")).map_or("UP", |(_, rest)| rest);
            if last.starts_with("UP") == leads {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{name} stays as it is:\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn said(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// The processes that do the work.
    async fn workers(&self) -> anyhow::Result<Vec<u32>> {
        let pid = self.child.id().context("it has ended")?;
        let children = tokio::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).await?;
        Ok(children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }

    async fn accepts(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.place.at(443)).await.is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("it does not accept connections: {ended:?}\n{}", self.said()?);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// A master and its worker, as Debian's unit starts them.
fn run(file: &Path, log: &Path) -> anyhow::Result<Child> {
    let log = OpenOptions::new().append(true).open(log)?;
    let mut command = Command::new("/usr/sbin/haproxy");
    command.args(["-W", "-db", "-f"]).arg(file);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    command.spawn().context("haproxy does not start")
}
