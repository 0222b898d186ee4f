//! The log: one line per event on standard error, as text or JSON.

use std::io;
use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::util::TryInitError;

/// Libraries whose debug lines show addresses and header lines, and so secrets. Never louder than this.
const QUIET: &str = "hyper=info,h2=info,rustls=info,reqwest=info,hyper_util=info,tower=info,sqlx=warn";

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("the log filter cannot be read")]
    Filter(#[source] ParseError),
    /// Somebody else has started one.
    #[error("the log is started already")]
    Started(#[source] TryInitError),
}

/// Starts the log with a filter of `tracing_subscriber::EnvFilter`.
pub fn start(filter: &str, json: bool) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(format!("{filter},{QUIET}")).map_err(LogError::Filter)?;
    let builder = fmt().with_writer(io::stderr).with_env_filter(filter);
    // A file or a collector wants no colours; on a terminal `NO_COLOR` still counts.
    let builder = if io::stderr().is_terminal() { builder } else { builder.with_ansi(false) };
    let started =
        if json { builder.json().flatten_event(true).finish().try_init() } else { builder.finish().try_init() };
    started.map_err(LogError::Started)
}
