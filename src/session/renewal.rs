//! Keeping what is known of a person fresh: who asks the provider again, when, and what comes of it.
//!
//! One asks at a time, over all processes that share the store: whoever has the session's lease. Others find
//! what that one wrote. A rotated refresh token is in the store before anything else is done with the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::identity::Principal;
use crate::identity::RefreshGrant;
use crate::model::Timestamp;
use crate::session::person::Session;
use crate::session::record::RenewalRecord;
use crate::session::record::SessionRecord;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Purpose;

/// How long a lease is held by somebody who does not give it back: longer than all answers of the provider
/// together may take.
pub(super) const LEASE: Duration = Duration::from_mins(5);

/// The least time between two questions, whatever the provider says about its tokens.
const LEAST: Duration = Duration::from_secs(1);

/// How long after a question was due requests still do not wait for its answer.
const OVERDUE: Duration = Duration::from_secs(30);

/// How soon a provider that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(30);

/// The topic of the notice that a session's record has changed.
pub(super) const RENEWED: &str = "session-renewed";

/// The right to ask the provider about one session.
#[must_use = "others wait while this is held"]
pub struct Renewal {
    session: Arc<Session>,
    record: SessionRecord,
    with: RenewalRecord,
    _alone: OwnedMutexGuard<()>,
}

impl Renewal {
    /// With what to ask.
    pub fn grant(&self) -> RefreshGrant {
        self.with.grant.clone()
    }
}

impl Sessions {
    /// The sessions in use here of which the provider is to be asked by now.
    pub fn due(&self) -> Vec<Arc<Session>> {
        let now = self.clock.now();
        self.in_use(|session| session.due_at().is_some_and(|due| due <= now))
    }

    /// Whether a request must wait until the provider was asked: the question is long overdue, as after a
    /// pause in which nobody asked.
    pub fn is_overdue(&self, session: &Session) -> bool {
        session.due_at().is_some_and(|due| due.plus(OVERDUE) <= self.clock.now())
    }

    /// Whether what is known of the person is too old to go on with.
    pub fn is_stale(&self, session: &Session) -> bool {
        let longest = self.lifetimes.refresh + self.lifetimes.grace;
        session.due_at().is_some() && session.read_at().plus(longest) <= self.clock.now()
    }

    /// Takes the right to ask; nothing if there is nothing to ask, or somebody else is at it elsewhere.
    pub async fn begin_renewal(&self, session: &Arc<Session>) -> Result<Option<Renewal>, SessionError> {
        let alone = Arc::clone(&session.renewing).lock_owned().await;
        let now = self.clock.now();
        // Somebody here may have asked meanwhile.
        if session.ended().is_cancelled() || session.due_at().is_none_or(|due| due > now) {
            return Ok(None);
        }
        let name = session.id().0;
        let taken = self.store.lease(&name, &self.node, now.plus(LEASE), now).await.map_err(SessionError::Store)?;
        if !taken {
            return Ok(None);
        }
        // Or somebody elsewhere: the record says it.
        let record = self.reload(session).await?;
        match record.and_then(|record| record.renewal.clone().map(|renewal| (record, renewal))) {
            Some((record, renewal)) if renewal.due_at <= now => {
                Ok(Some(Renewal { session: Arc::clone(session), record, with: renewal, _alone: alone }))
            }
            _ => {
                self.give_back(session).await?;
                Ok(None)
            }
        }
    }

    /// Stores the refresh token that takes the place of the one that was spent.
    pub async fn keep(&self, renewal: &mut Renewal, grant: RefreshGrant) -> Result<(), SessionError> {
        renewal.with.grant = grant;
        self.write(renewal).await
    }

    /// Takes over what the provider said, for every process; gives the person as they were known before.
    pub async fn renewed(&self, mut renewal: Renewal, principal: Principal) -> Result<Arc<Principal>, SessionError> {
        let now = self.clock.now();
        renewal.with = self.renewal_record(renewal.with.grant.clone(), now);
        renewal.record.principal = principal.record().clone();
        self.write(&mut renewal).await?;
        let before = renewal.session.principal();
        renewal.session.learn(Some(principal), now, renewal.with.due_at);
        let notice = self.store.give_notice(RENEWED, &renewal.session.id().0, now).await;
        notice.map_err(SessionError::Store)?;
        self.give_back(&renewal.session).await?;
        Ok(before)
    }

    /// Lets the question rest for a while: the provider did not answer.
    pub async fn put_off(&self, renewal: Renewal) -> Result<(), SessionError> {
        let due_at = self.clock.now().plus(RETRY.min(self.lifetimes.refresh));
        renewal.session.learn(None, renewal.with.read_at, due_at);
        self.give_back(&renewal.session).await
    }

    /// Reads a session's record again and takes over what it says.
    pub(super) async fn reload(&self, session: &Session) -> Result<Option<SessionRecord>, SessionError> {
        let found = self.opened::<SessionRecord>(session.key(), Purpose::Session, self.clock.now()).await?;
        let Some(found) = found else {
            self.forget(session);
            return Ok(None);
        };
        let renewal = found.look(|record| record.renewal.clone());
        let record = found.look(SessionRecord::clone);
        let (read_at, due_at) = renewal.map_or_else(Default::default, |renewal| (renewal.read_at, renewal.due_at));
        session.learn(Some(Principal::restore(found.map(|record| record.principal))), read_at, due_at);
        Ok(Some(record))
    }

    /// When the provider is to be asked again, who answered now: before its tokens run out, and not later
    /// than configured.
    pub(super) fn renewal_record(&self, grant: RefreshGrant, now: Timestamp) -> RenewalRecord {
        let before_its_end = grant.valid_for().map(|valid| valid * 4 / 5);
        let after = before_its_end.unwrap_or(Duration::MAX).min(self.lifetimes.refresh).max(LEAST);
        RenewalRecord { grant, read_at: now, due_at: now.plus(after) }
    }

    async fn write(&self, renewal: &mut Renewal) -> Result<(), SessionError> {
        renewal.record.renewal = Some(renewal.with.clone());
        let key = renewal.session.key();
        let sealed = store::seal(&self.key, key, Purpose::Session, &renewal.record).map_err(SessionError::Seal)?;
        let there = self.store.replace(Purpose::Session, &renewal.session.id().0, &sealed).await;
        if !there.map_err(SessionError::Store)? {
            // Ended while the provider was asked.
            self.forget(&renewal.session);
        }
        Ok(())
    }

    pub(super) async fn give_back(&self, session: &Session) -> Result<(), SessionError> {
        self.store.release(&session.id().0, &self.node).await.map_err(SessionError::Store)
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("session", &self.session.id()).finish_non_exhaustive()
    }
}
