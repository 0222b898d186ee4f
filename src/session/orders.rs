//! Orders of the command line to end access: carried out by the process that serves, which keeps the record.
//!
//! An order lies in the store under a ticket, readable with the server's key alone, and a notice says that it
//! is there. One process takes it, records and does it, and writes what came of it beside it.

use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use serde::Deserialize;
use serde::Serialize;

use crate::model::ServerId;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::roll::Whose;
use crate::session::sessions::SessionError;
use crate::session::sessions::Sessions;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;

/// How long an order waits to be carried out.
pub const ORDER_LIFETIME: Duration = Duration::from_hours(1);

/// Orders at once.
const ORDERS: u32 = 100;

/// The topic of the notice that there is an order.
pub(super) const ORDERED: &str = "order";

/// What an operator wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// What is to end.
    pub end: Ending,
    /// The operator, as the machine knows them.
    pub by: String,
}

/// What is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Sessions, with everything under them.
    Sessions(Whose),
    /// What is open on a server, by its id.
    Server(String),
}

/// An order that one process has taken.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    /// What is wanted.
    pub order: Order,
    ticket: Key,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// How many sessions, or entries to a server, were ended.
    pub ended: u64,
    /// Whether it could not be recorded or done.
    pub failed: bool,
}

impl Ending {
    /// The server, if that is what it is about.
    pub fn server(&self) -> Option<ServerId> {
        match self {
            Self::Sessions(_) => None,
            Self::Server(id) => id.parse().ok(),
        }
    }
}

impl Sessions {
    /// Gives an order; gives its ticket.
    pub async fn order(&self, order: &Order) -> Result<Key, SessionError> {
        let random: &dyn SecureRandom = &*self.random;
        let (now, ticket) = (self.clock.now(), Token256::random(random).map_err(|_| SessionError::Random)?.digest());
        let label = store::seal_label(&self.key, Purpose::Order, &ticket, order).map_err(SessionError::Seal)?;
        let expires_at = now.plus(ORDER_LIFETIME);
        let (owner, marks, sealed) = (None, [None, None], Vec::new());
        let record = Record { purpose: Purpose::Order, key: ticket, owner, marks, expires_at, sealed, label };
        self.store.put_bounded(&record, ORDERS, now).await.map_err(SessionError::Store)?;
        self.store.give_notice(ORDERED, &ticket, now).await.map_err(SessionError::Store)?;
        Ok(ticket)
    }

    /// What came of an order; nothing if nobody has carried it out yet.
    pub async fn outcome(&self, ticket: &Key) -> Result<Option<Done>, SessionError> {
        let found = self.store.get(Purpose::Order, ticket, self.clock.now()).await.map_err(SessionError::Store)?;
        Ok(found.and_then(|record| serde_json::from_slice(&record.sealed).ok()))
    }

    /// Orders that nobody has carried out, for a process that begins to serve.
    pub async fn open_orders(&self) -> Result<Vec<Key>, SessionError> {
        let found = self.store.labelled(Purpose::Order, self.clock.now()).await.map_err(SessionError::Store)?;
        Ok(found.into_iter().map(|order| order.key).collect())
    }

    /// Takes an order, unless another process has it or it was carried out.
    pub async fn take_order(&self, ticket: &Key) -> Result<Option<Taken>, SessionError> {
        let now: Timestamp = self.clock.now();
        let taken = self.store.lease(ticket, &self.node, now.plus(ORDER_LIFETIME), now).await;
        if !taken.map_err(SessionError::Store)? {
            return Ok(None);
        }
        let found = self.store.get(Purpose::Order, ticket, now).await.map_err(SessionError::Store)?;
        let Some(found) = found.filter(|record| record.sealed.is_empty()) else { return Ok(None) };
        let order = store::open_label(&self.key, Purpose::Order, ticket, found.label).map_err(SessionError::Seal)?;
        Ok(Some(Taken { order, ticket: *ticket }))
    }

    /// Says what came of an order.
    pub async fn carried_out(&self, taken: Taken, done: Done) -> Result<(), SessionError> {
        let said = serde_json::to_vec(&done).map_err(|error| SessionError::Seal(store::SealError::Write(error)))?;
        let written = self.store.replace(Purpose::Order, &taken.ticket, &said).await;
        written.map(|_| ()).map_err(SessionError::Store)
    }
}
