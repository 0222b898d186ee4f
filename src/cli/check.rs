//! `panelgate check`: every problem of a configuration, or its posture.

use std::io;
use std::path::Path;

use crate::cli::Streams;
use crate::cli::exit::Exit;
use crate::cli::load::load;
use crate::config::posture;

/// Checks the configuration at `path`. Problems and warnings are messages; the posture is the result.
pub(super) fn check(path: &Path, streams: &mut Streams<'_>) -> io::Result<Exit> {
    match load(path) {
        Ok(config) => {
            streams.err.write_all(config.warnings.render(streams.look).as_bytes())?;
            write!(streams.out, "{}", posture(&config))?;
            Ok(Exit::Done)
        }
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            Ok(Exit::Config)
        }
    }
}
