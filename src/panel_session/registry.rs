//! All panel sessions of this gateway.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use dashmap::DashMap;
use foldhash::HashMap;
use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::model::ServerId;
use crate::panel::LoginError;
use crate::panel::WhmApi;
use crate::panel_session::ending::Endings;
use crate::panel_session::hosted::Hosted;
use crate::panel_session::open;
use crate::panel_session::open::OpenError;
use crate::panel_session::open::Owner;
use crate::panel_session::open::PanelSession;
use crate::panel_session::places::AllPlaces;
use crate::panel_session::places::PanelLimits;
use crate::panel_session::rest::Cause;
use crate::panel_session::rest::Resting;
use crate::panel_session::rest::Rests;
use crate::panel_session::sharing::Sharing;
use crate::panel_session::slot::Key;
use crate::panel_session::slot::Slot;
use crate::panel_session::vacancy::Before;
use crate::panel_session::vacancy::Vacancy;
use crate::panel_session::ways::Ways;
use crate::policy::Grant;
use crate::session::EntryPlace;
use crate::session::SecretDigits;
use crate::session::Session;
use crate::session::SessionId;
use crate::session::Sessions;
use crate::upstream::Upstream;

/// A person's place for a panel session.
#[derive(Debug)]
#[must_use]
pub enum Place<'r> {
    /// It is open.
    Open(Arc<PanelSession>),
    /// It is empty, and for the holder of this to fill.
    Vacant(Box<Vacancy<'r>>),
    /// It is empty, and the last attempt to fill it failed a moment ago.
    Resting(Resting),
}

/// A panel session, or one that is being opened, that was cut.
#[derive(Debug)]
pub struct Cut {
    /// Whose.
    pub session: Arc<Session>,
    /// What it led to.
    pub place: EntryPlace,
    /// Why.
    pub why: CutBecause,
}

/// Why a panel session was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutBecause {
    /// The directory's entry of the server is another one, or gone.
    ServerChanged,
    /// A new request would be refused.
    AccessLost,
}

/// How long the word of a server counts that an account is a reseller's customer.
const PROVEN: Duration = Duration::from_mins(10);

/// How long a panel session is kept unused. cpsrvd drops them after 15 minutes (cPanel API docs), we let
/// the ones go that are surely dropped.
const UNUSED: Duration = Duration::from_hours(1);

/// The registry. A slot's lock is held while it is opened, so that one person's many requests open one
/// session, and nobody else waits.
///
/// A registry knows the servers of one version of the directory; those of all versions share the slots.
#[derive(Clone)]
pub struct PanelSessions {
    pub(super) servers: Arc<HashMap<ServerId, Hosted>>,
    pub(super) slots: Arc<DashMap<Key, Slot, RandomState>>,
    pub(super) rests: Arc<Rests>,
    pub(super) random: Arc<dyn SecureRandom + Send + Sync>,
    endings: Endings,
    pub(super) places: Arc<AllPlaces>,
    pub(super) limits: PanelLimits,
    /// Set where all gateways leave from one address.
    pub(super) sharing: Option<Sharing>,
}

impl PanelSessions {
    /// A registry for these servers.
    pub fn new(
        servers: HashMap<ServerId, Hosted>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        limits: PanelLimits,
    ) -> Self {
        let (slots, rests, places) = (Arc::default(), Arc::default(), Arc::new(AllPlaces::new(limits.places)));
        let endings = Endings::new(limits.answer, limits.open);
        Self { servers: Arc::new(servers), slots, rests, random, endings, places, limits, sharing: None }
    }

    /// The same, whose panel sessions are there for every gateway on the same store.
    #[must_use]
    pub fn shared_through(self, sessions: Arc<Sessions>) -> Self {
        Self { sharing: Some(Sharing::new(sessions)), ..self }
    }

    /// The same registry for the servers of another version of the directory.
    #[must_use]
    pub fn with_servers(&self, servers: HashMap<ServerId, Hosted>) -> Self {
        Self { servers: Arc::new(servers), ..self.clone() }
    }

    /// The way to a server.
    pub fn upstream(&self, server: &ServerId) -> Option<&Upstream> {
        self.servers.get(server).map(|hosted| &hosted.upstream)
    }

    /// The person's place for what was granted.
    ///
    /// `before` is the security token of an earlier panel session whose pages may still be open. Where there
    /// is one, it is such a page that asks and not the person, and a server that has just refused is left
    /// alone for a while.
    pub async fn place(
        &self,
        grant: &Grant,
        session: &Arc<Session>,
        before: Option<&SecretDigits>,
    ) -> Result<Place<'_>, OpenError> {
        match self.open_now(grant, session) {
            Some(found) => Ok(Place::Open(found)),
            None => Box::pin(self.place_in_turn(grant, session, before)).await,
        }
    }

    /// The same once nobody else is at it.
    async fn place_in_turn(
        &self,
        grant: &Grant,
        session: &Arc<Session>,
        before: Option<&SecretDigits>,
    ) -> Result<Place<'_>, OpenError> {
        let asked = Instant::now();
        let first = before.cloned().or_else(|| session.security_token(&place_of(grant)));
        let mut vacancy = self.lock(grant, session, first.into_iter().collect()).await?;
        if vacancy.slot.is_none() {
            self.adopt(&mut vacancy, None).await;
        }
        if let Some(found) = vacancy.slot.clone() {
            if found.proven().is_some_and(|ago| ago > PROVEN)
                && let Err(error) = self.prove_again(&found).await
            {
                // Customers move to other resellers. Nobody stays inside on an old word.
                *vacancy.slot = None;
                return Err(error);
            }
            return Ok(Place::Open(found));
        }
        let rest = self.rests.failed_since(&vacancy.key, asked);
        let rest = rest.or_else(|| before.and_then(|_| self.rests.now(&vacancy.key, Cause::Gone)));
        match rest {
            Some(rest) => Ok(Place::Resting(rest)),
            None => Ok(Box::pin(self.in_turn(vacancy, None)).await),
        }
    }

    /// What is open for a grant, if nobody is at its place right now and no server has to be asked again.
    fn open_now(&self, grant: &Grant, session: &Session) -> Option<Arc<PanelSession>> {
        let key = self.key(grant, session).ok()?;
        let slot = self.slots.get(&key)?;
        let found = Arc::clone(slot.held.try_lock().ok()?.as_ref()?);
        found.proven().is_none_or(|ago| ago <= PROVEN).then_some(found)
    }

    /// The place in which `stale` has been found dead, to be filled anew under the same security token. Of
    /// many requests that found it so, one does it; the others get what came of that.
    pub async fn place_of(
        &self,
        grant: &Grant,
        session: &Arc<Session>,
        stale: &Arc<PanelSession>,
        cause: Cause,
    ) -> Result<Place<'_>, OpenError> {
        let asked = Instant::now();
        let mut vacancy = self.lock(grant, session, stale.all_digits()).await?;
        if let Some(found) = vacancy.slot.as_ref().filter(|found| !Arc::ptr_eq(found, stale)) {
            return Ok(Place::Open(Arc::clone(found)));
        }
        self.note_refusal(stale);
        self.adopt(&mut vacancy, Some(stale)).await;
        if let Some(found) = vacancy.slot.as_ref().filter(|found| !Arc::ptr_eq(found, stale)) {
            return Ok(Place::Open(Arc::clone(found)));
        }
        let rest = self.rests.failed_since(&vacancy.key, asked).or_else(|| self.rests.now(&vacancy.key, cause));
        if let Some(rest) = rest {
            return Ok(Place::Resting(rest));
        }
        *vacancy.slot = None;
        Ok(Box::pin(self.in_turn(vacancy, Some(stale))).await)
    }

    /// Notes that a new panel session was of no use: the server gave the same answer as under the old one.
    pub fn was_no_use(&self, panel: &PanelSession, cause: Cause) -> Resting {
        let error = Arc::new(OpenError::Login(LoginError::Denied));
        let key = self.key_of(panel);
        if let Some(key) = &key {
            self.rests.begin(key, cause, &error);
        }
        let rest = key.and_then(|key| self.rests.now(&key, cause));
        rest.unwrap_or(Resting { error, left: Duration::ZERO })
    }

    /// Whether a new panel session has lately been of no use against an answer that may mean something else.
    pub fn is_in_doubt(&self, panel: &PanelSession) -> bool {
        self.key_of(panel).is_some_and(|key| self.rests.now(&key, Cause::Doubt).is_some())
    }

    /// Lets go of one panel session, and cuts what still runs under it.
    pub fn close(&self, place: &EntryPlace, session: &Session) {
        let Some(hosted) = self.servers.get(&place.server) else { return };
        if let Some((key, slot)) = self.slots.remove(&(session.id(), place.clone(), hosted.identity)) {
            self.let_go(&key, &slot);
        }
    }

    /// Cuts the panel sessions, with every request and socket under them, whose server has another entry by
    /// now and those for which `may_stay` says no. Those that are just being opened are among them.
    pub fn review(&self, may_stay: impl Fn(&Session, &EntryPlace) -> bool) -> Vec<Cut> {
        let mut cut = Vec::new();
        self.slots.retain(|key, slot| {
            let (_, place, identity) = key;
            let why = if self.servers.get(&place.server).is_none_or(|hosted| hosted.identity != *identity) {
                CutBecause::ServerChanged
            } else if may_stay(&slot.session, place) {
                return true;
            } else {
                CutBecause::AccessLost
            };
            self.let_go(key, slot);
            cut.push(Cut { session: Arc::clone(&slot.session), place: place.clone(), why });
            false
        });
        cut
    }

    /// Lets go of the panel sessions of a session that ends. Whoever sees one of them end sees that the session
    /// has ended.
    pub fn forget(&self, session: SessionId) {
        self.slots.retain(|key, slot| {
            let stays = key.0 != session;
            if !stays {
                slot.end_session();
                self.let_go(key, slot);
            }
            stays
        });
    }

    /// Why nothing is open at a place, if an attempt to open it failed a moment ago.
    pub fn resting(&self, session: SessionId, place: &EntryPlace) -> Option<Resting> {
        let identity = self.servers.get(&place.server)?.identity;
        self.rests.now(&(session, place.clone(), identity), Cause::Gone)
    }

    /// Lets go of the panel sessions of sessions that have ended, and of those that nobody has used for
    /// `UNUSED`: they are opened again under the same security token when somebody comes back.
    pub fn sweep(&self, live: impl Fn(SessionId) -> bool) {
        let used = |slot: &Slot| match slot.held.try_lock() {
            Ok(held) => slot.is_busy() || held.as_ref().is_some_and(|panel| panel.unused() < UNUSED),
            // Locked: it is being opened or asked for right now.
            Err(_) => true,
        };
        self.slots.retain(|key, slot| {
            let stays = live(key.0) && used(slot);
            match (stays, &self.sharing) {
                (true, _) => {}
                (false, None) => self.let_go(key, slot),
                // It may be in use at another gateway.
                (false, Some(_)) => slot.ended.cancel(),
            }
            stays
        });
        self.rests.sweep(|(owner, ..)| live(*owner));
        self.places.sweep(live);
    }

    /// The panel sessions that are open, and the requests of all of them that are at the servers.
    pub fn open(&self) -> (usize, usize) {
        let open =
            self.slots.iter().filter_map(|slot| slot.held.try_lock().ok()?.as_ref().map(|panel| panel.at_the_server()));
        open.fold((0, 0), |(panels, requests), more| (panels + 1, requests + more))
    }

    /// The place, once nobody else is at it; that is waited for as long as opening may take.
    pub(super) async fn lock(
        &self,
        grant: &Grant,
        session: &Arc<Session>,
        before: Before,
    ) -> Result<Vacancy<'_>, OpenError> {
        let key = self.key(grant, session)?;
        let Slot { held, ended, running, .. } = self.slot(&key, session)?;
        let running = Arc::downgrade(&running);
        let locked = tokio::time::timeout(self.limits.open, held.lock_owned()).await;
        let slot = locked.map_err(|_| OpenError::TimedOut(self.limits.open))?;
        let drawer = self.sharing.as_ref().map(|sharing| sharing.drawer(session, &key));
        Ok(Vacancy { sessions: self, key, slot, ended, running, before, drawer, reserved: None })
    }

    fn slot(&self, key: &Key, session: &Arc<Session>) -> Result<Slot, OpenError> {
        if let Some(slot) = self.slots.get(key) {
            return Ok(slot.clone());
        }
        if self.slots.len() >= self.limits.sessions {
            return Err(OpenError::Full(self.limits.sessions));
        }
        Ok(self.slots.entry(key.clone()).or_insert_with(|| Slot::new(session)).clone())
    }

    fn key(&self, grant: &Grant, session: &Session) -> Result<Key, OpenError> {
        let hosted = self.servers.get(grant.server()).ok_or(OpenError::UnknownServer)?;
        Ok((session.id(), place_of(grant), hosted.identity))
    }

    fn key_of(&self, panel: &PanelSession) -> Option<Key> {
        let place = panel.place().clone();
        let identity = self.servers.get(&place.server)?.identity;
        Some((panel.owner(), place, identity))
    }

    pub(super) async fn fresh(
        &self,
        grant: &Grant,
        ways: Ways,
        before: &Before,
        owner: Owner,
    ) -> Result<Arc<PanelSession>, OpenError> {
        let hosted = self.servers.get(grant.server()).ok_or(OpenError::UnknownServer)?;
        let place = place_of(grant);
        let chosen = open::choose(before.last(), &*self.random)?;
        let Ways { api, credential, door, deadline } = ways;
        let api = WhmApi { client: &api, credential: &credential, answer_limit: self.limits.answer };
        let opening = PanelSession::open(&hosted.upstream, (&api, door), &place, (&chosen, before), owner);
        let opened = tokio::time::timeout_at(deadline, opening).await;
        opened.unwrap_or(Err(OpenError::TimedOut(self.limits.open))).map(Arc::new)
    }

    pub(super) async fn prove_again(&self, panel: &PanelSession) -> Result<(), OpenError> {
        let hosted = self.servers.get(&panel.place().server).ok_or(OpenError::UnknownServer)?;
        let (client, credential) = hosted.api().await.map_err(OpenError::Vault)?;
        let api = WhmApi { client: &client, credential: &credential, answer_limit: self.limits.answer };
        let asked = tokio::time::timeout(self.limits.open, panel.prove_again(&api)).await;
        asked.unwrap_or(Err(OpenError::TimedOut(self.limits.open)))
    }

    /// Cuts what runs under a place, and has its session ended at the server while nobody waits.
    fn let_go(&self, key: &Key, slot: &Slot) {
        let (_, place, identity) = key;
        slot.ended.cancel();
        if let Some(sharing) = &self.sharing {
            self.endings.clear(sharing.clearing(sharing.drawer(&slot.session, key)));
        }
        // With another entry for the server there is no way left to the one that the session is on.
        let Some(hosted) = self.servers.get(&place.server).filter(|hosted| hosted.identity == *identity) else {
            return;
        };
        self.endings.end(hosted, Arc::clone(&slot.held));
    }

    /// Waits until the sessions that were let go are ended at their servers, which is bounded.
    pub async fn finish(&self) {
        self.endings.finish().await;
    }
}

/// What a grant leads to.
pub fn place_of(grant: &Grant) -> EntryPlace {
    EntryPlace {
        server: grant.server().clone(),
        service: grant.service(),
        account: grant.account().clone(),
        through: grant.through().cloned(),
    }
}

impl fmt::Debug for PanelSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanelSessions").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}
