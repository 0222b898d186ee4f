//! A checkout of a directory as a reviewer has it: no secret, no certificate, nothing else in order.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use tempfile::TempDir;

/// A main file of which these commands need one key; the others name what is not there, or nothing at all.
const MAIN: &str = r#"directory = "directory.toml"
[[providers]]
id = "sso"
client_secret = "file:/nowhere"
[a_section_of_a_later_version]
"#;

const DIRECTORY: &str = r#"[[servers]]
id = "web1"
name = "Web 1 <shared>"
tags = ["prod", "eu"]
host = "web1.hosting.example"
trust = { ca_file = "nowhere.pem" }
api_account = "root"
api_token = "file:nowhere"
access = "restricted"

[[servers]]
id = "web2"
tags = ["prod"]
host = "web2.hosting.example"
trust = "public"
api_account = "root"
api_token = "env:PANELGATE_TEST_NEVER_SET"
access = "restricted"

[[servers]]
id = "spare"
host = "spare.hosting.example"
trust = "public"
api_account = "root"
api_token = "file:nowhere"
access = "restricted"

[[servers]]
id = "sandbox"
host = "sandbox.hosting.example"
trust = "public"
api_account = "root"
api_token = "file:nowhere"
access = "unrestricted"
services = ["cpaneld", "webmaild"]
account = "demo"

[[role_groups]]
name = "Administrators"
idp_groups = ["whm-admins"]
connect = true

[[role_groups]]
name = "Support"
idp_groups = ["whm-support", "whm-night-shift"]
connect = true

[[role_groups]]
name = "Auditors"
idp_groups = ["auditors"]
connect = false

[[role_groups]]
name = "R&D <lab>"
idp_groups = ["CN=dev,OU=\"R&D\"", "\u001b[31mred"]
connect = true

[[rules]]
role_group = "Administrators"
server_tags = ["prod"]
services = ["whostmgrd", "cpaneld"]
account = "root"

[[rules]]
role_group = "Support"
servers = ["web1"]
services = ["whostmgrd"]
account = "support"

[[rules]]
role_group = "Support"
server_tags = ["prod", "eu"]
services = ["whostmgrd", "webmaild"]
account = "support"

[[rules]]
role_group = "Auditors"
servers = ["web2"]
services = ["whostmgrd"]
account = "audit"
"#;

/// The checkout; it goes when this goes.
#[derive(Debug)]
pub(crate) struct House {
    folder: TempDir,
}

/// All that a command says. `Display` is what a golden test holds.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["", "old/"] {
            house.write(&format!("{folder}panelgate.toml"), MAIN);
            house.write(&format!("{folder}directory.toml"), DIRECTORY);
        }
        house
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Replaces a text of the directory that stands in it exactly once.
    #[track_caller]
    pub(crate) fn replace(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.path().join("directory.toml")).unwrap();
        assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in the directory");
        self.write("directory.toml", &text.replace(old, new));
    }

    /// Runs the program in the checkout.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.args(arguments).current_dir(self.path()).env("PANELGATE_CONFIG", "panelgate.toml");
        command
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let said = Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "nothing that a terminal obeys");
        said
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.out)?;
        if !self.err.is_empty() {
            write!(f, "stderr: {}", self.err)?;
        }
        writeln!(f, "exit {}", self.code)
    }
}
