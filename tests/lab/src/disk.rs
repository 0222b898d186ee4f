//! A small disk: a file system in memory over a folder, seen by those programs alone that are started on it.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context as _;
use anyhow::ensure;
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;
use tokio::process::Command;

use crate::namespace::is_root;
use crate::namespace::unshare;

/// A disk of so many MiB. It is gone, with what lies on it, when this and all programs on it are.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Puts one over a folder that exists.
    ///
    /// # Errors
    /// When the kernel gives no mount namespace.
    pub async fn over(folder: &Path, mebibytes: u32) -> anyhow::Result<Self> {
        let mut command = Command::from(unshare("--mount"));
        let script = r#"mount -t tmpfs -o "size=$1m,mode=0700" none "$2" && printf held && exec cat"#;
        command.args(["sh", "-c", script, "sh", &mebibytes.to_string()]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut holder = command.spawn().context("unshare does not run")?;
        let mut held = [0; 4];
        holder.stdout.as_mut().context("no output")?.read_exact(&mut held).await.context("there is no disk")?;
        Ok(Self { holder, folder: folder.to_owned() })
    }

    /// A command that sees the disk.
    ///
    /// # Errors
    /// When the disk is gone.
    pub fn command(&self, program: impl AsRef<Path>) -> anyhow::Result<Command> {
        let mut command = Command::new("nsenter");
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--mount", "--target", &self.pid()?.to_string(), "--"]).arg(program.as_ref());
        Ok(command)
    }

    /// Where it is seen from outside.
    ///
    /// # Errors
    /// When the disk is gone.
    pub fn seen_at(&self) -> anyhow::Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root{}", self.pid()?, self.folder.display())))
    }

    /// Writes until nothing more fits.
    ///
    /// # Errors
    /// When something else than the room is in the way.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = fs::File::create(self.filler()?)?;
        loop {
            if let Err(full) = file.write_all(&[0; 4096]) {
                ensure!(full.kind() == io::ErrorKind::StorageFull, "{full}");
                return Ok(());
            }
        }
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When it was not full.
    pub fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.filler()?)?)
    }

    fn filler(&self) -> anyhow::Result<PathBuf> {
        Ok(self.seen_at()?.join("filler"))
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder.id().context("the disk is gone")
    }
}
