//! Places for requests at a server: for each panel session, each person and each server a number of its own.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use crate::model::ServerId;
use crate::session::SessionId;

/// How many requests may be under way.
#[derive(Clone, Copy, Debug)]
pub struct PlaceLimits {
    /// Of one person's session, those that wait included.
    pub person: usize,
    /// Of one panel session, at its server.
    pub panel: usize,
    /// Of everybody, at one server. cpsrvd has 200 handlers (cPanel docs: `maxcpsrvdconnections`), and
    /// Panelgate is not alone there.
    pub server: usize,
    /// How long a request may wait for its place.
    pub wait: Duration,
}

/// What is bounded, for all panel sessions.
#[derive(Clone, Copy, Debug)]
pub struct PanelLimits {
    /// Panel sessions at once.
    pub sessions: usize,
    /// Bytes read of an API answer.
    pub answer: usize,
    /// Time for opening one.
    pub open: Duration,
    /// Requests under way.
    pub places: PlaceLimits,
}

/// The places of all persons and servers.
#[derive(Debug)]
pub(super) struct AllPlaces {
    limits: PlaceLimits,
    people: DashMap<SessionId, Arc<Semaphore>>,
    servers: DashMap<ServerId, Arc<Semaphore>>,
}

/// The places of one panel session.
#[derive(Clone, Debug)]
pub struct Places {
    limits: PlaceLimits,
    person: Arc<Semaphore>,
    panel: Arc<Semaphore>,
    server: Arc<Semaphore>,
    running: Weak<Running>,
}

/// Something that counts, by its references, what runs under a person's place, whichever panel session it was
/// begun under.
#[derive(Debug, Default)]
pub(super) struct Running;

/// A request's place. Held until its answer has been passed on.
#[derive(Debug)]
pub struct Placed {
    _permits: [OwnedSemaphorePermit; 3],
    _running: Option<Arc<Running>>,
}

/// There is no place for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The person has too many requests under way.
    #[error("{0} requests of the session are under way, as many as may be")]
    TooMany(usize),
    /// It waited for too long.
    #[error("no place at the server within {} s", .0.as_secs())]
    Waited(Duration),
}

impl AllPlaces {
    pub(super) fn new(limits: PlaceLimits) -> Self {
        Self { limits, people: DashMap::new(), servers: DashMap::new() }
    }

    /// The places of a new panel session. `running` counts what has one of them.
    pub(super) fn for_panel(&self, person: SessionId, server: &ServerId, running: Weak<Running>) -> Places {
        let limits = self.limits;
        let person = self.people.entry(person).or_insert_with(|| Arc::new(Semaphore::new(limits.person)));
        let server = self.servers.entry(server.clone()).or_insert_with(|| Arc::new(Semaphore::new(limits.server)));
        Places {
            limits,
            person: Arc::clone(&person),
            panel: Arc::new(Semaphore::new(limits.panel)),
            server: Arc::clone(&server),
            running,
        }
    }

    /// Forgets the people who have nothing under way any more.
    pub(super) fn sweep(&self, live: impl Fn(SessionId) -> bool) {
        self.people.retain(|person, _| live(*person));
    }
}

impl Places {
    /// Takes a place, or waits for one.
    ///
    /// # Errors
    /// [`NoPlace`] at once for who has too many under way, and after the limit for who waits.
    pub async fn take(&self) -> Result<Placed, NoPlace> {
        let Self { limits, person, panel, server, .. } = self;
        let running = self.running.upgrade();
        let too_many = NoPlace::TooMany(limits.person);
        let counted = Arc::clone(person).try_acquire_owned().map_err(|_| too_many)?;
        let own = Arc::clone(panel).try_acquire_owned();
        if let (Ok(own), Ok(there)) = (own, Arc::clone(server).try_acquire_owned()) {
            return Ok(Placed { _permits: [counted, own, there], _running: running });
        }
        let places = async {
            // The panel's own first: what waits for the server is then bounded for each panel session.
            let own = Arc::clone(panel).acquire_owned().await;
            (own, Arc::clone(server).acquire_owned().await)
        };
        match tokio::time::timeout(limits.wait, places).await {
            Ok((Ok(own), Ok(there))) => Ok(Placed { _permits: [counted, own, there], _running: running }),
            Ok(_) => Err(too_many),
            Err(_) => Err(NoPlace::Waited(limits.wait)),
        }
    }

    /// The panel session's requests at the server right now.
    pub(super) fn taken(&self) -> usize {
        self.limits.panel.saturating_sub(self.panel.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(number: u8) -> SessionId {
        serde_json::from_value(serde_json::json!(vec![number; 32])).unwrap()
    }

    fn panel(all: &AllPlaces, number: u8, server: &ServerId) -> Places {
        all.for_panel(person(number), server, Weak::new())
    }

    async fn take(places: Places) -> Result<Placed, NoPlace> {
        places.take().await
    }

    #[tokio::test(start_paused = true)]
    async fn one_persons_flood_and_one_server_that_hangs_leave_room_for_others() {
        let limits = PlaceLimits { person: 5, panel: 3, server: 4, wait: Duration::from_secs(30) };
        let all = AllPlaces::new(limits);
        let (web1, web2): (ServerId, ServerId) = ("web1".parse().unwrap(), "web2".parse().unwrap());
        let (flooder, other) = (panel(&all, 1, &web1), panel(&all, 2, &web1));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(flooder.take().await.unwrap());
        }
        assert_eq!(flooder.taken(), 3);
        // Two more wait; a third is refused at once.
        let waiting = || tokio::spawn(take(flooder.clone()));
        let (one, two) = (waiting(), waiting());
        tokio::task::yield_now().await;
        assert_eq!(flooder.take().await.unwrap_err(), NoPlace::TooMany(5));
        // Another person still gets a place at this server, and at another one.
        held.push(other.take().await.unwrap());
        held.push(panel(&all, 2, &web2).take().await.unwrap());
        // The server's are all taken now.
        assert_eq!(other.take().await.unwrap_err(), NoPlace::Waited(limits.wait));
        for waited in [one, two] {
            assert_eq!(waited.await.unwrap().unwrap_err(), NoPlace::Waited(limits.wait));
        }
        held.clear();
        assert!(flooder.take().await.is_ok());
        all.sweep(|_| false);
        assert!(all.people.is_empty());
    }
}
