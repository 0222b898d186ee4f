//! `panelgate probe`: first contact with a real server, or another look at one after an update of it.

use std::io;

use clap::Args;
use clap::ValueEnum;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::configured::with_config;
use crate::cli::prompt;
use crate::cli::sessions::operator;
use crate::cli::vault::named;
use crate::compose;
use crate::config::Config;
use crate::fleet::Act;
use crate::model::Server;
use crate::panel::ApiCredential;
use crate::panel::Probe as ServerProbe;
use crate::panel::Subject;
use crate::telemetry::Chain;

pub(super) const EXIT: &str = "Exit codes:\n  0  the server is as Panelgate believes\n  1  something differs, something is \
    left at the server, or the operator said no\n  64  the arguments are wrong\n  70  it could not be done\n  \
    78  the configuration has problems";

/// `panelgate probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// The server's id in the directory.
    server: String,
    /// Make two API tokens too, which may list accounts and end after ten minutes, and show a wrong one: it may count
    /// as one failed login of the gateway's address.
    #[arg(long)]
    mint: bool,
    /// Take out the server's names and addresses.
    #[arg(long)]
    anonymous: bool,
    /// Do not ask before something is done.
    #[arg(long)]
    yes: bool,
    /// How to write the report.
    #[arg(long, value_enum, default_value_t = Form::Words)]
    format: Form,
    #[command(flatten)]
    file: ConfigFile,
}

/// The forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Words,
    /// For the maintainers: all of it, with every answer, redacted.
    Json,
}

pub(super) fn run(probe: &Probe, streams: &mut Streams<'_>) -> io::Result<Exit> {
    with_config(&probe.file.config, streams, async |config, streams| self::probe(probe, config, streams).await)
}

async fn probe(probe: &Probe, config: &Config, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let server = named(config, &probe.server)?;
    if !is_agreed(probe, server, streams)? {
        writeln!(streams.err, "nothing was done")?;
        return Ok(Exit::No);
    }
    let looking = compose::looking(config, &operator()).await?;
    let lookout = &looking.lookout;
    let token = lookout.token(server).ok_or("there is no vault")?.read().await?;
    let upstream = looking.upstream(server)?;
    let credential = ApiCredential { account: server.api_account.clone(), token };
    lookout.notes.write(Act::Probed, server.id.as_str(), server.api_account.as_str(), "").await?;
    let subject = Subject {
        upstream: &upstream,
        credential: &credential,
        answer_limit: lookout.answer_limit,
        mints: probe.mint,
        anonymous: probe.anonymous,
        now: lookout.clock.now(),
        random: &*lookout.random,
    };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut told = Ok(());
    let report = {
        let mut announce = |step: &str| {
            if told.is_ok() {
                told = writeln!(streams.err, "{step}");
            }
        };
        let mut running = ServerProbe::new(subject, &mut announce);
        let ended = tokio::select! {
            done = running.run() => done.map_err(|error| Chain(&error).to_string()).err(),
            _ = terminate.recv() => Some("interrupted".to_owned()),
            _ = interrupt.recv() => Some("interrupted".to_owned()),
        };
        running.undo().await;
        (running.report(), ended)
    };
    told?;
    let (report, ended) = report;
    match probe.format {
        Form::Words => write!(streams.out, "{report}")?,
        Form::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    if let Some(why) = ended {
        return Err(format!("the probe broke off: {why}").into());
    }
    Ok(if report.is_as_believed() { Exit::Done } else { Exit::No })
}

/// Says what is about to be done, and asks.
fn is_agreed(probe: &Probe, server: &Server, streams: &mut Streams<'_>) -> io::Result<bool> {
    let Server { id, api_account: account, .. } = server;
    writeln!(streams.err, "On {id}, as {account}: some forty requests that read or are refused, and one session of")?;
    writeln!(streams.err, "{account} in WHM, which is ended. Each is told before it is made.")?;
    if probe.mint {
        writeln!(streams.err, "Two API tokens that may list accounts are made and revoked, and a wrong one is shown.")?;
    }
    if probe.yes {
        return Ok(true);
    }
    prompt::yes("Go on?", streams)
}
