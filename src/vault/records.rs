//! The vault: sealed records in the store, one for each server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SecureRandom;

use crate::model::Clock;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::Store;
use crate::vault::binding::Binding;
use crate::vault::entry::Contents;
use crate::vault::entry::Entry;
use crate::vault::entry::Facts;
use crate::vault::entry::Listed;
use crate::vault::error::TokenError;
use crate::vault::master_key::MasterKeys;
use crate::vault::seal;

/// Records at once: more servers than a directory has.
const RECORDS: u32 = 100_000;

/// The end of a record that has none: the last moment that both databases can write.
const NEVER: Timestamp = Timestamp(i64::MAX.unsigned_abs());

/// The vault.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keys: MasterKeys,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

/// A record that one has to oneself for a while.
#[derive(Debug)]
#[must_use = "others wait until it is given back"]
pub struct Reserved {
    name: Key,
    holder: Key,
}

/// What sealing everything anew came to.
#[derive(Debug, Default)]
pub struct Rekeyed {
    /// Records that were sealed with the current key now.
    pub renewed: usize,
    /// Records that had been before.
    pub current: usize,
    /// Records that do not open, and why.
    pub failed: Vec<TokenError>,
}

impl Vault {
    /// The vault in a store.
    pub fn new(
        store: Store,
        keys: MasterKeys,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Self {
        Self { store, keys, clock, random }
    }

    /// Opens the record of a server, which has to be bound to what the directory says.
    pub async fn open(&self, binding: &Binding) -> Result<Entry, TokenError> {
        seal::is_bound(self.open_whatever(&binding.server).await?, binding)
    }

    /// Opens the record of a server, whatever it is bound to.
    pub async fn open_whatever(&self, server: &str) -> Result<Entry, TokenError> {
        let found = self.store.get(Purpose::ApiToken, &place(server), self.clock.now()).await;
        let record = found.map_err(TokenError::Store)?.ok_or_else(|| TokenError::Missing(server.to_owned()))?;
        seal::open(&self.keys, server, record.sealed)
    }

    /// Writes the first record of a server. Of several who try, one succeeds.
    pub async fn add(&self, binding: &Binding, contents: Contents) -> Result<Entry, TokenError> {
        let (entry, now) = self.sealed(binding, contents)?;
        let record = Record {
            purpose: Purpose::ApiToken,
            key: place(&binding.server),
            owner: None,
            marks: [None, None],
            expires_at: NEVER,
            sealed: entry.raw.clone(),
            label: Vec::new(),
        };
        let written = self.store.put_once(&record, RECORDS, now).await.map_err(TokenError::Store)?;
        if written { Ok(entry) } else { Err(TokenError::Exists(binding.server.clone())) }
    }

    /// Writes other contents into a record, unless somebody else has changed it since it was opened.
    pub async fn change(&self, entry: &Entry, binding: &Binding, contents: Contents) -> Result<Entry, TokenError> {
        let (changed, _) = self.sealed(binding, contents)?;
        let key = place(&binding.server);
        let done = self.store.exchange(Purpose::ApiToken, &key, &entry.raw, &changed.raw).await;
        let done = done.map_err(TokenError::Store)?;
        if done { Ok(changed) } else { Err(TokenError::Overtaken(binding.server.clone())) }
    }

    /// Takes a server's record for one who is about to change it; nothing, if somebody else has it. What was not
    /// given back is free again after `span`.
    pub async fn reserve(&self, server: &str, span: Duration) -> Result<Option<Reserved>, TokenError> {
        let holder = Token256::random(&*self.random).map_err(|_| TokenError::Seal)?.digest();
        let (name, now) = (place(&format!("lease/{server}")), self.clock.now());
        let taken = self.store.lease(&name, &holder, now.plus(span), now).await.map_err(TokenError::Store)?;
        Ok(taken.then_some(Reserved { name, holder }))
    }

    /// Keeps a record for longer; says whether it was still kept.
    pub async fn keep(&self, reserved: &Reserved, span: Duration) -> Result<bool, TokenError> {
        let now = self.clock.now();
        let kept = self.store.lease(&reserved.name, &reserved.holder, now.plus(span), now).await;
        kept.map_err(TokenError::Store)
    }

    /// Gives a record back.
    pub async fn release(&self, reserved: Reserved) -> Result<(), TokenError> {
        self.store.release(&reserved.name, &reserved.holder).await.map_err(TokenError::Store)
    }

    fn sealed(&self, binding: &Binding, contents: Contents) -> Result<(Entry, Timestamp), TokenError> {
        let stored_at = self.clock.now();
        let (name, expires_at, rotation) = (contents.name.clone(), contents.expires_at, contents.rotation.clone());
        let facts = Facts { version: 0, binding: binding.clone(), name, expires_at, stored_at, rotation };
        let raw = seal::seal(&self.keys, &*self.random, &facts, &contents)?;
        Ok((Entry { binding: binding.clone(), contents, stored_at, raw }, stored_at))
    }

    /// Removes a record; says whether there was one.
    pub async fn remove(&self, server: &str) -> Result<bool, TokenError> {
        let key = place(server);
        self.store.remove_with_owned(Purpose::ApiToken, &key).await.map_err(TokenError::Store)
    }

    /// All records, by the ids of their servers.
    pub async fn list(&self) -> Result<Vec<Listed>, TokenError> {
        let mut listed = Vec::new();
        for record in self.records().await? {
            let Some((facts, key)) = seal::facts(&record.sealed) else { continue };
            let opened = if place(&facts.binding.server) == record.key {
                seal::open(&self.keys, &facts.binding.server, record.sealed).err()
            } else {
                Some(TokenError::Altered(facts.binding.server.clone()))
            };
            let Facts { binding, name, expires_at, stored_at, rotation, .. } = facts;
            let closed = opened.map(|error| error.to_string());
            listed.push(Listed { binding, name, expires_at, stored_at, rotation, key, closed });
        }
        listed.sort_by(|one, other| one.binding.server.cmp(&other.binding.server));
        Ok(listed)
    }

    async fn records(&self) -> Result<Vec<Record>, TokenError> {
        self.store.all(Purpose::ApiToken, self.clock.now()).await.map_err(TokenError::Store)
    }

    /// Seals every record with the current master key. What does not open stays as it is, and is told.
    pub async fn rekey(&self) -> Result<Rekeyed, TokenError> {
        let mut done = Rekeyed::default();
        for record in self.records().await? {
            let Some((facts, key)) = seal::facts(&record.sealed) else { continue };
            if key == self.keys.current.id() {
                done.current += 1;
                continue;
            }
            match self.renew(&facts.binding.server).await {
                Ok(()) => done.renewed += 1,
                Err(error) => done.failed.push(error),
            }
        }
        Ok(done)
    }

    async fn renew(&self, server: &str) -> Result<(), TokenError> {
        let entry = self.open_whatever(server).await?;
        self.change(&entry, &entry.binding, entry.contents.clone()).await.map(|_| ())
    }
}

/// Where a server's record lies.
fn place(server: &str) -> Key {
    let hash = digest::digest(&digest::SHA256, format!("panelgate/vault/{server}").as_bytes());
    let mut key = [0; 32];
    key.iter_mut().zip(hash.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    key
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keys", &self.keys).finish_non_exhaustive()
    }
}
