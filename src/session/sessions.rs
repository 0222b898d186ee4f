//! The registry of sessions and entries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use dashmap::DashMap;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::identity::Principal;
use crate::model::Clock;
use crate::model::Target;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::entry::Entry;
use crate::session::entry::EntryPlace;
use crate::session::entry::EntryRecord;
use crate::session::handoff::Handoff;
use crate::session::handoff::HandoffRecord;
use crate::session::person::Lifetimes;
use crate::session::person::Session;
use crate::session::person::SessionId;
use crate::session::person::SessionRecord;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::SealError;
use crate::store::ServerKey;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Unsealed;

/// How long a hand-off code lives: the time of two redirects, with a slow network in mind.
const HANDOFF: Duration = Duration::from_secs(30);

/// Entries, and hand-offs under way, that one session may have. Each opening of a panel takes one; a
/// person who opens one a minute for a whole working day stays below.
const PER_SESSION: u32 = 1000;

/// Why a session could not be made, found or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store did not do it.
    #[error("the session store failed")]
    Store(#[source] StoreError),
    /// The record could not be sealed, or what was opened could not be read.
    #[error("the session record is unusable")]
    Seal(#[source] SealError),
    /// The random source failed.
    #[error("no random numbers for a session")]
    Random,
}

/// All sessions of this gateway.
pub struct Sessions {
    store: Store,
    key: ServerKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    lifetimes: Lifetimes,
    limit: u32,
    live: DashMap<Key, Arc<Session>>,
    entries: DashMap<Key, Entry>,
}

impl Sessions {
    /// A registry over the store, for at most `limit` sessions.
    pub fn new(
        store: Store,
        key: ServerKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        lifetimes: Lifetimes,
        limit: u32,
    ) -> Self {
        Self { store, key, clock, random, lifetimes, limit, live: DashMap::new(), entries: DashMap::new() }
    }

    /// Begins a session for somebody who has just signed in; gives the cookie's token.
    pub async fn begin(
        &self,
        principal: Principal,
        id_token_hint: &SecretString,
    ) -> Result<(Token256, Arc<Session>), SessionError> {
        let (now, token) = (self.clock.now(), self.draw()?);
        let record = SessionRecord::new(&principal, now, id_token_hint);
        let session = Arc::new(Session::new(SessionId(token.digest()), principal, now, now));
        let record = self.sealed(&token, Purpose::Session, None, session.expires_at(self.lifetimes), &record)?;
        self.store.put_bounded(&record, self.limit, now).await.map_err(SessionError::Store)?;
        self.live.insert(record.key, Arc::clone(&session));
        Ok((token, session))
    }

    /// The live session of a console cookie, noted as in use.
    pub async fn find(&self, token: &Token256) -> Result<Option<Arc<Session>>, SessionError> {
        let (now, key) = (self.clock.now(), token.digest());
        let session = match self.cached(&key) {
            Some(session) => session,
            None => match self.opened::<SessionRecord>(token, Purpose::Session, now).await? {
                None => return Ok(None),
                Some(record) => {
                    let (principal, created_at) = restore(record);
                    self.adopt(SessionId(key), principal, created_at, now)
                }
            },
        };
        self.use_live(session, now).await
    }

    /// Whether the session of a console cookie lives. Does not count as use.
    pub async fn lives(&self, token: &Token256) -> Result<bool, SessionError> {
        let (now, key) = (self.clock.now(), token.digest());
        if let Some(session) = self.cached(&key) {
            return Ok(session.is_live(now, self.lifetimes));
        }
        Ok(self.opened::<SessionRecord>(token, Purpose::Session, now).await?.is_some())
    }

    /// Whether a session with this id is in use here.
    pub fn is_known(&self, id: SessionId) -> bool {
        self.live.contains_key(&id.0)
    }

    /// The ID token to hint to the provider at sign-out.
    pub async fn id_token_hint(&self, token: &Token256) -> Result<Option<SecretString>, SessionError> {
        let record = self.opened::<SessionRecord>(token, Purpose::Session, self.clock.now()).await?;
        Ok(record.map(|record| record.into_inner().into_id_token_hint()))
    }

    /// Ends a session: what runs under it is cut, its entries are gone, here and in the store.
    pub async fn end(&self, session: &Session) -> Result<(), SessionError> {
        self.forget(session);
        self.store.remove_with_owned(Purpose::Session, &session.id().0).await.map_err(SessionError::Store)
    }

    /// Makes a code that hands this session over to a panel origin, for the browser whose verifier has
    /// this SHA-256.
    pub async fn hand_off(&self, entry: &Entry, landing: &Target, challenge: Key) -> Result<Token256, SessionError> {
        let code = self.draw()?;
        let record = HandoffRecord { entry: EntryRecord::new(entry), landing: landing.to_string(), challenge };
        let until = self.clock.now().plus(HANDOFF);
        let record = self.sealed(&code, Purpose::Handoff, Some(entry.session.id()), until, &record)?;
        self.store.put_owned(&record, PER_SESSION, self.clock.now()).await.map_err(SessionError::Store)?;
        Ok(code)
    }

    /// Redeems a code: once, by the browser that holds the verifier, for the place that it was made for.
    ///
    /// Whatever is wrong with it, the code is spent and the answer is the same nothing.
    pub async fn redeem(
        &self,
        code: &Token256,
        verifier: &Token256,
        place: impl FnOnce(&EntryPlace) -> bool,
    ) -> Result<Option<Handoff>, SessionError> {
        let now = self.clock.now();
        let taken = self.store.take(Purpose::Handoff, &code.digest(), now).await.map_err(SessionError::Store)?;
        let Some(taken) = taken else { return Ok(None) };
        let record: Unsealed<HandoffRecord> =
            store::open(&self.key, code, Purpose::Handoff, taken.sealed).map_err(SessionError::Seal)?;
        let (landing, same_browser) =
            record.look(|record| (Target::parse(&record.landing), record.challenge == verifier.digest()));
        let (Ok(landing), true) = (landing, same_browser) else { return Ok(None) };
        let entry = self.entry_of(record.map(|record| record.entry), now).await?.filter(|entry| place(&entry.place));
        Ok(entry.map(|entry| Handoff { entry, landing }))
    }

    /// Lets a browser into a panel origin; gives the cookie's token.
    pub async fn admit(&self, entry: Entry) -> Result<Token256, SessionError> {
        let token = self.draw()?;
        let until = entry.session.created_at().plus(self.lifetimes.absolute);
        let record = EntryRecord::new(&entry);
        let record = self.sealed(&token, Purpose::PanelEntry, Some(entry.session.id()), until, &record)?;
        self.store.put_owned(&record, PER_SESSION, self.clock.now()).await.map_err(SessionError::Store)?;
        self.entries.insert(record.key, entry);
        Ok(token)
    }

    /// The live entry of a panel origin's cookie; its session is noted as in use.
    pub async fn entry(&self, token: &Token256) -> Result<Option<Entry>, SessionError> {
        let (now, key) = (self.clock.now(), token.digest());
        let cached = self.entries.get(&key).map(|entry| entry.clone());
        let entry = match cached {
            Some(entry) => Some(entry),
            None => match self.opened::<EntryRecord>(token, Purpose::PanelEntry, now).await? {
                None => None,
                Some(record) => self.entry_of(record, now).await?,
            },
        };
        let Some(entry) = entry else { return Ok(None) };
        let live = self.use_live(Arc::clone(&entry.session), now).await?.is_some();
        if live {
            self.entries.insert(key, entry.clone());
        }
        Ok(live.then_some(entry))
    }

    /// Removes what has expired, from memory and from the store.
    pub async fn sweep(&self) -> Result<u64, SessionError> {
        let now = self.clock.now();
        let ended = |session: &Session| !session.is_live(now, self.lifetimes);
        let over: Vec<_> = self.live.iter().filter(|s| ended(s)).map(|s| Arc::clone(&s)).collect();
        for session in over {
            self.forget(&session);
        }
        self.store.sweep(now).await.map_err(SessionError::Store)
    }

    fn forget(&self, session: &Session) {
        session.ended().cancel();
        self.live.remove(&session.id().0);
        self.entries.retain(|_, entry| entry.session.id() != session.id());
    }

    fn cached(&self, key: &Key) -> Option<Arc<Session>> {
        self.live.get(key).map(|session| Arc::clone(&session))
    }

    /// Puts a session from the store among the live ones, unless another request was first.
    fn adopt(&self, id: SessionId, principal: Principal, created_at: Timestamp, now: Timestamp) -> Arc<Session> {
        let fresh = || Arc::new(Session::new(id, principal, created_at, now));
        Arc::clone(&self.live.entry(id.0).or_insert_with(fresh))
    }

    async fn use_live(&self, session: Arc<Session>, now: Timestamp) -> Result<Option<Arc<Session>>, SessionError> {
        if !session.is_live(now, self.lifetimes) {
            self.end(&session).await?;
            return Ok(None);
        }
        if let Some(until) = session.touch(now, self.lifetimes) {
            let there = self.store.extend(Purpose::Session, &session.id().0, until).await;
            if !there.map_err(SessionError::Store)? {
                // Ended elsewhere: the store is the truth.
                self.forget(&session);
                return Ok(None);
            }
        }
        Ok(Some(session))
    }

    async fn entry_of(&self, record: Unsealed<EntryRecord>, now: Timestamp) -> Result<Option<Entry>, SessionError> {
        let (id, created_at, place, security_token) = record
            .look(|record| (record.session, record.session_created_at, record.place(), record.security_token.clone()));
        let Some(place) = place else { return Ok(None) };
        if let Some(session) = self.cached(&id.0) {
            return Ok(Some(Entry { session, place, security_token }));
        }
        // The session's own cookie is not at hand on a panel origin; that its record still lies in the
        // store is what counts.
        let there = self.store.get(Purpose::Session, &id.0, now).await.map_err(SessionError::Store)?;
        if there.is_none() {
            return Ok(None);
        }
        let principal = Principal::restore(record.map(|record| record.principal));
        let session = self.adopt(id, principal, created_at, now);
        Ok(Some(Entry { session, place, security_token }))
    }

    fn draw(&self) -> Result<Token256, SessionError> {
        Token256::random(&*self.random).map_err(|_| SessionError::Random)
    }

    fn sealed<T: Serialize>(
        &self,
        token: &Token256,
        purpose: Purpose,
        owner: Option<SessionId>,
        expires_at: Timestamp,
        value: &T,
    ) -> Result<Record, SessionError> {
        let sealed = store::seal(&self.key, token, purpose, value).map_err(SessionError::Seal)?;
        Ok(Record { purpose, key: token.digest(), owner: owner.map(|id| id.0), expires_at, sealed })
    }

    async fn opened<T: DeserializeOwned>(
        &self,
        token: &Token256,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<Unsealed<T>>, SessionError> {
        let found = self.store.get(purpose, &token.digest(), now).await.map_err(SessionError::Store)?;
        match found.map(|record| store::open(&self.key, token, purpose, record.sealed)) {
            Some(Ok(value)) => Ok(Some(value)),
            // Another server key, or a record of another version: the person signs in again.
            None | Some(Err(SealError::Closed | SealError::Read(_))) => Ok(None),
            Some(Err(error @ SealError::Write(_))) => Err(SessionError::Seal(error)),
        }
    }
}

fn restore(record: Unsealed<SessionRecord>) -> (Principal, Timestamp) {
    let created_at = record.look(|record| record.created_at);
    (Principal::restore(record.map(|record| record.principal)), created_at)
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("live", &self.live.len()).finish_non_exhaustive()
    }
}
