//! All panel sessions of this gateway.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use dashmap::DashMap;
use tokio::sync::Mutex;

use crate::model::Account;
use crate::model::SecretRef;
use crate::model::ServerId;
use crate::model::Service;
use crate::panel::ApiCredential;
use crate::panel_session::open;
use crate::panel_session::open::OpenError;
use crate::panel_session::open::PanelSession;
use crate::policy::Grant;
use crate::session::EntryPlace;
use crate::session::SecretDigits;
use crate::session::Session;
use crate::session::SessionId;
use crate::upstream::Upstream;
use crate::vault;

/// A server with what it takes to open sessions on it.
#[derive(Debug)]
pub struct Hosted {
    /// The way there.
    pub upstream: Upstream,
    /// The owner of the API token.
    pub api_account: Account,
    /// The API token.
    pub api_token: SecretRef,
}

/// How a panel session was come by.
#[derive(Debug)]
pub enum Opened {
    /// It was open already.
    Found(Arc<PanelSession>),
    /// It was opened now.
    Fresh(Arc<PanelSession>),
}

impl Opened {
    /// The panel session.
    pub fn into_session(self) -> Arc<PanelSession> {
        match self {
            Self::Found(session) | Self::Fresh(session) => session,
        }
    }
}

/// How long a panel session is kept unused. cpsrvd drops them after 15 minutes (cPanel API docs), we let
/// the ones go that are surely dropped.
const UNUSED: Duration = Duration::from_hours(1);

type Key = (SessionId, ServerId, Service, Account);
type Slot = Arc<Mutex<Option<Arc<PanelSession>>>>;

/// The registry. A slot's lock is held while it is opened, so that one person's many requests open one
/// session, and nobody else waits.
pub struct PanelSessions {
    servers: HashMap<ServerId, Hosted>,
    slots: DashMap<Key, Slot>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    limit: usize,
    answer_limit: usize,
    deadline: Duration,
}

impl PanelSessions {
    /// A registry for these servers: at most `limit` sessions, each opened within `deadline`, with at most
    /// `answer_limit` bytes read of an API answer.
    pub fn new(
        servers: HashMap<ServerId, Hosted>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        limit: usize,
        answer_limit: usize,
        deadline: Duration,
    ) -> Self {
        Self { servers, slots: DashMap::new(), random, limit, answer_limit, deadline }
    }

    /// The way to a server.
    pub fn upstream(&self, server: &ServerId) -> Option<&Upstream> {
        self.servers.get(server).map(|hosted| &hosted.upstream)
    }

    /// The person's panel session for what was granted, if it is open.
    pub async fn find(&self, grant: &Grant, session: &Session) -> Option<Arc<PanelSession>> {
        let slot = self.slots.get(&key(grant, session)).map(|slot| Arc::clone(&slot))?;
        let guard = slot.lock().await;
        guard.clone()
    }

    /// The person's panel session for what was granted; opened if there is none.
    ///
    /// `before` is the security token of an earlier one whose pages may still be open.
    pub async fn open(
        &self,
        grant: &Grant,
        session: &Session,
        before: Option<&SecretDigits>,
    ) -> Result<Opened, OpenError> {
        let slot = self.slot(grant, session)?;
        let mut guard = slot.lock().await;
        if let Some(found) = &*guard {
            return Ok(Opened::Found(Arc::clone(found)));
        }
        let opened = self.fresh(grant, before).await;
        self.keep(grant, session, &slot, &mut guard, opened)
    }

    /// Opens a new one in the place of `stale`, under the same security token. Of many requests that found
    /// it dead, one does it; the others get what that one opened.
    pub async fn renew(
        &self,
        grant: &Grant,
        session: &Session,
        stale: &Arc<PanelSession>,
    ) -> Result<Opened, OpenError> {
        let slot = self.slot(grant, session)?;
        let mut guard = slot.lock().await;
        if let Some(found) = guard.as_ref().filter(|found| !Arc::ptr_eq(found, stale)) {
            return Ok(Opened::Found(Arc::clone(found)));
        }
        *guard = None;
        let opened = self.fresh(grant, Some(&stale.digits())).await;
        self.keep(grant, session, &slot, &mut guard, opened)
    }

    /// Lets go of one panel session.
    pub fn close(&self, grant: &Grant, session: &Session) {
        self.slots.remove(&key(grant, session));
    }

    /// Lets go of a session's panel sessions. cpsrvd drops them after its idle time; asking it to log
    /// out could end a colleague's session of the same account (cPanel docs: two-factor authentication
    /// allows one session per user).
    pub fn forget(&self, session: SessionId) {
        self.slots.retain(|(owner, ..), _| *owner != session);
    }

    /// Lets go of the panel sessions of sessions that have ended, and of those that nobody has used for
    /// [`UNUSED`]: they are opened again under the same security token when somebody comes back.
    pub fn sweep(&self, live: impl Fn(SessionId) -> bool) {
        let used = |slot: &Slot| match slot.try_lock() {
            Ok(held) => held.as_ref().is_some_and(|panel| panel.unused() < UNUSED),
            // Locked: it is being opened or asked for right now.
            Err(_) => true,
        };
        self.slots.retain(|(owner, ..), slot| live(*owner) && used(slot));
    }

    /// Puts what was opened into its slot; a slot in which nothing was opened makes room for others.
    fn keep(
        &self,
        grant: &Grant,
        session: &Session,
        slot: &Slot,
        place: &mut Option<Arc<PanelSession>>,
        opened: Result<Arc<PanelSession>, OpenError>,
    ) -> Result<Opened, OpenError> {
        match opened {
            Ok(fresh) => {
                *place = Some(Arc::clone(&fresh));
                Ok(Opened::Fresh(fresh))
            }
            Err(error) => {
                // Two hold it, the map and this request, if nobody else waits to try.
                self.slots
                    .remove_if(&key(grant, session), |_, held| Arc::ptr_eq(held, slot) && Arc::strong_count(held) <= 2);
                Err(error)
            }
        }
    }

    fn slot(&self, grant: &Grant, session: &Session) -> Result<Slot, OpenError> {
        let key = key(grant, session);
        if let Some(slot) = self.slots.get(&key) {
            return Ok(Arc::clone(&slot));
        }
        if self.slots.len() >= self.limit {
            return Err(OpenError::Full(self.limit));
        }
        Ok(Arc::clone(&self.slots.entry(key).or_default()))
    }

    async fn fresh(&self, grant: &Grant, before: Option<&SecretDigits>) -> Result<Arc<PanelSession>, OpenError> {
        let hosted = self.servers.get(grant.server()).ok_or(OpenError::UnknownServer)?;
        let place =
            EntryPlace { server: grant.server().clone(), service: grant.service(), account: grant.account().clone() };
        let chosen = open::choose(before, &*self.random)?;
        let token = vault::read(&hosted.api_token).map_err(OpenError::Vault)?;
        let credential = ApiCredential { account: hosted.api_account.clone(), token };
        let opening = PanelSession::open(&hosted.upstream, &credential, &place, &chosen, self.answer_limit);
        let opened = tokio::time::timeout(self.deadline, opening).await;
        opened.unwrap_or(Err(OpenError::TimedOut(self.deadline))).map(Arc::new)
    }
}

fn key(grant: &Grant, session: &Session) -> Key {
    (session.id(), grant.server().clone(), grant.service(), grant.account().clone())
}

impl fmt::Debug for PanelSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanelSessions").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
