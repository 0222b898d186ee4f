//! What a session's panels have in common at every gateway, sealed like everything else of the session.
//!
//! It is sealed under a token that is made of the session's key, so it opens where one of the person's cookies
//! has come, with the server's key, and nowhere else. It ends with the session.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::person::Session;
use crate::session::person::SessionId;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;

/// What one session may have in its drawers, over all sessions on average.
const EACH: u32 = 20;

/// The topic of the notice that another gateway has put something else in a drawer.
pub(super) const LAID: &str = "laid";

/// A place in the store for one thing of one session.
#[derive(Clone)]
pub struct Drawer {
    token: Token256,
    session: SessionId,
    until: Timestamp,
}

/// What was found in a drawer.
pub struct Found<T> {
    /// The value.
    pub value: T,
    sealed: Vec<u8>,
}

impl Drawer {
    /// Its key in the store, by which notices name it. It opens nothing.
    pub fn key(&self) -> Key {
        self.token.digest()
    }
}

impl Sessions {
    /// The drawer of this name in a session.
    pub fn drawer(&self, session: &Session, name: &[&[u8]]) -> Drawer {
        let names: Vec<&[u8]> =
            std::iter::once(b"panelgate/drawer/v1".as_slice()).chain(name.iter().copied()).collect();
        let until = session.created_at().plus(self.lifetimes.absolute);
        Drawer { token: session.key().derived(&names), session: session.id(), until }
    }

    /// The time by this gateway's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is in a drawer.
    pub async fn in_drawer<T: DeserializeOwned>(&self, drawer: &Drawer) -> Result<Option<Found<T>>, SessionError> {
        let found = self.store.get(Purpose::PanelSession, &drawer.key(), self.clock.now()).await;
        let Some(found) = found.map_err(SessionError::Store)? else { return Ok(None) };
        let sealed = found.sealed.clone();
        // What another version has written, or another server key has sealed, is as good as nothing.
        let value = store::open::<T>(&self.key, &drawer.token, Purpose::PanelSession, found.sealed).ok();
        Ok(value.map(|value| Found { value: value.into_inner(), sealed }))
    }

    /// Puts something in a drawer in the place of what was found there, or of nothing, and tells the other
    /// gateways; says whether it is there. If not, somebody else was faster.
    pub async fn lay_in<T: Serialize>(
        &self,
        drawer: &Drawer,
        value: &T,
        found: Option<&Found<T>>,
    ) -> Result<bool, SessionError> {
        let now = self.clock.now();
        let record = self.sealed(&drawer.token, Purpose::PanelSession, Some(drawer.session), drawer.until, value)?;
        let there = match found {
            Some(found) => self.store.exchange(Purpose::PanelSession, &record.key, &found.sealed, &record.sealed).await,
            None => self.store.put_once(&record, self.limit().saturating_mul(EACH), now).await,
        };
        if there.map_err(SessionError::Store)? {
            self.store.give_notice(LAID, &record.key, now).await.map_err(SessionError::Store)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Clears a drawer.
    pub async fn clear(&self, drawer: &Drawer) -> Result<(), SessionError> {
        let taken = self.store.take(Purpose::PanelSession, &drawer.key(), self.clock.now()).await;
        taken.map(drop).map_err(SessionError::Store)
    }

    /// Takes the right to put something else in a drawer, for so long at most; says whether nobody else has it.
    pub async fn reserve(&self, drawer: &Drawer, lasts: Duration) -> Result<bool, SessionError> {
        let now = self.clock.now();
        self.store.lease(&drawer.key(), &self.node, now.plus(lasts), now).await.map_err(SessionError::Store)
    }

    /// Gives that right back.
    pub async fn give_up(&self, drawer: &Drawer) -> Result<(), SessionError> {
        self.store.release(&drawer.key(), &self.node).await.map_err(SessionError::Store)
    }
}

impl fmt::Debug for Drawer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drawer").field("session", &self.session).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Found<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Found")
    }
}
