//! `panelgate servers add-many`: out of a list, without questions.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::cli::ConfigFile;
use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::configured::Failed;
use crate::cli::servers::candidate;
use crate::cli::servers::candidate::Candidate;
use crate::cli::servers::candidate::Wish;
use crate::cli::vault::at_the_desk;
use crate::cli::vault::of_token;
use crate::compose::Desk;
use crate::config::Config;
use crate::model::SecretRef;
use crate::model::Trust;
use crate::telemetry::Chain;
use crate::vault;

/// The columns, in this order.
const COLUMNS: [&str; 6] = ["id", "host", "account", "address", "pin", "token_file"];

/// More lines than a directory has servers.
const LINES: usize = 100_000;

/// `panelgate servers add-many`.
#[derive(Debug, Args)]
pub struct AddMany {
    /// The list. An empty pin means that the system's authorities have to vouch for the certificate; `token_file`
    /// is relative to the list, and its first line is the token.
    list: PathBuf,
    /// Create a proper token for each, as `servers add --mint` does.
    #[arg(long)]
    mint: bool,
    /// Look at everything and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// A line of the list.
#[derive(Debug)]
struct Row {
    number: usize,
    candidate: Candidate,
    pin: Option<crate::model::SpkiPin>,
    token: SecretRef,
}

pub(super) fn run(many: &AddMany, streams: &mut Streams<'_>) -> io::Result<Exit> {
    at_the_desk(&many.file.config, streams, async |config, desk, streams| add(many, config, desk, streams).await)
}

async fn add(many: &AddMany, config: &Config, desk: &Desk, streams: &mut Streams<'_>) -> Result<Exit, Failed> {
    let text = fs::read_to_string(&many.list).map_err(|error| format!("{}: {error}", many.list.display()))?;
    // All lines are read before anything is done, so that a slip in the last one changes nothing.
    let (rows, wrong) = read(&text, many.list.parent().unwrap_or(Path::new("")));
    for error in &wrong {
        writeln!(streams.err, "{}: {error}", many.list.display())?;
    }
    if !wrong.is_empty() {
        return Err("the list has mistakes: nothing was changed".into());
    }
    let mut failed = 0;
    for row in &rows {
        writeln!(streams.err, "{}", row.candidate.id)?;
        if let Err(error) = one(row, many, config, desk, streams).await {
            failed += 1;
            writeln!(streams.err, "  FAILED (line {}): {}", row.number, Chain(&*error))?;
        }
    }
    let done = if many.dry_run { "could be enrolled" } else { "enrolled" };
    writeln!(streams.out, "{} {done}, {failed} failed", rows.len() - failed)?;
    Ok(if failed == 0 { Exit::Done } else { Exit::No })
}

async fn one(row: &Row, many: &AddMany, config: &Config, desk: &Desk, streams: &mut Streams<'_>) -> Result<(), Failed> {
    row.candidate.is_new(config)?;
    let seen = row.candidate.certificate(desk).await?;
    let trust = match row.pin {
        Some(pin) if pin == seen.pin => Trust::Pins(vec![pin]),
        Some(pin) => return Err(format!("its key has the pin sha256/{}, not sha256/{pin}", seen.pin).into()),
        None if seen.is_public => Trust::PublicRoots,
        None => return Err(format!("no authority vouches for its certificate (pin sha256/{})", seen.pin).into()),
    };
    let server = row.candidate.server(trust);
    let verified = candidate::verify(&server, of_token(vault::read(&row.token)?)?, desk, streams).await?;
    if many.dry_run {
        return Ok(());
    }
    let wish = Wish { mint: many.mint, rotated: true, token_name: None };
    candidate::enrol(&server, verified, wish, config, desk, streams).await
}

/// The lines, and what is wrong with them.
fn read(text: &str, folder: &Path) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    match lines.next() {
        Some((_, header)) if header.split(',').map(str::trim).eq(COLUMNS) => {}
        Some(_) | None => wrong.push(format!("the first line has to be {}", COLUMNS.join(","))),
    }
    for (number, line) in lines.take(LINES) {
        match row(number, line, folder) {
            Ok(row) => rows.push(row),
            Err(error) => wrong.push(format!("line {number}: {error}")),
        }
    }
    for (at, row) in rows.iter().enumerate() {
        if rows.iter().take(at).any(|other| other.candidate.id == row.candidate.id) {
            wrong.push(format!("line {}: {} stands in the list twice", row.number, row.candidate.id));
        }
    }
    (rows, wrong)
}

fn row(number: usize, line: &str, folder: &Path) -> Result<Row, Failed> {
    let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
    let [id, host, account, address, pin, token_file] = cells.as_slice() else {
        return Err(format!("{} cells instead of {}", cells.len(), COLUMNS.len()).into());
    };
    let address = if address.is_empty() { None } else { Some(address.parse()?) };
    let pin = if pin.is_empty() { None } else { Some(candidate::pin(pin)?) };
    if token_file.is_empty() {
        return Err("token_file is empty: tokens stand in files, and not in the list".into());
    }
    let candidate = Candidate { id: id.parse()?, name: None, host: host.parse()?, address, account: account.parse()? };
    Ok(Row { number, candidate, pin, token: SecretRef::File(folder.join(token_file)) })
}
