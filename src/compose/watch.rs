//! The watch over the fleet: each server again and again, gently, and by one gateway of all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::compose::reload::Current;
use crate::fleet::Condition;
use crate::fleet::Lookout;
use crate::fleet::LookoutError;
use crate::fleet::Trouble;
use crate::fleet::entry_mark;
use crate::model::Directory;
use crate::model::Server;
use crate::model::ServerId;
use crate::model::Timestamp;
use crate::telemetry::Chain;
use crate::telemetry::ServerState;

/// Servers that are looked at at once.
const AT_ONCE: usize = 16;

/// Between two readings of what other gateways found.
const SHARE: Duration = Duration::from_secs(5);

/// The least time between the beginnings of two looks, so that not even a start after a long rest asks all servers
/// at once.
const APART: Duration = Duration::from_millis(100);

/// A server that somebody else looks at, or whose look failed, is left alone for so long.
const REST: Duration = Duration::from_secs(15);

/// What is no news is told after this time, with what comes meanwhile: telling walks through all servers.
const TOGETHER: Duration = Duration::from_secs(1);

/// What became of a look: nothing, if somebody else is at it.
type Looked = (ServerId, Result<Option<Condition>, LookoutError>);

/// The watch of one gateway.
struct Watch {
    current: Current,
    lookout: Lookout,
    directory: Arc<Directory>,
    /// The servers of that directory, with the marks of their entries.
    servers: BTreeMap<ServerId, (Server, String)>,
    known: HashMap<String, Condition>,
    /// The servers that nobody here looks at, by the moments at which they are due. In order, because ten times a
    /// second the first is asked for: to go through 10,000 servers for it would take 2 % of a core.
    waiting: BTreeSet<(Timestamp, ServerId)>,
    /// What the console and the metrics were told last.
    told: HashMap<String, ServerState>,
    /// Since when there is something to tell.
    untold: Option<Instant>,
    looks: JoinSet<Looked>,
    under_way: HashSet<ServerId>,
    resting: HashMap<ServerId, Instant>,
}

/// Watches, until it is aborted.
pub(super) async fn run(current: Current, lookout: Lookout) {
    let directory = Arc::clone(&current.gateway().directory);
    let mut watch = Watch {
        servers: marked(&directory),
        current,
        lookout,
        directory,
        known: HashMap::new(),
        waiting: BTreeSet::new(),
        told: HashMap::new(),
        untold: None,
        looks: JoinSet::new(),
        under_way: HashSet::new(),
        resting: HashMap::new(),
    };
    let (mut share_at, mut begin_at, mut not_before) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        if Instant::now() >= share_at {
            watch.share().await;
            share_at = Instant::now() + SHARE;
        }
        if watch.untold.is_some_and(|since| since.elapsed() >= TOGETHER) {
            watch.tell();
        }
        if Instant::now() >= begin_at && watch.looks.len() < AT_ONCE {
            // Without a look that is due, the next reading of what others found is soon enough to look again.
            not_before = Instant::now() + APART;
            begin_at = if watch.begin_one() { not_before } else { watch.next_due().min(share_at) };
        }
        let next = if watch.looks.len() < AT_ONCE { begin_at.min(share_at) } else { share_at };
        let next = watch.untold.map_or(next, |since| next.min(since + TOGETHER));
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            Some(done) = watch.looks.join_next() => match done {
                Ok(looked) => {
                    watch.end_one(looked);
                    // It may have to be looked at again soon.
                    begin_at = begin_at.min(watch.next_due()).max(not_before);
                }
                Err(error) => tracing::error!(%error, "a look at a server broke off"),
            },
        }
    }
}

impl Watch {
    /// Reads what is known, and tells it.
    async fn share(&mut self) {
        let directory = Arc::clone(&self.current.gateway().directory);
        if !Arc::ptr_eq(&directory, &self.directory) {
            self.servers = marked(&directory);
            self.directory = directory;
        }
        self.resting.retain(|_, until| *until > Instant::now());
        match self.lookout.conditions.all().await {
            Ok(known) => self.known = known,
            Err(error) => tracing::warn!(cause = %Chain(&error), "the conditions of the servers cannot be read"),
        }
        let free = |id: &ServerId| !self.under_way.contains(id) && !self.resting.contains_key(id);
        let waiting = self.servers.iter().filter(|(id, _)| free(id));
        self.waiting = waiting.map(|(id, (_, mark))| (self.due(id, mark), id.clone())).collect();
        self.tell();
    }

    fn due(&self, server: &ServerId, mark: &str) -> Timestamp {
        self.lookout.due(mark, self.known.get(server.as_str()))
    }

    /// Begins the look that has waited longest, if one is due.
    fn begin_one(&mut self) -> bool {
        let (gateway, now) = (self.current.gateway(), self.lookout.clock.now());
        let first = self.waiting.first().filter(|(due, _)| *due <= now).cloned();
        let Some((_, id)) = first else { return false };
        self.waiting.pop_first();
        let server = self.servers.get(&id).map(|(server, _)| server.clone());
        // A server of a directory that is no more in force.
        let Some((server, upstream)) = server.zip(gateway.panels.upstream(&id).cloned()) else {
            self.resting.insert(id, Instant::now() + REST);
            return true;
        };
        self.under_way.insert(id);
        let lookout = self.lookout.clone();
        self.looks.spawn(async move {
            let looked = lookout.look_if_due(&server, &upstream).await;
            (server.id, looked)
        });
        true
    }

    fn next_due(&self) -> Instant {
        let next = self.waiting.first();
        Instant::now() + next.map_or(SHARE, |(due, _)| due.since(self.lookout.clock.now()))
    }

    fn end_one(&mut self, (server, looked): Looked) {
        self.under_way.remove(&server);
        match looked {
            Ok(Some(found)) => {
                let told = self.told.get(server.as_str()).and_then(|told| told.label);
                let is_news = told != found.label();
                self.known.insert(server.to_string(), found);
                if let Some((_, mark)) = self.servers.get(&server) {
                    self.waiting.insert((self.due(&server, mark), server));
                }
                if is_news {
                    self.tell();
                } else {
                    self.untold.get_or_insert_with(Instant::now);
                }
            }
            Ok(None) => {
                self.resting.insert(server, Instant::now() + REST);
            }
            Err(error) => {
                tracing::error!(%server, cause = %Chain(&error), "what was found out about a server cannot be kept");
                self.resting.insert(server, Instant::now() + REST);
            }
        }
    }

    /// Tells the console and the metrics what is known about the servers of the directory.
    fn tell(&mut self) {
        self.untold = None;
        let gateway = self.current.gateway();
        let known = self.servers.iter().filter_map(|(id, (_, mark))| {
            let condition = self.known.get(id.as_str()).filter(|condition| condition.of == *mark)?;
            Some((id.to_string(), state(condition)))
        });
        let now: HashMap<String, ServerState> = known.collect();
        if now == self.told {
            return;
        }
        let labels = |states: &HashMap<String, ServerState>| -> HashMap<String, &'static str> {
            states.iter().filter_map(|(server, state)| Some((server.clone(), state.label?))).collect()
        };
        let (before, after) = (labels(&self.told), labels(&now));
        gateway.metrics.servers_are(&now);
        self.told = now;
        if before != after {
            gateway.health.servers_are(after);
            gateway.notices.list_changed();
        }
    }
}

fn marked(directory: &Directory) -> BTreeMap<ServerId, (Server, String)> {
    directory.servers.iter().map(|(id, server)| (id.clone(), (server.clone(), entry_mark(server)))).collect()
}

fn state(condition: &Condition) -> ServerState {
    let seconds = |at: Timestamp| i64::try_from(at.secs()).unwrap_or(i64::MAX);
    ServerState {
        label: condition.label(),
        troubles: condition.troubles.iter().map(Trouble::code).collect(),
        seen_at: seconds(condition.at),
        certificate_ends: condition.certificate_ends.map(seconds),
        token_ends: condition.token_ends.map(seconds),
        load: condition.load,
    }
}
