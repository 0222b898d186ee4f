//! The log: one line per event on standard error, as text or JSON.

use std::io;
use std::io::IsTerminal as _;

use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::util::TryInitError;

use crate::telemetry::format::Format;
use crate::telemetry::lines::Lines;
use crate::telemetry::lines::Log;
use crate::telemetry::request_line;

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
    /// The operating system refuses the thread that writes it.
    #[error("the log has no thread to write it")]
    Thread(#[source] io::Error),
}

/// Starts the log with a filter of `tracing_subscriber::filter::Targets`. It lasts as long as what is given back.
pub fn start(filter: &str, json: bool) -> Result<Log, LogError> {
    let filter: Targets = format!("{filter},{QUIET}").parse().map_err(LogError::Filter)?;
    let (lines, log) = Lines::start(io::stderr()).map_err(LogError::Thread)?;
    // Libraries that write with `log` then look at one number for what no target may say.
    let most = Layer::<Registry>::max_level_hint(&filter).unwrap_or(LevelFilter::TRACE);
    let builder = tracing_subscriber::fmt().with_writer(lines.clone()).with_max_level(most);
    // A file or a collector wants no colours; on a terminal `NO_COLOR` still counts.
    let format = if json { Format::Json } else { Format::Text };
    let started = if !json && io::stderr().is_terminal() {
        builder.finish().with(filter).try_init()
    } else {
        let says_requests = request_line::passes(&filter);
        let started = builder.event_format(format).finish().with(filter).try_init();
        if started.is_ok() {
            request_line::go_to(says_requests.then_some((lines, format)));
        }
        started
    };
    started.map(|()| log).map_err(LogError::Started)
}
