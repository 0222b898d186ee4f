//! The demonstration, started as people start it and ended as Ctrl-C ends it.

use anyhow::Context as _;
use lab::gateway::Gateway;
use tokio::process::Command;

/// Where the demonstration is.
pub(crate) const CONSOLE: &str = "http://connect.localhost:8080";

/// Runs `cargo demo` and waits until it invites people in.
///
/// # Errors
/// When it does not within a minute; it should have been built before.
pub(crate) async fn start() -> anyhow::Result<Gateway> {
    // Cargo becomes the program that it runs, so signals go to the right process.
    let mut command = Command::new(env!("CARGO"));
    command.arg("demo").current_dir(env!("CARGO_MANIFEST_DIR"));
    let demo = Gateway::run(command)?;
    demo.wait_for_output("Ctrl-C ends it.").await?;
    anyhow::ensure!(demo.output().contains(CONSOLE), "it does not say where it is:\n{}", demo.output());
    Ok(demo)
}

/// Ends it with SIGINT.
///
/// # Errors
/// When it does not end, or not cleanly.
pub(crate) async fn interrupt(demo: Gateway) -> anyhow::Result<()> {
    demo.signal("INT").await?;
    let ended = demo.ended().await.context("the demonstration goes on")?;
    anyhow::ensure!(ended.code == Some(0) && ended.output.ends_with("Stopped.\n"), "it ended so: {ended:?}");
    Ok(())
}
