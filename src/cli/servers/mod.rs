//! `panelgate servers`: bringing servers under Panelgate's keys, and seeing how they are.

mod accept;
mod add;
mod candidate;
mod document;
mod list;
mod look;
mod many;

use std::io;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::Streams;

pub use accept::Accept;
pub use add::Add;
pub use list::List;
pub use look::LookAt;
pub use many::AddMany;

pub(super) const EXIT: &str = "Exit codes:\n  0  done\n  1  not done: the operator said no, or some of many failed\n  \
    64  the arguments are wrong\n  70  it could not be done\n  78  the configuration has problems";

const EXIT_OF_LOOK: &str = "Exit codes:\n  0  nothing is wrong\n  1  something is wrong, or the operator said no\n  \
    64  the arguments are wrong\n  70  it could not be done\n  78  the configuration has problems";

/// The commands about servers.
#[derive(Debug, Subcommand)]
pub enum Servers {
    /// Enrol a server: look at its certificate, verify an API token (asked for, or a line of standard input), put it
    /// into the vault and the server into the directory.
    #[command(after_help = EXIT)]
    Add(Box<Add>),
    /// Enrol many servers out of a CSV file: `id,host,account,address,pin,token_file` with a header line.
    #[command(after_help = EXIT)]
    AddMany(AddMany),
    /// List the servers, with what was found when somebody last looked.
    #[command(after_help = EXIT_OF_LOOK)]
    List(List),
    /// Look at servers now: certificate, token, version, load, settings. The gateways show it within seconds.
    #[command(after_help = EXIT_OF_LOOK)]
    Look(LookAt),
    /// Accept a server as it is now: the key that it shows, after a question; settings that were switched off and
    /// privileges that its token lost.
    #[command(after_help = EXIT_OF_LOOK)]
    Accept(Accept),
}

/// Runs a command.
pub(super) fn run(command: &Servers, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Servers::Add(add) => add::run(add, streams),
        Servers::AddMany(many) => many::run(many, streams),
        Servers::List(list) => list::run(list, streams),
        Servers::Look(look) => look::run(look, streams),
        Servers::Accept(accept) => accept::run(accept, streams),
    }
}
