//! The events that wait for their writer. Acts wake it; what nobody waits for is written with the next act, or
//! with its like after a moment: one trip to the disk, and one waking, for many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::sync::SemaphorePermit;

use crate::audit::batch::Batch;
use crate::audit::batch::Done;
use crate::audit::event::Kind;
use crate::audit::log::AuditError;
use crate::model::Timestamp;

/// How long an event that nobody waits for may wait for others.
const COMPANY: Duration = Duration::from_millis(100);

/// A bounded queue. The end that writes ends when the last [`Sender`] is gone, and the other way round.
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    places: Semaphore,
    most: usize,
    together: usize,
}

#[derive(Default)]
struct Waiting {
    /// In the order in which they came. All but the last are full.
    batches: VecDeque<Batch>,
    /// The room of events that are written.
    spare: Option<Batch>,
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

/// Room for one event.
#[must_use = "a place is there to be taken"]
pub(super) struct Place<'q> {
    queue: &'q Queue,
    permit: SemaphorePermit<'q>,
    is_urgent: bool,
}

/// A queue of so many places, of which at most `together` events are taken out at once.
pub(super) fn bounded(most: usize, together: usize) -> (Sender, Receiver) {
    let (waiting, changed, places) = (Mutex::default(), Condvar::new(), Semaphore::new(most));
    let queue = Arc::new(Queue { waiting, changed, places, most, together });
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

impl Sender {
    /// A place for an event that is written at once; waits for one.
    pub(super) async fn place(&self) -> Result<Place<'_>, AuditError> {
        let permit = self.0.places.acquire().await.map_err(|_| AuditError::Gone)?;
        Ok(Place { queue: &self.0, permit, is_urgent: true })
    }

    /// A place for an event that is written at once, if there is one.
    pub(super) fn try_place(&self) -> Result<Place<'_>, AuditError> {
        let permit = self.0.places.try_acquire().map_err(|_| AuditError::Gone)?;
        Ok(Place { queue: &self.0, permit, is_urgent: true })
    }

    /// A place for an event that can wait, if more than half of the places are free.
    pub(super) fn try_place_for_later(&self) -> Option<Place<'_>> {
        let has_room = self.0.places.available_permits() > self.0.most / 2;
        let permit = has_room.then(|| self.0.places.try_acquire().ok()).flatten()?;
        Some(Place { queue: &self.0, permit, is_urgent: false })
    }
}

impl Place<'_> {
    /// Puts an event in.
    pub(super) fn put(self, what: (Timestamp, Kind), json: &[u8], done: Option<Done>) {
        let Self { queue, permit, is_urgent } = self;
        permit.forget();
        let mut waiting = queue.lock();
        // The writer sleeps deeply only while there is nothing.
        let wakes = waiting.batches.is_empty() || (is_urgent && !waiting.is_urgent);
        waiting.since.get_or_insert_with(Instant::now);
        waiting.is_urgent |= is_urgent;
        waiting.push(what, json, done, queue.together);
        drop(waiting);
        if wakes {
            queue.changed.notify_one();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_one();
    }
}

impl Receiver {
    /// Waits for events and takes the first of them; those that were taken before are written, and their room is
    /// used again. Nothing when none will come.
    pub(super) fn receive(&self, written: Option<Batch>) -> Option<Batch> {
        let written = written.map(Batch::emptied);
        let mut waiting = self.0.lock();
        waiting.spare = written;
        loop {
            let waited = waiting.since.map_or(Duration::ZERO, |since| since.elapsed());
            let is_full = waiting.batches.front().is_some_and(|first| first.len() >= self.0.together);
            if waiting.is_urgent || waiting.is_over || is_full || waited >= COMPANY {
                break;
            }
            let changed = &self.0.changed;
            waiting = if waiting.batches.is_empty() {
                changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
            } else {
                let woken = changed.wait_timeout(waiting, COMPANY.saturating_sub(waited));
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        let taken = waiting.batches.pop_front();
        if waiting.batches.is_empty() {
            (waiting.since, waiting.is_urgent) = (None, false);
        }
        drop(waiting);
        self.0.places.add_permits(taken.as_ref().map_or(0, Batch::len));
        taken
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.places.close();
        // Whoever waits for one of them hears that it will not be written.
        self.0.lock().batches.clear();
    }
}

impl Waiting {
    /// Puts an event behind the others: into a new batch if the last one has this many.
    fn push(&mut self, what: (Timestamp, Kind), json: &[u8], done: Option<Done>, together: usize) {
        if let Some(last) = self.batches.back_mut().filter(|last| last.len() < together) {
            return last.push(what, json, done);
        }
        let mut batch = self.spare.take().unwrap_or_default();
        batch.push(what, json, done);
        self.batches.push_back(batch);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHAT: (Timestamp, Kind) = (Timestamp(0), Kind::PanelRequest);

    fn put_later(sender: &Sender, number: u8) -> bool {
        sender.try_place_for_later().map(|place| place.put(WHAT, &[number], None)).is_some()
    }

    fn put_now(sender: &Sender, number: u8) -> bool {
        sender.try_place().map(|place| place.put(WHAT, &[number], None)).is_ok()
    }

    fn numbers(batch: Option<&Batch>) -> Vec<u8> {
        batch.unwrap().events().flat_map(|(_, text)| text.to_vec()).collect()
    }

    #[tokio::test]
    async fn an_act_takes_along_what_was_waiting() {
        let (sender, receiver) = bounded(8, 8);
        assert!(put_later(&sender, 1));
        assert!(put_later(&sender, 2));
        sender.place().await.unwrap().put(WHAT, &[3], None);
        let batch = receiver.receive(None);
        assert_eq!(numbers(batch.as_ref()), [1, 2, 3]);
        // Alone it is written too, after a moment.
        assert!(put_later(&sender, 4));
        assert_eq!(numbers(receiver.receive(batch).as_ref()), [4]);
    }

    #[tokio::test]
    async fn half_of_the_places_are_for_acts_and_no_more_than_all_are_taken() {
        let (sender, receiver) = bounded(4, 3);
        assert!(put_later(&sender, 1));
        assert!(put_later(&sender, 2));
        assert!(!put_later(&sender, 3));
        assert!(put_now(&sender, 4));
        sender.place().await.unwrap().put(WHAT, &[5], None);
        assert!(!put_now(&sender, 6));
        let batch = receiver.receive(None);
        assert_eq!(numbers(batch.as_ref()), [1, 2, 4]);
        // What came after it did not wait for company, and has the room of those that are written.
        assert!(put_now(&sender, 7));
        let batch = receiver.receive(batch);
        assert_eq!(numbers(batch.as_ref()), [5, 7]);
        drop(sender);
        assert!(receiver.receive(batch).is_none());
    }

    #[tokio::test]
    async fn a_place_that_was_not_used_is_free_again() {
        let (sender, _receiver) = bounded(2, 2);
        for number in 0..4 {
            drop(sender.try_place().unwrap());
            assert_eq!(put_later(&sender, number), number == 0, "half of the places");
        }
    }

    #[tokio::test]
    async fn without_a_writer_nothing_is_taken() {
        let (sender, receiver) = bounded(1, 1);
        sender.place().await.unwrap().put(WHAT, &[1], None);
        drop(receiver);
        assert!(sender.place().await.is_err());
        assert!(!put_later(&sender, 3));
    }
}
