//! `panelgate serve`: runs until it is told to stop.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::setrlimit;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::Exit;
use crate::cli::Streams;
use crate::cli::load::load_again;
use crate::compose::HandedOver;
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
    #[error("the operating system does not switch core dumps off")]
    Core(#[source] io::Error),
    #[error("the gateway does not start")]
    Start(#[source] StartError),
}

/// Serves with a checked configuration until SIGTERM or SIGINT. What it was read from is read again when it
/// changes and on SIGHUP. A second SIGTERM or SIGINT ends it at once.
pub fn serve(config: &Config, path: &Path, streams: &mut Streams<'_>) -> Exit {
    let error = match run(config, path) {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    if writeln!(streams.err, "error: {}", Chain(&error)).is_err() {
        // Nothing is left to do about a message that cannot be written: the exit code says it too.
        return Exit::Software;
    }
    match error {
        ServeError::Log(LogError::Filter(_)) => Exit::Config,
        ServeError::Log(LogError::Started(_) | LogError::Thread(_))
        | ServeError::Runtime(_)
        | ServeError::Core(_)
        | ServeError::Start(_) => Exit::Software,
    }
}

/// Memory holds tokens while they are sent, and must not be written to a disk when something crashes.
fn no_core_dumps() -> io::Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    Ok(setrlimit(Resource::Core, none)?)
}

fn run(config: &Config, path: &Path) -> Result<Exit, ServeError> {
    no_core_dumps().map_err(ServeError::Core)?;
    let handed = HandedOver::take();
    let _log = telemetry::start(&config.log.filter, config.log.format == LogFormat::Json).map_err(ServeError::Log)?;
    let runtime = runtime().map_err(ServeError::Runtime)?;
    let ended = runtime.block_on(until_told(config, path, handed));
    // What is still open after its time, or after a second signal, is not waited for.
    runtime.shutdown_background();
    ended
}

/// One core has one thread for everything but files: nothing is handed from one thread to another then, which costs
/// more than it is worth. (Measured: see docs/performance.md.) More cores share the work.
fn runtime() -> io::Result<Runtime> {
    let is_alone = thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut builder = if is_alone { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build()
}

async fn until_told(config: &Config, path: &Path, handed: HandedOver) -> Result<Exit, ServeError> {
    let (mut interrupt, mut terminate, mut hangup) = (
        signal(SignalKind::interrupt()).map_err(ServeError::Runtime)?,
        signal(SignalKind::terminate()).map_err(ServeError::Runtime)?,
        signal(SignalKind::hangup()).map_err(ServeError::Runtime)?,
    );
    let ready = Ready::build(config, handed).await.map_err(ServeError::Start)?;
    let stop = CancellationToken::new();
    let again = Arc::new(Notify::new());
    let path = path.to_owned();
    let load: Load = Arc::new(move || load_again(&path));
    let told_again = async {
        while hangup.recv().await.is_some() {
            again.notify_one();
        }
        std::future::pending::<()>().await;
    };
    let told_twice = async {
        let mut told = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        told().await;
        stop.cancel();
        // Draining takes its time, unless somebody has none.
        told().await;
    };
    tokio::select! {
        served = ready.serve(load, Arc::clone(&again), stop.clone()) => {
            served.map(|()| Exit::Done).map_err(ServeError::Start)
        }
        () = told_twice => {
            tracing::warn!("told to stop a second time: what is open is dropped");
            Ok(Exit::Dropped)
        }
        () = told_again => Ok(Exit::Done),
    }
}
