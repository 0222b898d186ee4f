//! A real load balancer in front of the gateways, on one of the files in `deploy/`.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::Instant;

use crate::loopback::Loopback;
use crate::world::World;

/// How long the program may take to accept connections or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where all of them connect from: the kernel gives this address to whoever asks for none on loopback.
pub const CONNECTS_FROM: &str = "127.0.0.1";

/// Lines of the files in `deploy/` that are comments until the gateways are to be spoken to over TLS, and what has to
/// be different then.
const TLS_TO_GATEWAYS: [(&str, &str); 3] = [
    ("#default-server ssl ", "default-server ssl "),
    ("#proxy_ssl_", "proxy_ssl_"),
    ("proxy_pass http://", "proxy_pass https://"),
];

/// A running balancer. Killed when dropped.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    ip: IpAddr,
    log: std::path::PathBuf,
    _claim: Option<Loopback>,
}

/// What is different from the usual balancer on loopback.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// Where people reach it; nothing claims an address of its own.
    pub at: Option<IpAddr>,
    /// Whether it speaks TLS to the gateways too, as the comments in its file say how.
    pub tls_to_gateways: bool,
}

impl Balancer {
    /// Starts the program that a file of `deploy/` is for, with nothing in it changed but addresses and the paths
    /// of certificates, and waits until it accepts connections.
    ///
    /// # Errors
    /// When the program is not installed, refuses the file or does not start.
    pub async fn start(file: &Path, world: &World, gateways: [IpAddr; 2]) -> anyhow::Result<Self> {
        Self::start_as(file, world, gateways, Setting::default()).await
    }

    /// The same with something different.
    ///
    /// # Errors
    /// As [`Balancer::start`].
    pub async fn start_as(file: &Path, world: &World, gateways: [IpAddr; 2], setting: Setting) -> anyhow::Result<Self> {
        let claim = if setting.at.is_none() { Some(Loopback::claim()?) } else { None };
        let ip = setting.at.or(claim.as_ref().map(Loopback::ip)).context("it has no address")?;
        let folder = world.folder().join(format!("balancer-{}", ip.to_string().replace(':', "-")));
        fs::create_dir(&folder)?;
        let (chain, key) = (world.folder().join("gateway.pem"), world.folder().join("gateway.key"));
        let both = folder.join("both.pem");
        fs::write(&both, [fs::read(&chain)?, fs::read(&key)?].concat())?;
        let mut text = fs::read_to_string(file).with_context(|| format!("no {}", file.display()))?;
        if setting.tls_to_gateways {
            for (usual, other) in TLS_TO_GATEWAYS {
                text = text.replace(usual, other);
            }
        }
        let [one, two] = gateways;
        let authority = world.authority_file().display().to_string();
        let text = text
            .replace("203.0.113.10", &in_a_file(ip))
            .replace("10.0.0.11", &in_a_file(one))
            .replace("10.0.0.12", &in_a_file(two))
            .replace("/etc/haproxy/panelgate.pem", &both.display().to_string())
            .replace("/etc/haproxy/gateways.pem", &authority)
            .replace("/etc/nginx/panelgate/fullchain.pem", &chain.display().to_string())
            .replace("/etc/nginx/panelgate/privkey.pem", &key.display().to_string())
            .replace("/etc/nginx/panelgate/gateways.pem", &authority);
        let (written, log) = (folder.join("balancer.conf"), folder.join("log"));
        fs::write(&written, text)?;
        let is_haproxy = file.extension().is_some_and(|extension| extension == "cfg");
        let mut command = if is_haproxy { haproxy(&written) } else { nginx(&written, &folder) };
        let output = fs::File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("the balancer does not start")?;
        let mut balancer = Self { child, ip, log, _claim: claim };
        balancer.accepts().await?;
        Ok(balancer)
    }

    /// Where people reach it.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Waits until it has said this.
    ///
    /// # Errors
    /// When it does not for too long, with what it said.
    pub async fn says(&self, text: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(&self.log)?;
            if said.contains(text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the balancer never said {text:?}:\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn accepts(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((self.ip, 443)).await.is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("the balancer does not accept connections: {ended:?}\n{}", fs::read_to_string(&self.log)?);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// As both programs read an address, with or without a port after it.
fn in_a_file(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn haproxy(file: &Path) -> Command {
    let mut command = Command::new("/usr/sbin/haproxy");
    command.arg("-db").arg("-f").arg(file);
    command
}

/// In one process, so that ending it ends all of it.
fn nginx(file: &Path, folder: &Path) -> Command {
    let mut command = Command::new("/usr/sbin/nginx");
    let paths = format!("daemon off; master_process off; pid {}; error_log stderr;", folder.join("pid").display());
    command.arg("-p").arg(folder).args(["-e", "stderr", "-g", &paths]).arg("-c").arg(file);
    command
}
