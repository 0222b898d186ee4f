//! Sign-ins that wait for their callback, on our side.
//!
//! The browser holds one short cookie for all its tabs; each sign-in has a `state` of its own. A callback
//! finds its sign-in by the state, and opens it only with the cookie of the browser that began it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::ClientAddr;
use crate::model::Clock;
use crate::model::Token256;
use crate::session::sessions::SessionError;
use crate::session::share::Shares;
use crate::store;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::ServerKey;
use crate::store::Store;

/// The sign-ins under way.
pub struct PendingLogins {
    store: Store,
    key: ServerKey,
    clock: Arc<dyn Clock>,
    lifetime: Duration,
    limit: u32,
    shares: Shares,
}

impl PendingLogins {
    /// At most so many at once, and so many begun by one address within `lifetime`, which each has.
    pub fn new(
        store: Store,
        key: ServerKey,
        clock: Arc<dyn Clock>,
        lifetime: Duration,
        (limit, per_address): (u32, u32),
    ) -> Self {
        Self { store, key, clock, lifetime, limit, shares: Shares::new(per_address, lifetime) }
    }

    /// Keeps a sign-in until its callback.
    pub async fn keep<T: Serialize>(
        &self,
        client: ClientAddr,
        browser: &Token256,
        state: &Token256,
        login: &T,
    ) -> Result<(), SessionError> {
        let now = self.clock.now();
        if !self.shares.take(client, now) {
            return Err(SessionError::TooManySignIns);
        }
        let sealed = store::seal(&self.key, browser, Purpose::PendingLogin, login).map_err(SessionError::Seal)?;
        let record = Record {
            purpose: Purpose::PendingLogin,
            key: state.digest(),
            owner: None,
            marks: [None, None],
            expires_at: now.plus(self.lifetime),
            sealed,
            label: Vec::new(),
        };
        self.store.put_bounded(&record, self.limit, now).await.map_err(SessionError::Store)
    }

    /// Takes the sign-in of a callback: once, and only for the browser that began it.
    pub async fn take<T: DeserializeOwned>(
        &self,
        browser: &Token256,
        state: &Token256,
    ) -> Result<Option<T>, SessionError> {
        let now = self.clock.now();
        let taken = self.store.take(Purpose::PendingLogin, &state.digest(), now).await;
        let Some(record) = taken.map_err(SessionError::Store)? else { return Ok(None) };
        Ok(store::open(&self.key, browser, Purpose::PendingLogin, record.sealed).ok().map(store::Unsealed::into_inner))
    }
}

impl fmt::Debug for PendingLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogins").field("limit", &self.limit).finish_non_exhaustive()
    }
}
