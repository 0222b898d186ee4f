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
        // Cargo builds the examples together with the tests: `target/<profile>/examples`, beside `deps`.
        let deps = std::env::current_exe()?;
        let program = deps.ancestors().nth(2).context("the test is in no folder")?.join("examples/demo");
        let mut child = Command::new(&program)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
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
