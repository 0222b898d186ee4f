//! `panelgate serve`: runs until it is told to stop.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::load::load;
use crate::compose::Load;
use crate::compose::Ready;
use crate::compose::StartError;
use crate::config::Config;
use crate::config::LogFormat;
use crate::telemetry;
use crate::telemetry::Chain;
use crate::telemetry::LogError;

/// Why the gateway ended before it was told to.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("the log does not start")]
    Log(#[source] LogError),
    #[error("the operating system refuses threads or signals")]
    Runtime(#[source] io::Error),
    #[error("the gateway does not start")]
    Start(#[source] StartError),
}

/// Serves with a checked configuration until SIGTERM or SIGINT. What it was read from is read again when it
/// changes and on SIGHUP.
pub fn serve(config: &Config, path: &Path, streams: &mut Streams<'_>) -> Exit {
    let Err(error) = run(config, path) else { return Exit::Done };
    if writeln!(streams.err, "error: {}", Chain(&error)).is_err() {
        // Nothing is left to do about a message that cannot be written: the exit code says it too.
        return Exit::Software;
    }
    match error {
        ServeError::Log(LogError::Filter(_)) => Exit::Config,
        ServeError::Log(LogError::Started(_)) | ServeError::Runtime(_) | ServeError::Start(_) => Exit::Software,
    }
}

fn run(config: &Config, path: &Path) -> Result<(), ServeError> {
    telemetry::start(&config.log.filter, config.log.format == LogFormat::Json).map_err(ServeError::Log)?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(ServeError::Runtime)?;
    runtime.block_on(async {
        let ready = Ready::build(config).await.map_err(ServeError::Start)?;
        let stop = CancellationToken::new();
        let (mut interrupt, mut terminate, mut hangup) = (
            signal(SignalKind::interrupt()).map_err(ServeError::Runtime)?,
            signal(SignalKind::terminate()).map_err(ServeError::Runtime)?,
            signal(SignalKind::hangup()).map_err(ServeError::Runtime)?,
        );
        let again = Arc::new(Notify::new());
        let path = path.to_owned();
        let load: Load = Arc::new(move || load(&path));
        let told_again = async {
            while hangup.recv().await.is_some() {
                again.notify_one();
            }
            std::future::pending::<()>().await;
        };
        let told = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.cancel();
            // Goes on until serving has ended: draining takes its time.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            served = ready.serve(load, Arc::clone(&again), stop.clone()) => served.map_err(ServeError::Start),
            () = told => Ok(()),
            () = told_again => Ok(()),
        }
    })
}
