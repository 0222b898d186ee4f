//! `panelgate servers`: bringing servers under Panelgate's keys.

mod add;
mod candidate;
mod document;
mod many;

use std::io;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::Streams;

pub use add::Add;
pub use many::AddMany;

pub(super) const EXIT: &str = "Exit codes:\n  0  done\n  1  not done: the operator said no, or some of many failed\n  \
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
}

/// Runs a command.
pub(super) fn run(command: &Servers, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Servers::Add(add) => add::run(add, streams),
        Servers::AddMany(many) => many::run(many, streams),
    }
}
