//! A `MariaDB` server of one's own: a private folder, a socket in it, and no port.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::Instant;

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server. Killed when dropped.
#[derive(Debug)]
pub struct MariaDb {
    folder: TempDir,
    child: Child,
}

impl MariaDb {
    /// Makes an empty server and starts it.
    ///
    /// # Errors
    /// When the package is missing, or it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("panelgate-mariadb-").tempdir()?;
        let user = if fs::metadata("/proc/self")?.uid() == 0 { vec!["--user=root"] } else { Vec::new() };
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut install = Command::new("mariadb-install-db");
        install
            .args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(&user);
        let done = install.stdin(Stdio::null()).output().await.context("mariadb-install-db does not run")?;
        ensure!(done.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&done.stderr));
        let log = fs::File::create(folder.path().join("log"))?;
        let mut serve = Command::new("/usr/sbin/mariadbd");
        serve.args(["--no-defaults", &data, "--skip-networking", "--innodb-flush-log-at-trx-commit=0"]).args(&user);
        serve.arg(format!("--socket={}", socket(folder.path()).display()));
        serve.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = serve.spawn().context("mariadbd does not start")?;
        let started = Self { folder, child };
        let deadline = Instant::now() + PATIENCE;
        while started.ask("SELECT 1").await.is_err() {
            if Instant::now() > deadline {
                bail!("it does not start: {}", fs::read_to_string(started.folder.path().join("log"))?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(started)
    }

    /// The socket on which it listens.
    pub fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The server's process id; nothing when it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What statements say, without decoration.
    ///
    /// # Errors
    /// When one fails, with the server's words.
    pub async fn ask(&self, statements: &str) -> anyhow::Result<String> {
        let arguments = ["--batch", "--skip-column-names", "--default-character-set=utf8mb4"];
        Ok(String::from_utf8(self.client(&arguments, statements).await?)?.trim_end().to_owned())
    }

    /// What the database's own client prints for statements on its standard input, with these arguments.
    ///
    /// # Errors
    /// When one fails, with the server's words.
    pub async fn client(&self, arguments: &[&str], statements: &str) -> anyhow::Result<Vec<u8>> {
        let mut command = Command::new("mariadb");
        command.arg("--no-defaults").arg("--socket").arg(self.socket()).arg("--user=root").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("mariadb does not run")?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        let ((), output) = tokio::try_join!(
            async {
                // A client that ends early has said why.
                drop(stdin.write_all(statements.as_bytes()).await);
                drop(stdin);
                Ok(())
            },
            child.wait_with_output()
        )?;
        ensure!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("database.sock")
}
