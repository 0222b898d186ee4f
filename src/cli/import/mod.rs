//! `panelgate import`: a directory out of what another product knows.

mod report;
mod whmcs;

use std::io;

use clap::Subcommand;

use crate::cli::Exit;
use crate::cli::Streams;

pub use whmcs::Whmcs;

const EXIT: &str = "Exit codes:\n  0  everything was carried\n  1  something stayed behind: the report says what\n  \
    64  the arguments are wrong\n  70  it could not be done\n\nThe query, to be put to WHMCS's database:\n  \
    panelgate import whmcs --print-query > whmcs.sql\n  mariadb --batch --raw --skip-column-names \
    --default-character-set=utf8mb4 whmcs < whmcs.sql > whmcs.jsonl\n  panelgate import whmcs --database whmcs.jsonl \
    --role 'Full Administrator=whm-admins' --out fleet";

/// The products.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// WHMCS: its servers, roles and per-server access, as a directory and a report of what could not be carried.
    #[command(after_help = EXIT)]
    Whmcs(Box<Whmcs>),
}

/// Runs a command.
pub(super) fn run(command: &Import, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Import::Whmcs(arguments) => whmcs::run(arguments, streams),
    }
}
