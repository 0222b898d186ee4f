//! The real phpMyAdmin, out of Debian's package, with a database server of its own.
//!
//! Nothing of it is a service of the machine: PHP's own web server runs it out of a folder that leads to the
//! package's files, with settings that sign in by themselves, as those behind cPanel do.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;
use anyhow::ensure;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::Instant;

use crate::loopback::Loopback;

/// Where cPanel has it, below the security token.
pub const PATH: &str = "/3rdparty/phpMyAdmin/";

/// Where Debian has it.
const PACKAGE: &str = "/usr/share/phpmyadmin";

/// How long either server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A shop's database, which `bob` has.
const SHOP: &str = "CREATE DATABASE bob_shop; USE bob_shop; \
    CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(40) NOT NULL); \
    INSERT INTO orders (what) VALUES ('a lamp'), ('two chairs'), ('a Käsekuchen');";

/// A running phpMyAdmin and its database server. Killed when dropped.
#[derive(Debug)]
pub struct PhpMyAdmin {
    place: Loopback,
    folder: TempDir,
    children: Vec<Child>,
}

impl PhpMyAdmin {
    /// Makes a database with a table in it and starts both.
    ///
    /// # Errors
    /// When a package is missing, or one of them does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("panelgate-phpmyadmin-").tempdir()?;
        let mut started = Self { place: Loopback::claim()?, folder, children: Vec::new() };
        started.lay_out()?;
        started.start_database().await?;
        started.ask(SHOP).await?;
        started.start_php().await?;
        Ok(started)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.at(8080)
    }

    /// What a statement says, without decoration.
    ///
    /// # Errors
    /// When it fails, with the server's words.
    pub async fn ask(&self, statement: &str) -> anyhow::Result<String> {
        let mut command = Command::new("mariadb");
        command.arg("--no-defaults").arg("--socket").arg(self.socket()).args(["--user=root", "--batch"]);
        command.args(["--skip-column-names", "--default-character-set=utf8mb4", "--execute", statement]);
        let output = command.stdin(Stdio::null()).output().await.context("mariadb does not run")?;
        ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// A folder for PHP's web server: the package's, but for the file that says where the settings are. PHP takes
    /// the place of a program's file for the place of the program, so those are copied.
    fn lay_out(&self) -> anyhow::Result<()> {
        let package = Path::new(PACKAGE);
        let own = self.at("www").join(PATH.trim_matches('/'));
        fs::create_dir_all(own.join("libraries"))?;
        fs::create_dir(self.at("tmp"))?;
        for entry in fs::read_dir(package).context("phpMyAdmin is not installed: run scripts/setup")? {
            let entry = entry?.path();
            let name = entry.file_name().context("a name")?;
            if entry.extension().is_some_and(|extension| extension == "php") {
                fs::copy(&entry, own.join(name))?;
            } else if name != "libraries" {
                symlink(&entry, own.join(name))?;
            }
        }
        let vendor = "vendor_config.php";
        for entry in fs::read_dir(package.join("libraries"))? {
            let entry = entry?;
            if entry.file_name() != vendor {
                symlink(entry.path(), own.join("libraries").join(entry.file_name()))?;
            }
        }
        let settings = self.at("config.inc.php");
        let places = fs::read_to_string(package.join("libraries").join(vendor))?
            .replace("/var/lib/phpmyadmin/tmp/", &format!("{}/", self.at("tmp").display()))
            .replace("/etc/phpmyadmin/config.inc.php", &settings.to_string_lossy());
        ensure!(places.contains(&*settings.to_string_lossy()), "{vendor} names its settings otherwise");
        fs::write(own.join("libraries").join(vendor), places)?;
        fs::write(settings, self.settings())?;
        Ok(())
    }

    fn settings(&self) -> String {
        format!(
            "<?php\n\
             $cfg['blowfish_secret'] = str_repeat('b', 32);\n\
             $cfg['PmaAbsoluteUri'] = $_SERVER['HTTP_LAB_ADDRESS'] ?? '';\n\
             $cfg['VersionCheck'] = false;\n\
             $cfg['Servers'][1] = ['auth_type' => 'config', 'host' => 'localhost', 'socket' => '{}', \
             'user' => 'root', 'password' => '', 'AllowNoPassword' => true];\n",
            self.socket().display()
        )
    }

    async fn start_database(&mut self) -> anyhow::Result<()> {
        let user = if fs::metadata("/proc/self")?.uid() == 0 { vec!["--user=root"] } else { Vec::new() };
        let data = format!("--datadir={}", self.at("data").display());
        let mut install = Command::new("mariadb-install-db");
        install
            .args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(&user);
        let done = install.stdin(Stdio::null()).output().await.context("mariadb-install-db does not run")?;
        ensure!(done.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&done.stderr));
        let mut serve = Command::new("/usr/sbin/mariadbd");
        serve.args(["--no-defaults", &data, "--skip-networking", "--innodb-flush-log-at-trx-commit=0"]).args(&user);
        serve.arg(format!("--socket={}", self.socket().display()));
        self.spawn(serve, "database.log")?;
        let deadline = Instant::now() + PATIENCE;
        while self.ask("SELECT 1").await.is_err() {
            self.wait_until(deadline, "database.log").await?;
        }
        Ok(())
    }

    async fn start_php(&mut self) -> anyhow::Result<()> {
        let mut serve = Command::new("php");
        serve.arg("-d").arg(format!("session.save_path={}", self.at("tmp").display()));
        serve.arg("-S").arg(self.address().to_string()).arg("-t").arg(self.at("www"));
        self.spawn(serve, "php.log")?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address()).await.is_err() {
            self.wait_until(deadline, "php.log").await?;
        }
        Ok(())
    }

    fn spawn(&mut self, mut command: Command, log: &str) -> anyhow::Result<()> {
        let log = fs::File::create(self.at(log))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let name = command.as_std().get_program().to_owned();
        self.children.push(command.spawn().with_context(|| format!("{} does not start", name.display()))?);
        Ok(())
    }

    async fn wait_until(&self, deadline: Instant, log: &str) -> anyhow::Result<()> {
        if Instant::now() > deadline {
            bail!("it does not start: {}", fs::read_to_string(self.at(log))?);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.at("database.sock")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
