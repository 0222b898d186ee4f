//! The registry of sessions and entries.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use aws_lc_rs::rand::SecureRandom;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::identity::Principal;
use crate::identity::RefreshGrant;
use crate::model::ClientAddr;
use crate::model::Clock;
use crate::model::ServerId;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::entry::Entry;
use crate::session::notices::ENDED;
use crate::session::person::Lifetimes;
use crate::session::person::Session;
use crate::session::person::SessionId;
use crate::session::record;
use crate::session::record::ConsoleEntryRecord;
use crate::session::record::KeyText;
use crate::session::record::SessionLabel;
use crate::session::record::SessionRecord;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::SealError;
use crate::store::ServerKey;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::Unsealed;

/// Why a session could not be made, found or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store did not do it.
    #[error("the session store failed")]
    Store(#[source] StoreError),
    /// The record could not be sealed, or what was opened could not be read.
    #[error("the session record is unusable")]
    Seal(#[source] SealError),
    /// Nothing was heard from the store for longer than sessions go on without it.
    #[error("the store has been away for too long")]
    Away,
    /// The random source failed.
    #[error("no random numbers for a session")]
    Random,
    /// The address has begun as many sign-ins as it may for a while.
    #[error("the address has begun too many sign-ins")]
    TooManySignIns,
}

/// What a session begins with: a sign-in that was verified and recorded.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Who signed in.
    pub principal: Principal,
    /// The ID token, to sign out at the provider with.
    pub id_token_hint: SecretString,
    /// The provider's own session, if it names it.
    pub sid: Option<String>,
    /// What the provider is asked with again.
    pub refresh: Option<RefreshGrant>,
    /// From which address.
    pub client: ClientAddr,
    /// The digest of what the browser is known by when people sign in with it.
    pub browser: Key,
}

/// All sessions of this gateway.
pub struct Sessions {
    pub(super) store: Store,
    pub(super) key: ServerKey,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn SecureRandom + Send + Sync>,
    pub(super) lifetimes: Lifetimes,
    /// The process, as a holder of leases.
    pub(super) node: Key,
    /// The newest notice that was read.
    pub(super) heard: AtomicI64,
    /// When the store was last heard, in milliseconds since 1970.
    pub(super) heard_at: AtomicU64,
    limit: u32,
    live: DashMap<Key, Arc<Session>, RandomState>,
    /// Console cookies, by their digest, that were found to lead to a session.
    cookies: DashMap<Key, SessionId, RandomState>,
    pub(super) entries: DashMap<Key, Arc<Entry>, RandomState>,
}

impl Sessions {
    /// A registry over the store, for at most `limit` sessions.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn new(
        store: Store,
        key: ServerKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        lifetimes: Lifetimes,
        limit: u32,
    ) -> Result<Self, SessionError> {
        let node = Token256::random(&*random).map_err(|_| SessionError::Random)?.digest();
        let (live, cookies, entries) = (DashMap::default(), DashMap::default(), DashMap::default());
        let (heard, heard_at) = (AtomicI64::new(0), AtomicU64::new(clock.now().0));
        Ok(Self { store, key, clock, random, lifetimes, node, heard, heard_at, limit, live, cookies, entries })
    }

    /// Begins a session for somebody who has just signed in; gives the cookie's token.
    pub async fn begin(&self, new: NewSession) -> Result<(Token256, Arc<Session>), SessionError> {
        let NewSession { principal, id_token_hint, sid, refresh, client, browser } = new;
        let (now, key) = (self.clock.now(), self.draw()?);
        let renewal = refresh.map(|grant| self.renewal_record(grant, now));
        let times = renewal.as_ref().map(|renewal| (renewal.read_at, renewal.due_at));
        let thread = record::thread(&self.key, &browser, principal.subject());
        let contents = SessionRecord::new(&principal, now, &id_token_hint, renewal, thread);
        let label = SessionLabel::new(&principal, client, now);
        let by_sid = sid.map(|sid| record::provider_session_mark(&self.key, &principal.subject().iss, &sid));
        let marks = [Some(record::subject_mark(&self.key, principal.subject())), by_sid];
        let session = Arc::new(Session::new(key.clone(), Some(thread), principal, now, now));
        if let Some((read_at, due_at)) = times {
            session.learn(None, read_at, due_at);
        }
        let until = session.expires_at(self.lifetimes);
        let mut record = self.sealed(&key, Purpose::Session, None, until, &contents)?;
        record.marks = marks;
        record.label =
            store::seal_label(&self.key, Purpose::Session, &record.key, &label).map_err(SessionError::Seal)?;
        self.store.put_bounded(&record, self.limit, now).await.map_err(SessionError::Store)?;
        let token = self.let_in(&session).await?;
        self.live.insert(record.key, Arc::clone(&session));
        Ok((token, session))
    }

    /// Gives the session another cookie; the one that it had leads nowhere from now on.
    pub(super) async fn rotate(&self, session: &Session) -> Result<Token256, SessionError> {
        let token = self.let_in(session).await?;
        let (owner, kept) = (session.id().0, token.digest());
        let removed = self.store.remove_owned_but(Purpose::ConsoleEntry, &owner, &kept).await;
        removed.map_err(SessionError::Store)?;
        self.cookies.retain(|cookie, id| *id != session.id() || *cookie == kept);
        Ok(token)
    }

    /// Makes a cookie that leads to a session.
    async fn let_in(&self, session: &Session) -> Result<Token256, SessionError> {
        let token = self.draw()?;
        let contents = ConsoleEntryRecord { session: KeyText(session.key().clone()) };
        let until = session.created_at().plus(self.lifetimes.absolute);
        let record = self.sealed(&token, Purpose::ConsoleEntry, Some(session.id()), until, &contents)?;
        // Two for the moment in which one takes the other's place.
        self.store.put_owned(&record, 2, self.clock.now()).await.map_err(SessionError::Store)?;
        self.cookies.insert(record.key, session.id());
        Ok(token)
    }

    /// The live session of a console cookie, noted as in use.
    pub async fn find(&self, token: &Token256) -> Result<Option<Arc<Session>>, SessionError> {
        let now = self.clock.now();
        match self.behind(token, now).await? {
            Some(session) => self.use_live(session, now).await,
            None => Ok(None),
        }
    }

    /// Whether the session of a console cookie lives. Does not count as use.
    pub async fn lives(&self, token: &Token256) -> Result<bool, SessionError> {
        Ok(self.watched(token).await?.is_some())
    }

    /// The live session of a console cookie, looked at without being used.
    pub async fn watched(&self, token: &Token256) -> Result<Option<Arc<Session>>, SessionError> {
        let now = self.clock.now();
        let Some(session) = self.behind(token, now).await? else { return Ok(None) };
        Ok((!self.is_over(&session, now).await?).then_some(session))
    }

    /// The session of a console cookie, which may have ended by the clock.
    async fn behind(&self, token: &Token256, now: Timestamp) -> Result<Option<Arc<Session>>, SessionError> {
        let cookie = token.digest();
        let known = self.cookies.get(&cookie).map(|id| *id);
        if let Some(session) = known.and_then(|id| self.cached(&id.0)) {
            return Ok(Some(session));
        }
        let Some(record) = self.opened::<ConsoleEntryRecord>(token, Purpose::ConsoleEntry, now).await? else {
            return Ok(None);
        };
        let session = self.by_key(&record.into_inner().session.0, now).await?;
        if let Some(session) = &session {
            self.cookies.insert(cookie, session.id());
        }
        Ok(session)
    }

    /// Whether a session with this id is in use here.
    pub fn is_known(&self, id: SessionId) -> bool {
        self.live.contains_key(&id.0)
    }

    /// The ID token to hint to the provider at sign-out.
    pub async fn id_token_hint(&self, session: &Session) -> Result<Option<SecretString>, SessionError> {
        let record = self.opened::<SessionRecord>(session.key(), Purpose::Session, self.clock.now()).await?;
        Ok(record.map(|record| record.into_inner().into_id_token_hint()))
    }

    /// Ends a session: what runs under it is cut, its entries are gone, here and in the store.
    pub async fn end(&self, session: &Session) -> Result<(), SessionError> {
        self.forget(session);
        self.end_record(session.id()).await.map(|_| ())
    }

    /// Removes a session from the store and tells every process; says whether it was there.
    pub(super) async fn end_record(&self, id: SessionId) -> Result<bool, SessionError> {
        let removed = self.store.remove_with_owned(Purpose::Session, &id.0).await.map_err(SessionError::Store)?;
        if removed {
            let notice = self.store.give_notice(ENDED, &id.0, self.clock.now()).await;
            notice.map_err(SessionError::Store)?;
        }
        Ok(removed)
    }

    /// Ends the sessions whose time is over, with all that runs under them.
    pub async fn cut_expired(&self) {
        let now = self.clock.now();
        let mut knows = true;
        for session in self.in_use(|session| !session.is_live(now, self.lifetimes)) {
            // A store that has just failed is not waited for once more for each of them.
            let is_over = if knows { self.is_over(&session, now).await } else { Ok(true) };
            if let Err(error) = &is_over {
                knows = false;
                tracing::debug!(%error, "whether a session is in use elsewhere is not known: it ends here");
            }
            if is_over.unwrap_or(true) {
                self.forget(&session);
            }
        }
    }

    /// Whether the time of a session is over. Where it was idle here, another gateway may have seen it in use:
    /// the store knows.
    async fn is_over(&self, session: &Session, now: Timestamp) -> Result<bool, SessionError> {
        if session.is_live(now, self.lifetimes) {
            return Ok(false);
        }
        if session.is_past(now, self.lifetimes) {
            return Ok(true);
        }
        let found = Box::pin(self.store.get(Purpose::Session, &session.id().0, now)).await;
        let Some(record) = found.map_err(SessionError::Store)? else { return Ok(true) };
        session.goes_on_until(record.expires_at, self.lifetimes);
        Ok(!session.is_live(now, self.lifetimes))
    }

    /// Removes what has expired, from memory and from the store.
    pub async fn sweep(&self) -> Result<u64, SessionError> {
        let now = self.clock.now();
        self.cut_expired().await;
        self.store.sweep(now).await.map_err(SessionError::Store)
    }

    /// The sessions in use here for which something holds.
    pub(super) fn in_use(&self, holds: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        self.live.iter().filter(|session| holds(session)).map(|session| Arc::clone(&session)).collect()
    }

    pub(super) fn forget(&self, session: &Session) {
        session.ended().cancel();
        self.live.remove(&session.id().0);
        self.cookies.retain(|_, id| *id != session.id());
        self.entries.retain(|_, entry| entry.session.id() != session.id());
    }

    /// How many sessions there may be; what else there is one of per session has the same bound.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Looks up the console cookies of a session anew: elsewhere it has been given another one.
    pub(super) fn forget_cookies(&self, session: SessionId) {
        self.cookies.retain(|_, id| *id != session);
    }

    pub(super) fn forget_entries(&self, server: &ServerId) {
        self.entries.retain(|_, entry| entry.place.server != *server);
    }

    pub(super) fn cached(&self, key: &Key) -> Option<Arc<Session>> {
        self.live.get(key).map(|session| Arc::clone(&session))
    }

    /// The session that a key opens: one that is in use here, or out of the store.
    pub(super) async fn by_key(&self, key: &Token256, now: Timestamp) -> Result<Option<Arc<Session>>, SessionError> {
        if let Some(session) = self.cached(&key.digest()) {
            return Ok(Some(session));
        }
        let Some(record) = self.opened::<SessionRecord>(key, Purpose::Session, now).await? else { return Ok(None) };
        let (created_at, thread, renewal) =
            record.look(|record| (record.created_at, record.thread, record.renewal.clone()));
        let principal = Principal::restore(record.map(|record| record.principal));
        // Another request may have been first.
        let fresh = || {
            let session = Session::new(key.clone(), thread, principal, created_at, now);
            if let Some(renewal) = renewal {
                session.learn(None, renewal.read_at, renewal.due_at);
            }
            Arc::new(session)
        };
        Ok(Some(Arc::clone(&self.live.entry(key.digest()).or_insert_with(fresh))))
    }

    /// Notes the session as used each time that `used` is notified, until it has ended.
    pub async fn keep_in_use(&self, session: Arc<Session>, used: &Notify) {
        loop {
            used.notified().await;
            match self.use_live(Arc::clone(&session), self.clock.now()).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                // Requests say so too; what is open goes on for as long as the session does.
                Err(error) => tracing::debug!(%error, "the use of a session was not noted"),
            }
        }
    }

    /// The session as it is in use here, noted as used; nothing if it has ended.
    pub(super) async fn use_live(
        &self,
        session: Arc<Session>,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, SessionError> {
        if self.is_over(&session, now).await? {
            Box::pin(self.end(&session)).await?;
            return Ok(None);
        }
        if self.is_cut_off(now) {
            return Err(SessionError::Away);
        }
        if let Some(until) = session.touch(now, self.lifetimes) {
            match Box::pin(self.store.extend(Purpose::Session, &session.id().0, until)).await {
                Ok(true) => {}
                Ok(false) => {
                    // Ended elsewhere: the store is the truth.
                    self.forget(&session);
                    return Ok(None);
                }
                // It was heard of a moment ago, and the session goes on meanwhile.
                Err(error) => tracing::debug!(%error, "the store did not learn that a session is in use"),
            }
        }
        Ok(Some(session))
    }

    /// Whether the store was heard from so lately that sessions go on.
    pub fn hears(&self) -> bool {
        !self.is_cut_off(self.clock.now())
    }

    /// Whether nothing was heard from the store for so long that a session may have been ended elsewhere long
    /// ago without anybody here knowing.
    fn is_cut_off(&self, now: Timestamp) -> bool {
        now.since(Timestamp(self.heard_at.load(Ordering::Relaxed))) > self.lifetimes.store_grace
    }

    /// The number of sessions, of all gateways that share the store.
    pub async fn count(&self) -> Result<u64, SessionError> {
        self.store.count(Purpose::Session, self.clock.now()).await.map_err(SessionError::Store)
    }

    pub(super) fn draw(&self) -> Result<Token256, SessionError> {
        Token256::random(&*self.random).map_err(|_| SessionError::Random)
    }

    pub(super) fn sealed<T: Serialize>(
        &self,
        token: &Token256,
        purpose: Purpose,
        owner: Option<SessionId>,
        expires_at: Timestamp,
        value: &T,
    ) -> Result<Record, SessionError> {
        let sealed = store::seal(&self.key, token, purpose, value).map_err(SessionError::Seal)?;
        let (key, owner) = (token.digest(), owner.map(|id| id.0));
        Ok(Record { purpose, key, owner, marks: [None, None], expires_at, sealed, label: Vec::new() })
    }

    pub(super) async fn opened<T: DeserializeOwned>(
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

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("live", &self.live.len()).finish_non_exhaustive()
    }
}
