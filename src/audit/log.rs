//! The audit log as the gateway knows it: acts wait until they are recorded, requests never do.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::audit::answered::Answered;
use crate::audit::batch::Done;
use crate::audit::event::Event;
use crate::audit::file::FileSettings;
use crate::audit::queue;
use crate::audit::queue::Place;
use crate::audit::queue::Sender;
use crate::audit::writer;
use crate::model::Clock;
use crate::model::SyslogTarget;

/// Why an event could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened.
    #[error("cannot open the audit file")]
    Open(#[source] io::Error),
    /// The line could not be written or brought to disk.
    #[error("cannot write the audit file")]
    Write(#[source] io::Error),
    /// A record is in the file and did not reach another place that is required.
    #[error("cannot send audit events to {0}")]
    Send(&'static str, #[source] io::Error),
    /// The event could not be written as JSON.
    #[error("cannot write the audit event")]
    Encode(#[source] serde_json::Error),
    /// It took too long.
    #[error("the audit log did not take the event within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The writer has ended.
    #[error("the audit writer has ended")]
    Gone,
}

/// Whether acts depend on a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// What cannot be sent there is not done.
    Required,
    /// What cannot be sent there is lost there.
    BestEffort,
}

/// Where the records go.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// The files. They are always required.
    pub file: FileSettings,
    /// Standard output.
    pub stdout: Option<Need>,
    /// Syslog.
    pub syslog: Option<(SyslogTarget, Need)>,
    /// Our name towards syslog.
    pub host: String,
    /// Events that may wait to be written. Those of requests may take half of the places.
    pub queue: usize,
    /// How long an act waits for its record.
    pub patience: Duration,
}

/// Room that a thread keeps for an event, in bytes.
const ROOM: usize = 64 * 1024;

thread_local! {
    /// Where each thread writes events, before they join the others.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The audit log. Clones write to the same file, in the order in which they record.
#[derive(Clone)]
pub struct AuditLog {
    queue: Arc<Sender>,
    shed: Arc<AtomicU64>,
    shed_total: Arc<AtomicU64>,
    patience: Duration,
}

impl AuditLog {
    /// Opens the files and starts their writer.
    pub fn open(settings: AuditSettings, clock: &Arc<dyn Clock>) -> Result<Self, AuditError> {
        let patience = settings.patience;
        let (queue, jobs) = queue::bounded(settings.queue.max(2), writer::BATCH);
        let shed = Arc::default();
        writer::start(settings, jobs, Arc::clone(&shed), Arc::clone(clock)).map_err(AuditError::Open)?;
        Ok(Self { queue: Arc::new(queue), shed, shed_total: Arc::default(), patience })
    }

    /// Writes an event and waits until it is on disk, and wherever else it is required.
    pub async fn record(&self, event: &Event) -> Result<(), AuditError> {
        let (done, written) = oneshot::channel();
        let recorded = async {
            put(self.queue.place().await?, event, Some(done)).map_err(AuditError::Encode)?;
            written.await.map_err(|_| AuditError::Gone)?
        };
        tokio::time::timeout(self.patience, recorded).await.unwrap_or(Err(AuditError::TimedOut(self.patience)))
    }

    /// Writes the record of a request soon, without waiting. While half of the places are taken it is left out and
    /// counted, so that acts find room.
    pub fn note(&self, answered: &Answered<'_>) {
        let what = (answered.time, Answered::KIND);
        let put = |place: Place<'_>| with(|json| answered.write(json), |json| place.put(what, json, None)).is_ok();
        if !self.queue.try_place_for_later().is_some_and(put) {
            self.shed.fetch_add(1, Ordering::Relaxed);
            self.shed_total.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many records of requests found no room since the start.
    pub fn shed(&self) -> u64 {
        self.shed_total.load(Ordering::Relaxed)
    }

    /// Writes the event of an act without waiting, where nobody can: a request that was dropped.
    pub(super) fn record_later(&self, event: &Event) {
        let sent = self.queue.try_place().and_then(|place| put(place, event, None).map_err(AuditError::Encode));
        if let Err(error) = sent {
            tracing::error!(%error, "an audit event was lost");
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("shed", &self.shed()).finish_non_exhaustive()
    }
}

fn put(place: Place<'_>, event: &Event, done: Option<Done>) -> Result<(), serde_json::Error> {
    with(|json| event.write(json), |json| place.put((event.time(), event.kind()), json, done))
}

/// Writes an event, and does something with its text.
fn with(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
    act: impl FnOnce(&[u8]),
) -> Result<(), serde_json::Error> {
    WRITTEN.with_borrow_mut(|json| {
        json.clear();
        write(json)?;
        act(json);
        if json.capacity() > ROOM {
            *json = Vec::new();
        }
        Ok(())
    })
}
