//! What looks from outside found over time, in the store: one record for each server, sealed.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Clock;
use crate::model::Timestamp;
use crate::shield::report::Looked;
use crate::shield::verdict::Verdict;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::SealError;
use crate::store::ServerKey;
use crate::store::Store;
use crate::store::StoreError;

/// Servers whose history is kept at most.
const SERVERS: u32 = 100_000;

/// Changes of one server that are kept at most; the oldest go.
const CHANGES: usize = 30;

/// A server that nobody looks at any more is forgotten.
const LIFETIME: Duration = Duration::from_hours(24 * 400);

/// What was found, from when until when it was found again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it came to.
    pub verdict: Verdict,
    /// The ports that answered.
    pub ports: BTreeSet<u16>,
    /// First found so.
    pub since: Timestamp,
    /// Last found so.
    pub until: Timestamp,
    /// From where it was looked, the last time.
    pub from: BTreeSet<IpAddr>,
}

/// A server's history, the latest last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id in the directory.
    pub server: String,
    /// What was found; at least one.
    pub entries: Vec<Entry>,
}

/// What a look changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// As before, or it could not be told.
    None,
    /// It answers, and did not before; nobody having looked counts as closed.
    Opened,
    /// It answers no longer.
    Closed,
}

/// Why the history could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store did not do it.
    #[error("the history of the shield cannot be reached")]
    Store(#[source] StoreError),
    /// Sealing failed.
    #[error("the history of a shield cannot be sealed or opened")]
    Seal(#[source] SealError),
}

/// The histories in a store.
#[derive(Clone)]
pub struct History {
    store: Store,
    key: ServerKey,
    clock: Arc<dyn Clock>,
}

impl Known {
    /// What was found last.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Whether a panel answered when that could last be told.
    fn was_open(&self) -> bool {
        let told = self.entries.iter().rev().find(|entry| entry.verdict != Verdict::Unknown);
        told.is_some_and(|entry| entry.verdict != Verdict::Closed)
    }

    /// Takes what a look found.
    fn take(&mut self, looked: &Looked, at: Timestamp, from: &BTreeSet<IpAddr>) -> Drift {
        let was_open = self.was_open();
        let ports = looked.answering();
        let drift = match looked.verdict {
            Verdict::Open | Verdict::Unclear if !was_open => Drift::Opened,
            Verdict::Closed if was_open => Drift::Closed,
            Verdict::Open | Verdict::Unclear | Verdict::Closed | Verdict::Unknown => Drift::None,
        };
        match self.entries.last_mut() {
            Some(last) if last.verdict == looked.verdict && last.ports == ports => {
                last.until = at.max(last.until);
                last.from.clone_from(from);
            }
            Some(_) | None => {
                let verdict = looked.verdict;
                self.entries.push(Entry { verdict, ports, since: at, until: at, from: from.clone() });
                let too_many = self.entries.len().saturating_sub(CHANGES);
                self.entries.drain(..too_many);
            }
        }
        drift
    }
}

impl History {
    /// The histories in a store.
    pub fn new(store: Store, key: ServerKey, clock: Arc<dyn Clock>) -> Self {
        Self { store, key, clock }
    }

    /// What a look at a server changes, before it is kept.
    pub async fn drift(&self, looked: &Looked, at: Timestamp, from: &BTreeSet<IpAddr>) -> Result<Drift, HistoryError> {
        Ok(self.known(&looked.server).await?.take(looked, at, from))
    }

    /// Keeps what a look at a server found.
    pub async fn keep(&self, looked: &Looked, at: Timestamp, from: &BTreeSet<IpAddr>) -> Result<(), HistoryError> {
        let mut known = self.known(&looked.server).await?;
        let is_new = known.entries.is_empty();
        known.take(looked, at, from);
        let key = key_of(&known.server);
        let label = store::seal_label(&self.key, Purpose::Shield, &key, &known).map_err(HistoryError::Seal)?;
        let now = self.clock.now();
        let expires_at = now.plus(LIFETIME);
        let record = Record {
            purpose: Purpose::Shield,
            key,
            owner: None,
            marks: [None, None],
            expires_at,
            sealed: Vec::new(),
            label,
        };
        if is_new {
            return self.store.put_bounded(&record, SERVERS, now).await.map_err(HistoryError::Store);
        }
        self.store.rewrite(&record).await.map_err(HistoryError::Store)?;
        self.store.extend(Purpose::Shield, &key, expires_at).await.map(|_| ()).map_err(HistoryError::Store)
    }

    /// All histories, by server.
    pub async fn all(&self) -> Result<Vec<Known>, HistoryError> {
        let found = self.store.labelled(Purpose::Shield, self.clock.now()).await.map_err(HistoryError::Store)?;
        let open = |record: store::Labelled| {
            store::open_label(&self.key, Purpose::Shield, &record.key, record.label).map_err(HistoryError::Seal)
        };
        let mut all: Vec<Known> = found.into_iter().map(open).collect::<Result<_, _>>()?;
        all.sort_by(|one, other| one.server.cmp(&other.server));
        Ok(all)
    }

    async fn known(&self, server: &str) -> Result<Known, HistoryError> {
        let key = key_of(server);
        let record = self.store.get(Purpose::Shield, &key, self.clock.now()).await.map_err(HistoryError::Store)?;
        match record {
            Some(record) => {
                store::open_label(&self.key, Purpose::Shield, &key, record.label).map_err(HistoryError::Seal)
            }
            None => Ok(Known { server: server.to_owned(), entries: Vec::new() }),
        }
    }
}

fn key_of(server: &str) -> Key {
    let mut key = Key::default();
    let hash = digest::digest(&digest::SHA256, format!("panelgate/shield/{server}").as_bytes());
    for (slot, byte) in key.iter_mut().zip(hash.as_ref()) {
        *slot = *byte;
    }
    key
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(verdict: Verdict) -> Looked {
        Looked { server: "web1".to_owned(), verdict, places: Vec::new(), why_not: None }
    }

    #[test]
    fn drift_is_a_change_between_closed_and_not_and_what_cannot_be_told_is_none() {
        let mut known = Known { server: "web1".to_owned(), entries: Vec::new() };
        let found: Vec<Drift> = [
            Verdict::Unknown,
            Verdict::Closed,
            Verdict::Closed,
            Verdict::Open,
            Verdict::Unknown,
            Verdict::Unclear,
            Verdict::Closed,
        ]
        .into_iter()
        .zip(1..)
        .map(|(verdict, second)| known.take(&looked(verdict), Timestamp::from_secs(second), &BTreeSet::new()))
        .collect();
        let none = Drift::None;
        assert_eq!(found, [none, none, none, Drift::Opened, none, none, Drift::Closed]);
        assert_eq!(known.entries.len(), 6, "what is found again is no new entry");
        assert_eq!(known.entries.get(1).unwrap().until, Timestamp::from_secs(3));
        let mut fresh = Known { server: "web1".to_owned(), entries: Vec::new() };
        assert_eq!(fresh.take(&looked(Verdict::Open), Timestamp::from_secs(1), &BTreeSet::new()), Drift::Opened);
        for second in 0..100 {
            let verdict = if second % 2 == 0 { Verdict::Open } else { Verdict::Closed };
            known.take(&looked(verdict), Timestamp::from_secs(second), &BTreeSet::new());
        }
        assert_eq!(known.entries.len(), CHANGES);
    }
}
