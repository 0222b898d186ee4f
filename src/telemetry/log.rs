//! The log: one line per event on standard error, as text or JSON.

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
    let builder = fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let started =
        if json { builder.json().flatten_event(true).finish().try_init() } else { builder.finish().try_init() };
    started.map_err(LogError::Started)
}
