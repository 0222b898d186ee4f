//! The commands and their arguments.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::cli::audit;
use crate::cli::doctor;
use crate::cli::import::Import;
use crate::cli::keys::Keys;
use crate::cli::probe;
use crate::cli::probe::Probe;
use crate::cli::review;
use crate::cli::servers::Servers;
use crate::cli::sessions::Sessions;
use crate::cli::shield::Shield;
use crate::cli::token::Token;
use crate::cli::vault::Vault;
use crate::model::ProviderId;

/// Identity-aware gateway to cPanel & WHM servers.
#[derive(Debug, Parser)]
#[command(name = "panelgate", version, about)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration: show every problem, or what it exposes, trusts and allows.
    #[command(
        after_help = "Exit codes: 0 no problem, 1 the sign-in of --login fails or gives nothing, 64 wrong arguments, 78 wrong configuration"
    )]
    Check(Check),
    /// Look from this machine at everything that a gateway needs, and say what to do: names, certificates, providers,
    /// store, audit log, ports, limits and every server. Nothing is changed.
    #[command(after_help = doctor::EXIT)]
    Doctor(doctor::Doctor),
    /// Run the gateway.
    #[command(after_help = "Exit codes: 0 stopped by SIGTERM or SIGINT once open requests had ended or their time \
was over, 3 stopped by a second one and what was open dropped, 64 wrong arguments, 70 it cannot start or go on, \
78 wrong configuration")]
    Serve(ConfigFile),
    /// Explain what somebody may open, and what would have to change for the other answer.
    #[command(after_help = review::EXIT_OF_EXPLAIN)]
    Explain(review::Explain),
    /// Review access: who may open what, what a change gives and takes, tests of the rules.
    #[command(subcommand)]
    Access(review::Access),
    /// Look at the audit records: whether they are whole, and who did what.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// See who is signed in, and end access by hand.
    #[command(subcommand)]
    Sessions(Sessions),
    /// Bring servers under Panelgate's keys.
    #[command(subcommand)]
    Servers(Servers),
    /// Make a directory out of what another product knows.
    #[command(subcommand)]
    Import(Import),
    /// See whether the servers' panels answer to anybody but the gateway.
    #[command(subcommand)]
    Shield(Shield),
    /// Hold what Panelgate believes about cPanel's server against a real one, and write a report without secrets.
    #[command(after_help = probe::EXIT)]
    Probe(Probe),
    /// Change the servers' API tokens.
    #[command(subcommand)]
    Token(Token),
    /// See and change the server key, which with the browsers' cookies opens what lies in the store.
    #[command(subcommand)]
    Keys(Keys),
    /// Work on the vault: the servers' API tokens, sealed in the store.
    #[command(subcommand)]
    Vault(Vault),
}

/// `panelgate check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub(super) config: ConfigFile,
    /// How the result is written: json and csv hold problems and warnings too.
    #[arg(long, value_enum, default_value_t = review::Format::Table)]
    pub(super) format: review::Format,
    /// Sign in once, to see what the provider sends, how groups are read, and what they are worth. Asks for the
    /// address to which the provider sends the browser; no gateway has to run.
    #[arg(long, conflicts_with = "format")]
    pub(super) login: bool,
    /// The provider to sign in with, if there are several.
    #[arg(long, value_name = "ID", requires = "login")]
    pub(super) provider: Option<ProviderId>,
}

/// The configuration that a command works with.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The main configuration file.
    #[arg(long, value_name = "FILE", env = "PANELGATE_CONFIG", default_value = "/etc/panelgate/panelgate.toml")]
    pub config: PathBuf,
}
