//! `panelgate audit`: questions to the records. They read files alone, while a gateway runs or without one.

mod arguments;
mod report;
mod verify;

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::Streams;
use crate::cli::audit::arguments::Place;
use crate::cli::exit::Exit;
use crate::cli::heard;
use crate::compose;
use crate::config::Config;

pub use arguments::Audit;
pub use arguments::Report;
pub use arguments::ReportFormat;
pub use arguments::Verify;

pub(super) use arguments::When;

/// Does what `panelgate audit` is asked for.
pub(super) fn audit(command: &Audit, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match command {
        Audit::Verify(arguments) => verify::verify(arguments, streams),
        Audit::Report(arguments) => report::report(arguments, streams),
    }
}

/// The files that are asked about, and the file that says which record was the last.
struct Found {
    file: PathBuf,
    head: Option<PathBuf>,
}

/// The current file of the records that a configuration names. Its problems become messages.
pub(super) fn file(config: &Path, streams: &mut Streams<'_>) -> io::Result<Option<PathBuf>> {
    Ok(configured(config, streams)?.map(|found| found.file))
}

/// Where the records are: as the arguments say, or else the configuration. Its problems become messages.
fn find(place: &Place, streams: &mut Streams<'_>) -> io::Result<Option<Found>> {
    if let Some(file) = &place.file {
        return Ok(Some(Found { file: file.clone(), head: None }));
    }
    configured(&place.config.config, streams)
}

fn configured(config: &Path, streams: &mut Streams<'_>) -> io::Result<Option<Found>> {
    match Config::audit_only(config) {
        Ok((audit, state)) => Ok(Some(Found { file: audit.file, head: Some(compose::audit_head(&state)) })),
        Err(problems) => {
            heard(streams.err.write_all(problems.render(streams.look).as_bytes()))?;
            Ok(None)
        }
    }
}
