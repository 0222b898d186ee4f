//! The command line: what can be asked of the program, and how it answers.
//!
//! Answers go through writers that the caller gives, so that a closed pipe is no reason to panic.

mod arguments;
mod asked;
mod audit;
mod check;
mod check_login;
mod configured;
mod doctor;
mod exit;
mod import;
mod keys;
mod load;
mod probe;
mod prompt;
mod review;
mod serve;
mod servers;
mod sessions;
mod shield;
mod token;
mod vault;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

use crate::cli::arguments::Arguments;
use crate::config::Config;
use crate::config::Look;

pub use arguments::Check;
pub use arguments::Command;
pub use arguments::ConfigFile;
pub use audit::Audit;
pub use audit::Report;
pub use audit::ReportFormat;
pub use audit::Verify;
pub use doctor::Doctor;
pub use doctor::DoctorFormat;
pub use exit::Exit;
pub use import::Import;
pub use import::Whmcs;
pub use keys::Forget;
pub use keys::Keys;
pub use load::load;
pub use probe::Probe;
pub use review::Access;
pub use review::Diff;
pub use review::Explain;
pub use review::Format;
pub use review::Matrix;
pub use review::MatrixFormat;
pub use review::Test;
pub use serve::serve;
pub use servers::Accept;
pub use servers::Add;
pub use servers::AddMany;
pub use servers::List;
pub use servers::LookAt;
pub use servers::Servers;
pub use sessions::Sessions;
pub use shield::Shield;
pub use token::Token;
pub use vault::Vault;

/// Where answers go.
pub struct Streams<'s> {
    /// Results.
    pub out: &'s mut dyn Write,
    /// Messages.
    pub err: &'s mut dyn Write,
    /// How messages look.
    pub look: Look,
}

/// What is left to do after the command line has been read.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Nothing: end the program.
    Exit(Exit),
    /// Start the gateway with this configuration, whose warnings have been shown, and which came from here.
    Serve(Box<Config>, PathBuf),
}

/// Does what the arguments ask for, or says what is left to be done.
pub fn run(arguments: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> Next {
    let answered = answer(arguments, streams).and_then(|next| heard(streams.out.flush()).map(|()| next));
    answered.unwrap_or_else(|error| {
        let exit = if error.kind() == ErrorKind::BrokenPipe { Exit::Done } else { Exit::Software };
        Next::Exit(exit)
    })
}

/// Whoever asked may not listen any more, as in `panelgate check | head -1`; the exit code still answers.
fn heard(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn answer(arguments: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> io::Result<Next> {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        // Help and version are answers; everything else is a mistake in the arguments.
        Err(answer) if answer.use_stderr() => {
            write!(streams.err, "{}", answer.render())?;
            return Ok(Next::Exit(Exit::Usage));
        }
        Err(answer) => {
            write!(streams.out, "{}", answer.render())?;
            return Ok(Next::Exit(Exit::Done));
        }
    };
    match command {
        Command::Check(Check { config, login: true, provider, .. }) => {
            check_login::login(&config.config, provider.as_ref(), streams).map(Next::Exit)
        }
        Command::Check(arguments) => check::check(&arguments, streams).map(Next::Exit),
        Command::Doctor(asked) => doctor::run(&asked, streams).map(Next::Exit),
        Command::Explain(arguments) => review::explain(&arguments, streams).map(Next::Exit),
        Command::Access(command) => review::access(&command, streams).map(Next::Exit),
        Command::Audit(command) => audit::audit(&command, streams).map(Next::Exit),
        Command::Sessions(command) => sessions::run(&command, streams).map(Next::Exit),
        Command::Servers(command) => servers::run(&command, streams).map(Next::Exit),
        Command::Import(command) => import::run(&command, streams).map(Next::Exit),
        Command::Shield(command) => shield::run(&command, streams).map(Next::Exit),
        Command::Probe(arguments) => probe::run(&arguments, streams).map(Next::Exit),
        Command::Token(command) => token::run(&command, streams).map(Next::Exit),
        Command::Keys(command) => keys::run(&command, streams).map(Next::Exit),
        Command::Vault(command) => vault::run(&command, streams).map(Next::Exit),
        Command::Serve(file) => match load(&file.config) {
            Ok(config) => {
                streams.err.write_all(config.warnings.render(streams.look).as_bytes())?;
                Ok(Next::Serve(Box::new(config), file.config))
            }
            Err(problems) => {
                streams.err.write_all(problems.render(streams.look).as_bytes())?;
                Ok(Next::Exit(Exit::Config))
            }
        },
    }
}

impl fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("look", &self.look).finish_non_exhaustive()
    }
}
