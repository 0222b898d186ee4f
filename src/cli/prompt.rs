//! Asking the operator: yes or no, and secrets, which are read from standard input and never echoed.

use std::io;
use std::io::BufRead as _;
use std::io::IsTerminal as _;
use std::io::Read as _;

use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::cli::Streams;

/// Longest line that is read.
const LONGEST: u64 = 64 * 1024;

/// A secret: on a terminal it is asked for and not shown, otherwise it is the next line of standard input.
pub(super) fn secret(question: &str, streams: &mut Streams<'_>) -> io::Result<SecretString> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line().map(|line| SecretString::from(line.as_str()));
    }
    write!(streams.err, "{question}: ")?;
    streams.err.flush()?;
    let before = termios::tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    termios::tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let read = line();
    termios::tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    writeln!(streams.err)?;
    read.map(|line| SecretString::from(line.as_str()))
}

/// Whether the operator says yes. Nothing else is a yes, and the end of the input is none.
pub(super) fn yes(question: &str, streams: &mut Streams<'_>) -> io::Result<bool> {
    write!(streams.err, "{question} [yes/no]: ")?;
    streams.err.flush()?;
    Ok(line()?.eq_ignore_ascii_case("yes"))
}

/// The next line of standard input, without blanks around it. Read byte by byte from the shared buffer, so that
/// what follows is left for the next question.
fn line() -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    io::stdin().lock().take(LONGEST).read_line(&mut text)?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}
