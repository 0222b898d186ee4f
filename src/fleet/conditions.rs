//! The conditions of all servers, shared by all gateways: each server is looked at by one of them at a time, and not
//! again before its time, whoever restarts.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SecureRandom;
use serde::Deserialize;
use serde::Serialize;

use crate::fleet::condition::Condition;
use crate::model::Clock;
use crate::model::ServerId;
use crate::model::Token256;
use crate::store;
use crate::store::Key;
use crate::store::Labelled;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::SealError;
use crate::store::ServerKey;
use crate::store::Store;
use crate::store::StoreError;
use crate::telemetry::Chain;

/// What was found is kept for so long after the last look.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// More servers than a directory has.
const CONDITIONS: u32 = 100_000;

/// Why conditions cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConditionError {
    /// The store did not do it.
    #[error("the conditions of the servers cannot be kept")]
    Store(#[source] StoreError),
    /// A record does not open.
    #[error("the condition of a server cannot be sealed")]
    Seal(#[source] SealError),
    /// The random source failed.
    #[error("no random numbers for a lease")]
    Random,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    condition: Condition,
}

/// A server that one has to oneself for a look.
#[derive(Debug)]
#[must_use = "others wait until it is given back"]
pub struct Turn {
    name: Key,
    holder: Key,
}

/// The conditions in a store.
#[derive(Clone)]
pub struct Conditions {
    store: Store,
    key: ServerKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

impl Conditions {
    /// The conditions in a store.
    pub fn new(
        store: Store,
        key: ServerKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Self {
        Self { store, key, clock, random }
    }

    /// Takes a server for a look, for `span` at most; nothing, if somebody else has it.
    pub async fn take(&self, server: &ServerId, span: Duration) -> Result<Option<Turn>, ConditionError> {
        let holder = Token256::random(&*self.random).map_err(|_| ConditionError::Random)?.digest();
        let (name, now) = (place("watch", server), self.clock.now());
        let taken = self.store.lease(&name, &holder, now.plus(span), now).await.map_err(ConditionError::Store)?;
        Ok(taken.then_some(Turn { name, holder }))
    }

    /// Gives a server back.
    pub async fn release(&self, turn: Turn) -> Result<(), ConditionError> {
        self.store.release(&turn.name, &turn.holder).await.map_err(ConditionError::Store)
    }

    /// Keeps what was found.
    pub async fn put(&self, server: &ServerId, condition: &Condition) -> Result<(), ConditionError> {
        let (key, now, purpose) = (place("condition", server), self.clock.now(), Purpose::ServerCondition);
        let kept = Kept { server: server.to_string(), condition: condition.clone() };
        let label = store::seal_label(&self.key, purpose, &key, &kept).map_err(ConditionError::Seal)?;
        let (owner, marks, expires_at) = (None, [None, None], now.plus(LIFETIME));
        let record = Record { purpose, key, owner, marks, expires_at, sealed: Vec::new(), label };
        let written = async {
            if self.store.rewrite(&record).await? || !self.store.put_once(&record, CONDITIONS, now).await? {
                self.store.extend(purpose, &key, expires_at).await?;
            }
            Ok(())
        };
        written.await.map_err(ConditionError::Store)
    }

    /// Forgets what was found about a server, and with it what its settings and its token once were.
    pub async fn forget(&self, server: &ServerId) -> Result<(), ConditionError> {
        let removed = self.store.remove_with_owned(Purpose::ServerCondition, &place("condition", server)).await;
        removed.map(|_| ()).map_err(ConditionError::Store)
    }

    /// What was found last about a server.
    pub async fn of(&self, server: &ServerId) -> Result<Option<Condition>, ConditionError> {
        let key = place("condition", server);
        let found = self.store.get(Purpose::ServerCondition, &key, self.clock.now()).await;
        let found = found.map_err(ConditionError::Store)?;
        Ok(found.and_then(|record| self.open(&key, record.label)).map(|kept| kept.condition))
    }

    /// What was found last about all, by the ids of the servers.
    pub async fn all(&self) -> Result<HashMap<String, Condition>, ConditionError> {
        let found = self.store.labelled(Purpose::ServerCondition, self.clock.now()).await;
        let opened = found.map_err(ConditionError::Store)?.into_iter();
        let opened = opened.filter_map(|Labelled { key, label, .. }| self.open(&key, label));
        Ok(opened.map(|Kept { server, condition }| (server, condition)).collect())
    }

    /// One that was sealed with another server key, or by a release that wrote something else, is none: the next
    /// look writes a new one.
    fn open(&self, key: &Key, label: Vec<u8>) -> Option<Kept> {
        match store::open_label(&self.key, Purpose::ServerCondition, key, label) {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::debug!(cause = %Chain(&error), "the condition of a server does not open");
                None
            }
        }
    }
}

fn place(kind: &str, server: &ServerId) -> Key {
    let hash = digest::digest(&digest::SHA256, format!("panelgate/{kind}/{server}").as_bytes());
    let mut key = [0; 32];
    key.iter_mut().zip(hash.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    key
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditions").finish_non_exhaustive()
    }
}
