//! The events that wait for their writer. Acts wake it; what nobody waits for is written with the next act, or
//! with its like after a moment: one trip to the disk, and one waking, for many.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::audit::log::AuditError;
use crate::audit::log::Job;

/// How long an event that nobody waits for may wait for others.
const COMPANY: Duration = Duration::from_millis(100);

/// A bounded queue. The end that writes ends when the last [`Sender`] is gone, and the other way round.
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    places: Semaphore,
    most: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Somebody waits for one of them.
    is_urgent: bool,
    /// No more will come.
    is_over: bool,
}

/// The end that gives events.
pub(super) struct Sender(Arc<Queue>);

/// The end that writes them.
pub(super) struct Receiver(Arc<Queue>);

/// A queue of so many places.
pub(super) fn bounded(most: usize) -> (Sender, Receiver) {
    let (waiting, changed, places) = (Mutex::default(), Condvar::new(), Semaphore::new(most));
    let queue = Arc::new(Queue { waiting, changed, places, most });
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

impl Sender {
    /// Puts an event in, that is written at once; waits for a place.
    pub(super) async fn send(&self, job: Job) -> Result<(), AuditError> {
        self.0.places.acquire().await.map_err(|_| AuditError::Gone)?.forget();
        self.0.put(job, true);
        Ok(())
    }

    /// Puts an event in, that is written at once, if there is a place.
    pub(super) fn try_send(&self, job: Job) -> Result<(), AuditError> {
        self.0.places.try_acquire().map_err(|_| AuditError::Gone)?.forget();
        self.0.put(job, true);
        Ok(())
    }

    /// Puts an event in, that can wait, if more than half of the places are free. Says whether it did.
    pub(super) fn try_send_later(&self, job: Job) -> bool {
        let has_room = self.0.places.available_permits() > self.0.most / 2;
        let Some(place) = has_room.then(|| self.0.places.try_acquire().ok()).flatten() else { return false };
        place.forget();
        self.0.put(job, false);
        true
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_one();
    }
}

impl Receiver {
    /// Waits for events and takes at most so many, in the order in which they came. `false` when none will come.
    pub(super) fn receive(&self, batch: &mut Vec<Job>, most: usize) -> bool {
        let mut waiting = self.0.lock();
        loop {
            let waited = waiting.since.map_or(Duration::ZERO, |since| since.elapsed());
            if waiting.is_urgent || waiting.is_over || waiting.jobs.len() >= most || waited >= COMPANY {
                break;
            }
            let changed = &self.0.changed;
            waiting = if waiting.jobs.is_empty() {
                changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
            } else {
                let woken = changed.wait_timeout(waiting, COMPANY.saturating_sub(waited));
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        let taken = most.min(waiting.jobs.len());
        batch.extend(waiting.jobs.drain(..taken));
        if waiting.jobs.is_empty() {
            (waiting.since, waiting.is_urgent) = (None, false);
        }
        self.0.places.add_permits(taken);
        taken > 0
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.places.close();
        // Whoever waits for one of them hears that it will not be written.
        self.0.lock().jobs.clear();
    }
}

impl Queue {
    fn put(&self, job: Job, is_urgent: bool) {
        let mut waiting = self.lock();
        // The writer sleeps deeply only while there is nothing.
        let wakes = waiting.jobs.is_empty() || (is_urgent && !waiting.is_urgent);
        waiting.since.get_or_insert_with(Instant::now);
        waiting.is_urgent |= is_urgent;
        waiting.jobs.push(job);
        drop(waiting);
        if wakes {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::Kind;
    use crate::model::Timestamp;

    fn job(number: u8) -> Job {
        Job { time: Timestamp(0), kind: Kind::PanelRequest, json: vec![number], done: None }
    }

    fn numbers(batch: &[Job]) -> Vec<u8> {
        batch.iter().flat_map(|job| job.json.clone()).collect()
    }

    #[tokio::test]
    async fn an_act_takes_along_what_was_waiting() {
        let (sender, receiver) = bounded(8);
        let mut batch = Vec::new();
        assert!(sender.try_send_later(job(1)));
        assert!(sender.try_send_later(job(2)));
        sender.send(job(3)).await.unwrap();
        assert!(receiver.receive(&mut batch, 8));
        assert_eq!(numbers(&batch), [1, 2, 3]);
        // Alone it is written too, after a moment.
        assert!(sender.try_send_later(job(4)));
        batch.clear();
        assert!(receiver.receive(&mut batch, 8));
        assert_eq!(numbers(&batch), [4]);
    }

    #[tokio::test]
    async fn half_of_the_places_are_for_acts_and_no_more_than_all_are_taken() {
        let (sender, receiver) = bounded(4);
        assert!(sender.try_send_later(job(1)));
        assert!(sender.try_send_later(job(2)));
        assert!(!sender.try_send_later(job(3)));
        assert!(sender.try_send(job(4)).is_ok());
        sender.send(job(5)).await.unwrap();
        assert!(sender.try_send(job(6)).is_err());
        let mut batch = Vec::new();
        assert!(receiver.receive(&mut batch, 3));
        assert_eq!(numbers(&batch), [1, 2, 4]);
        assert!(receiver.receive(&mut batch, 3));
        assert_eq!(numbers(&batch), [1, 2, 4, 5]);
        drop(sender);
        assert!(!receiver.receive(&mut batch, 3));
    }

    #[tokio::test]
    async fn without_a_writer_nothing_is_taken() {
        let (sender, receiver) = bounded(1);
        sender.send(job(1)).await.unwrap();
        drop(receiver);
        assert!(sender.send(job(2)).await.is_err());
        assert!(!sender.try_send_later(job(3)));
    }
}
