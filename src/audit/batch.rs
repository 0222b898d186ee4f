//! Events that are written together: behind one another, in memory that the next ones use again. One piece of memory
//! for each would be asked for by one thread and given back by another, thousands at a time.

use tokio::sync::oneshot;

use crate::audit::event::Kind;
use crate::audit::log::AuditError;
use crate::model::Timestamp;

/// Room that is kept for the next events, in bytes.
const KEPT: usize = 1024 * 1024;

/// What is told when an event is written.
pub(super) type Done = oneshot::Sender<Result<(), AuditError>>;

/// An event without its text.
pub(super) struct Job {
    pub(super) time: Timestamp,
    pub(super) kind: Kind,
    pub(super) done: Option<Done>,
    /// Where its text ends. It begins where the one before ends.
    end: usize,
}

/// Events in the order in which they came.
#[derive(Default)]
pub(super) struct Batch {
    json: Vec<u8>,
    jobs: Vec<Job>,
}

impl Batch {
    pub(super) fn push(&mut self, (time, kind): (Timestamp, Kind), json: &[u8], done: Option<Done>) {
        self.json.extend_from_slice(json);
        self.jobs.push(Job { time, kind, done, end: self.json.len() });
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// The events with their texts.
    pub(super) fn events(&self) -> impl Iterator<Item = (&Job, &[u8])> {
        let mut begin = 0;
        self.jobs.iter().map(move |job| {
            let text = self.json.get(begin..job.end).unwrap_or_default();
            begin = job.end;
            (job, text)
        })
    }

    /// Takes out those who wait to be told.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = Done> {
        self.jobs.iter_mut().filter_map(|job| job.done.take())
    }

    /// The same room, empty.
    pub(super) fn emptied(mut self) -> Self {
        self.json.clear();
        self.json.shrink_to(KEPT);
        self.jobs.clear();
        self
    }
}
