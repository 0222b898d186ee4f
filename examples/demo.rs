//! The whole thing for a look: the gateway, an OpenID Provider and three cPanel doubles, all in one go.
//!
//! `cargo demo` starts it. Nothing is installed or left behind, and nothing but loopback is reached.

use std::io;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use lab::world::Plan;
use lab::world::World;
use panelgate::cli;
use panelgate::compose::HandedOver;
use panelgate::compose::Ready;
use panelgate::config::Look;
use panelgate::telemetry;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let world = World::start(Plan::localhost()).await.context("cannot start the provider and the servers")?;
    let config = cli::load(&world.config()).map_err(|problems| anyhow::anyhow!(problems.render(Look::Plain)))?;
    let _log = telemetry::start(&config.log.filter, false)?;
    let ready = Ready::build(&config, HandedOver::none()).await.context("cannot start the gateway")?;
    writeln!(
        io::stdout(),
        "\nPanelgate is running. Open this in Chromium or Firefox:\n\n    {}\n\n\
         Sign in as one of these (name and password are the same):\n\n    \
         ada   a full administrator: every server, as root\n    \
         sam   support: one WHM as a reseller, one customer's cPanel and Webmail\n    \
         nia   whose groups give nothing\n\n\
         Audit events go to {}\nCtrl-C ends it.",
        ready.console(),
        world.audit_file().display(),
    )?;
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let signals = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        signals.cancel();
    });
    let path = world.config();
    ready.serve(Arc::new(move || cli::load(&path)), Arc::default(), stop).await.context("the gateway broke off")?;
    writeln!(io::stdout(), "Stopped.")?;
    Ok(())
}
