//! A PostgreSQL server of one's own: a private folder, a loopback address, and nobody else in it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::Instant;

use crate::disk::SmallDisk;
use crate::loopback::Loopback;

/// How long the server may take to start or end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The user that the server runs as where the tests are root, which it refuses to be.
const USER: &str = "postgres";

/// The password of the one account.
const PASSWORD: &str = "lab-database-password-0123456789";

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct Postgres {
    child: Option<Child>,
    programs: PathBuf,
    place: Loopback,
    folder: TempDir,
    disk: Option<SmallDisk>,
}

impl Postgres {
    /// Makes a server with an empty database `panelgate` and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(None).await
    }

    /// The same with all that it writes on a disk of so many MiB, in segments of one.
    ///
    /// # Errors
    /// As [`Postgres::start`]; and when the disk is too small for an empty database.
    pub async fn start_on_a_disk_of(mebibytes: u32) -> anyhow::Result<Self> {
        Self::start_on(Some(mebibytes)).await
    }

    async fn start_on(mebibytes: Option<u32>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("panelgate-postgres-").tempdir()?;
        let mut server = Self { child: None, programs: programs()?, place: Loopback::claim()?, folder, disk: None };
        fs::create_dir(server.data())?;
        if let Some(mebibytes) = mebibytes {
            server.disk = Some(SmallDisk::over(&server.data(), mebibytes).await?);
        }
        server.make().await?;
        server.resume().await?;
        server.create("panelgate").await?;
        Ok(server)
    }

    /// The disk that all of it lies on, if that is a small one.
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// Whether the server's process has ended by itself.
    ///
    /// # Errors
    /// When that cannot be learned.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        match self.child.as_mut() {
            None => Ok(true),
            Some(child) => Ok(child.try_wait()?.is_some()),
        }
    }

    /// The address of a database, password included.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://panelgate:{PASSWORD}@{}/{database}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.at(5432)
    }

    /// Makes one more database.
    ///
    /// # Errors
    /// When it exists.
    pub async fn create(&self, database: &str) -> anyhow::Result<()> {
        self.ask("postgres", &format!("CREATE DATABASE {database}")).await.map(|_| ())
    }

    /// What a statement says, as `psql` prints it without decoration.
    ///
    /// # Errors
    /// When it fails, with the server's words.
    pub async fn ask(&self, database: &str, statement: &str) -> anyhow::Result<String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.arg("-XqAt").arg("-v").arg("ON_ERROR_STOP=1").arg("-c").arg(statement).arg(self.url(database));
        let output = command.stdin(Stdio::null()).output().await.context("psql does not run")?;
        if !output.status.success() {
            bail!("{statement}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// The whole of a database as `pg_dump` writes it: what a thief of a backup has.
    ///
    /// # Errors
    /// When it fails.
    pub async fn dump(&self, database: &str) -> anyhow::Result<String> {
        let output = Command::new(self.programs.join("pg_dump")).arg(self.url(database)).output().await?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Fills an empty database with what `pg_dump` wrote, as `psql` does it.
    ///
    /// # Errors
    /// When a statement of it fails, with the server's words.
    pub async fn restore(&self, database: &str, dump: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("dump");
        fs::write(&file, dump)?;
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).arg(self.url(database));
        let output = command.stdin(Stdio::null()).output().await.context("psql does not run")?;
        if !output.status.success() {
            bail!("the dump cannot be read back: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// The server's process id; nothing while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Ends the server at once, as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When it runs no longer.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        // SIGQUIT is PostgreSQL's immediate shutdown: its children end with it, and recovery follows.
        let pid = child.id().context("the server has ended")?;
        Command::new("kill").arg("-QUIT").arg(pid.to_string()).status().await?;
        tokio::time::timeout(PATIENCE, child.wait()).await.context("the server does not end")??;
        Ok(())
    }

    /// Starts it (again) and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let log = fs::File::create(self.folder.path().join("log"))?;
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data()).arg("-c").arg(format!("listen_addresses={}", self.place.ip()));
        for setting in ["port=5432", "fsync=off", "unix_socket_directories=", "max_connections=300"] {
            command.arg("-c").arg(setting);
        }
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn()?;
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address()).await.is_err() || self.ask("postgres", "SELECT 1").await.is_err() {
            if Instant::now() > deadline {
                bail!("the server does not start: {}", fs::read_to_string(self.folder.path().join("log"))?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// A session of somebody else's that says this to a database and holds what it got until its input ends.
    ///
    /// # Errors
    /// When `psql` does not run, or the statement fails.
    pub async fn hold(&self, database: &str, statement: &str) -> anyhow::Result<Child> {
        let mut command = Command::new(self.programs.join("psql"));
        command.arg("-XqAt").arg("-v").arg("ON_ERROR_STOP=1").arg(self.url(database));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("psql does not run")?;
        let input = child.stdin.as_mut().context("no input")?;
        input.write_all(format!("{statement};\n\\echo held\n").as_bytes()).await?;
        let mut said = [0; 4];
        child.stdout.as_mut().context("no output")?.read_exact(&mut said).await?;
        Ok(child)
    }

    /// A second server that follows this one; this one acknowledges nothing that the other does not have.
    ///
    /// # Errors
    /// When it cannot be made or does not follow.
    pub async fn replica(&self) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("panelgate-postgres-").tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let (programs, place) = (self.programs.clone(), Loopback::claim()?);
        let mut replica = Self { child: None, programs, place, folder, disk: None };
        fs::create_dir(replica.data())?;
        fs::set_permissions(replica.data(), fs::Permissions::from_mode(0o700))?;
        if is_root() {
            let given = Command::new("chown").arg(USER).arg(replica.data()).status().await?;
            anyhow::ensure!(given.success(), "there is no user {USER}");
        }
        let mut command = replica.command("pg_basebackup")?;
        command.arg("-D").arg(replica.data()).args(["-R", "-X", "stream", "--no-sync", "-c", "fast"]);
        command.arg("-d").arg(self.url("postgres"));
        let output = command.stdin(Stdio::null()).output().await.context("pg_basebackup does not run")?;
        anyhow::ensure!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
        replica.resume().await?;
        self.ask("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'").await?;
        self.ask("postgres", "SELECT pg_reload_conf()").await?;
        let deadline = Instant::now() + PATIENCE;
        while self.ask("postgres", "SELECT sync_state FROM pg_stat_replication").await? != "sync" {
            anyhow::ensure!(Instant::now() < deadline, "the replica does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(replica)
    }

    /// Makes a replica a server of its own.
    ///
    /// # Errors
    /// When it does not become one.
    pub async fn promote(&self) -> anyhow::Result<()> {
        let done = self.ask("postgres", "SELECT pg_promote()").await?;
        anyhow::ensure!(done == "t", "the replica is not promoted");
        Ok(())
    }

    async fn make(&self) -> anyhow::Result<()> {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD)?;
        // Both are for the server's user, who is not root.
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))?;
        if is_root() {
            let data = self.disk.as_ref().map_or_else(|| Ok(self.data()), SmallDisk::seen_at)?;
            let given = Command::new("chown").arg(USER).arg(data).arg(&password).status().await?;
            anyhow::ensure!(given.success(), "there is no user {USER}");
        }
        let mut command = self.command("initdb")?;
        if self.disk.is_some() {
            command.arg("--wal-segsize=1");
        }
        command.arg("-D").arg(self.data()).arg("--pwfile").arg(&password);
        command.args(["-U", "panelgate", "-A", "md5", "-E", "UTF8", "--locale=C", "--no-sync", "-N"]);
        let output = command.stdin(Stdio::null()).output().await.context("initdb does not run")?;
        if !output.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of the server's programs, as a user that it accepts.
    fn command(&self, program: &str) -> anyhow::Result<Command> {
        let program = self.programs.join(program);
        let first = if is_root() { PathBuf::from("setpriv") } else { program.clone() };
        let mut command = match &self.disk {
            Some(disk) => disk.command(first)?,
            None => Command::new(first),
        };
        if is_root() {
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program);
        }
        command.current_dir(self.folder.path());
        Ok(command)
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Where Debian keeps the programs, of the newest version that is installed.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let newest = folders.filter(|folder: &PathBuf| Path::exists(&folder.join("initdb"))).max();
    newest.context("PostgreSQL is not installed")
}
