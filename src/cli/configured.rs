//! What commands have in common that act on the configuration: it is read, and what fails is told.

use std::io;
use std::path::Path;

use tokio::runtime::Builder;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::load;
use crate::config::Config;
use crate::telemetry::Chain;

/// Why a command failed, for the operator.
pub(super) type Failed = Box<dyn std::error::Error>;

/// Reads the configuration and does something with it; what fails is told.
pub(super) fn with_config(
    path: &Path,
    streams: &mut Streams<'_>,
    act: impl AsyncFnOnce(&Config, &mut Streams<'_>) -> Result<Exit, Failed>,
) -> io::Result<Exit> {
    let config = match load(path) {
        Ok(config) => config,
        Err(problems) => {
            streams.err.write_all(problems.render(streams.look).as_bytes())?;
            return Ok(Exit::Config);
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = act(&config, streams).await;
        done.or_else(|error| {
            writeln!(streams.err, "error: {}", Chain(&*error))?;
            Ok(Exit::Software)
        })
    })
}
