//! The real phpMyAdmin, out of Debian's package, with a database server of its own.
//!
//! Nothing of it is a service of the machine: PHP's own web server runs it out of a folder that leads to the
//! package's files, with settings that sign in by themselves, as those behind cPanel do.

use std::fs;
use std::net::SocketAddr;
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
use crate::mariadb::MariaDb;

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
    database: MariaDb,
    children: Vec<Child>,
}

impl PhpMyAdmin {
    /// Makes a database with a table in it and starts both.
    ///
    /// # Errors
    /// When a package is missing, or one of them does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("panelgate-phpmyadmin-").tempdir()?;
        let database = MariaDb::start().await?;
        let mut started = Self { place: Loopback::claim()?, folder, database, children: Vec::new() };
        started.lay_out()?;
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
        self.database.ask(statement).await
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
            self.database.socket().display()
        )
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

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
