//! The program: hands the command line to [`panelgate::cli`], serves if that is asked, and ends as it says.

use std::env;
use std::io;
use std::io::IsTerminal;
use std::process::ExitCode;

use panelgate::cli;
use panelgate::cli::Next;
use panelgate::cli::Streams;
use panelgate::config::Look;
use tikv_jemallocator::Jemalloc;

/// Over HTTP/2 a small request costs a fifth less than with the C library's allocator, a new connection a twentieth
/// (docs/performance.md).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    // https://no-color.org: set to anything but nothing, it means no.
    let plain = !err.is_terminal() || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = if plain { Look::Plain } else { Look::Coloured };
    let mut streams = Streams { out: &mut out, err: &mut err, look };
    let exit = match cli::run(env::args_os(), &mut streams) {
        Next::Exit(exit) => exit,
        Next::Serve(config, path) => cli::serve(&config, &path, &mut streams),
    };
    exit.into()
}
