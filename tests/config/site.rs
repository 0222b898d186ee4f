//! A folder with a good configuration, to be spoilt.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use panelgate::cli;
use panelgate::config::Config;
use panelgate::config::Problems;
use tempfile::TempDir;

/// The smallest main file.
pub(crate) const MAIN: &str = r#"directory = "directory.toml"
[console]
origin = "https://connect.example.com"
[panels]
style = "ports"
[listen]
console_port = 443
[tls]
certificates = [{ chain = "chain.pem", key = "key.pem" }]
[[providers]]
id = "sso"
name = "Example SSO"
issuer = "https://idp.example.com"
client_id = "panelgate"
client_secret = "file:secret"
[session]
idle_minutes = 30
[state]
directory = "state"
[audit]
file = "audit.jsonl"
[log]
filter = "info"
[limits]
connections = 500
"#;

/// A directory with one of everything.
pub(crate) const DIRECTORY: &str = r#"[[servers]]
id = "web1"
host = "web1.hosting.example"
trust = "public"
api_account = "root"
api_token = "file:token"
access = "restricted"
[[servers]]
id = "sandbox"
host = "sandbox.hosting.example"
trust = { ca_file = "chain.pem" }
api_account = "api"
api_token = "file:token"
access = "unrestricted"
services = ["cpaneld"]
account = "demo"
[[role_groups]]
name = "Support"
idp_groups = ["whm-support"]
connect = true
[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd"]
account = "support"
"#;

/// The folder; it goes when this goes.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        let identity = lab::pki::self_signed(&["connect.example.com", "*.connect.example.com"]).unwrap();
        site.write("panelgate.toml", MAIN);
        site.write("directory.toml", DIRECTORY);
        site.write("chain.pem", identity.certificate);
        site.write("key.pem", identity.key);
        site.write("secret", "a client secret\n");
        site.write("token", "AN0API0TOKEN\n");
        site
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write_with_mode(name, content, 0o600);
    }

    pub(crate) fn write_with_mode(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.folder.path().join(name);
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).unwrap();
        std::io::Write::write_all(&mut file, content.as_ref()).unwrap();
    }

    /// Replaces a text of a file that stands in it exactly once.
    #[track_caller]
    pub(crate) fn replace(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in {name}");
        self.write(name, text.replace(old, new));
    }

    pub(crate) fn main_file(&self) -> PathBuf {
        self.folder.path().join("panelgate.toml")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn load(&self) -> Result<Config, Problems> {
        cli::load(&self.main_file())
    }

    /// All that is said about the files, with the folder left out.
    pub(crate) fn said(&self) -> String {
        match self.load() {
            Ok(config) => self.without_folder(&config.warnings.to_string()),
            Err(problems) => self.without_folder(&problems.to_string()),
        }
    }

    pub(crate) fn without_folder(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}
