//! The program: hands the command line to [`panelgate::cli`] and ends as it says.

use std::env;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;

use panelgate::cli;
use panelgate::cli::Exit;
use panelgate::cli::Next;
use panelgate::cli::Streams;
use panelgate::config::Look;

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    // https://no-color.org: set to anything but nothing, it means no.
    let plain = !err.is_terminal() || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = if plain { Look::Plain } else { Look::Coloured };
    let mut streams = Streams { out: &mut out, err: &mut err, look };
    match cli::run(env::args_os(), &mut streams) {
        Next::Exit(exit) => exit.into(),
        Next::Serve(_) => match writeln!(io::stderr(), "error: this build does not contain the gateway") {
            // Nothing is left to do about a message that cannot be written: the exit code says it too.
            Ok(()) | Err(_) => Exit::Software.into(),
        },
    }
}
