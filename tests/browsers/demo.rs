//! The demonstration, started as `cargo demo` starts it and ended as Ctrl-C ends it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Child;
use tokio::process::Command;

use crate::gateway::listens;

/// Where the demonstration is.
pub(crate) const CONSOLE: &str = "http://connect.localhost:8080";

/// Longest that it may take to end: its own time to drain, and some.
const END: Duration = Duration::from_secs(60);

/// The running demonstration. It is killed when this is dropped.
pub(crate) struct Demo {
    child: Child,
}

impl Demo {
    /// Starts it and waits until it takes connections.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        // Cargo builds it if need be, and then becomes it, so the signal below goes to the right process.
        let mut child = Command::new(env!("CARGO"))
            .arg("demo")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start cargo")?;
        tokio::select! {
            ended = child.wait() => anyhow::bail!("the demonstration ended at once with {}", ended?),
            listens = listens(("127.0.0.1", 8080)) => listens?,
        }
        Ok(Self { child })
    }

    /// Ends it with SIGINT.
    ///
    /// # Errors
    /// When it does not end, or not with 0.
    pub(crate) async fn interrupt(&mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the demonstration has ended by itself")?;
        let sent = Command::new("kill").args(["-INT", &id.to_string()]).status().await?;
        anyhow::ensure!(sent.success(), "the signal could not be sent");
        let ended = tokio::time::timeout(END, self.child.wait()).await.context("it does not end")??;
        anyhow::ensure!(ended.success(), "it ended with {ended}");
        Ok(())
    }
}
