//! All panel sessions of this gateway.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use dashmap::DashMap;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;

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

/// A person's place for a panel session.
#[derive(Debug)]
#[must_use]
pub enum Place<'r> {
    /// It is open.
    Open(Arc<PanelSession>),
    /// It is empty, and for the holder of this to fill.
    Vacant(Vacancy<'r>),
}

/// The right to open a panel session. Whoever else asks for the same one waits until this is gone.
#[must_use = "others wait while this is held"]
pub struct Vacancy<'r> {
    sessions: &'r PanelSessions,
    key: Key,
    slot: OwnedMutexGuard<Option<Arc<PanelSession>>>,
    before: Option<SecretDigits>,
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

    /// The person's place for what was granted.
    ///
    /// `before` is the security token of an earlier panel session whose pages may still be open.
    pub async fn place(
        &self,
        grant: &Grant,
        session: &Session,
        before: Option<&SecretDigits>,
    ) -> Result<Place<'_>, OpenError> {
        let vacancy = self.lock(grant, session, before.cloned()).await?;
        let found = vacancy.slot.clone();
        Ok(found.map_or(Place::Vacant(vacancy), Place::Open))
    }

    /// The place in which `stale` has been found dead, to be filled anew under the same security token. Of
    /// many requests that found it so, one does it; the others get what that one opened.
    pub async fn place_of(
        &self,
        grant: &Grant,
        session: &Session,
        stale: &Arc<PanelSession>,
    ) -> Result<Place<'_>, OpenError> {
        let mut vacancy = self.lock(grant, session, Some(stale.digits())).await?;
        if let Some(found) = vacancy.slot.as_ref().filter(|found| !Arc::ptr_eq(found, stale)) {
            return Ok(Place::Open(Arc::clone(found)));
        }
        *vacancy.slot = None;
        Ok(Place::Vacant(vacancy))
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
    /// `UNUSED`: they are opened again under the same security token when somebody comes back.
    pub fn sweep(&self, live: impl Fn(SessionId) -> bool) {
        let used = |slot: &Slot| match slot.try_lock() {
            Ok(held) => held.as_ref().is_some_and(|panel| panel.unused() < UNUSED),
            // Locked: it is being opened or asked for right now.
            Err(_) => true,
        };
        self.slots.retain(|(owner, ..), slot| live(*owner) && used(slot));
    }

    /// The place, once nobody else is at it; that is waited for as long as opening may take.
    async fn lock(
        &self,
        grant: &Grant,
        session: &Session,
        before: Option<SecretDigits>,
    ) -> Result<Vacancy<'_>, OpenError> {
        let key = key(grant, session);
        let slot = self.slot(&key)?;
        let locked = tokio::time::timeout(self.deadline, slot.lock_owned()).await;
        let slot = locked.map_err(|_| OpenError::TimedOut(self.deadline))?;
        Ok(Vacancy { sessions: self, key, slot, before })
    }

    fn slot(&self, key: &Key) -> Result<Slot, OpenError> {
        if let Some(slot) = self.slots.get(key) {
            return Ok(Arc::clone(&slot));
        }
        if self.slots.len() >= self.limit {
            return Err(OpenError::Full(self.limit));
        }
        Ok(Arc::clone(&self.slots.entry(key.clone()).or_default()))
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

impl Vacancy<'_> {
    /// Opens the panel session. The grant must be the one that the place was asked for with.
    pub async fn fill(mut self, grant: &Grant) -> Result<Arc<PanelSession>, OpenError> {
        let fresh = self.sessions.fresh(grant, self.before.as_ref()).await?;
        *self.slot = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}

impl Drop for Vacancy<'_> {
    /// A place that stays empty is given up, so that it does not count as a panel session; unless somebody
    /// waits for it. One of the two references is ours, the other the registry's.
    fn drop(&mut self) {
        if self.slot.is_none() {
            let own = OwnedMutexGuard::mutex(&self.slot);
            let unwanted = |slot: &Slot| Arc::ptr_eq(slot, own) && Arc::strong_count(slot) <= 2;
            self.sessions.slots.remove_if(&self.key, |_, slot| unwanted(slot));
        }
    }
}

impl fmt::Debug for Vacancy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vacancy")
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
