//! A browser's entry to one panel origin.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Account;
use crate::model::ServerId;
use crate::model::Service;
use crate::session::person::Session;
use crate::session::record::KeyText;

/// What an entry leads to, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPlace {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account.
    pub account: Account,
    /// The account in WHM that it was reached through, if it is one of its customers.
    pub through: Option<Account>,
}

/// A live entry: the panel origin's cookie stands for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The session that it belongs to and ends with.
    pub session: Arc<Session>,
    /// Where it leads.
    pub place: EntryPlace,
    /// The digits of the security token under which the panel session was opened, so that a new one can
    /// be opened under the same after a restart.
    pub security_token: SecretDigits,
}

/// A panel's security token on its way through a record.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretDigits(pub String);

impl fmt::Debug for SecretDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigits([redacted])")
    }
}

/// An entry, or a hand-off on its way to one, as it lies sealed in the store.
#[derive(Serialize, Deserialize)]
pub(super) struct EntryRecord {
    pub(super) session: KeyText,
    #[serde(flatten)]
    place: PlaceRecord,
    pub(super) security_token: SecretDigits,
}

/// Where an entry leads, as names: in its record, and in what an operator may read of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlaceRecord {
    server: String,
    service: String,
    account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    through: Option<String>,
}

impl EntryRecord {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            session: KeyText(entry.session.key().clone()),
            place: PlaceRecord::new(&entry.place),
            security_token: entry.security_token.clone(),
        }
    }

    /// Where it leads; nothing if an older version wrote names that are none today.
    pub(super) fn place(&self) -> Option<EntryPlace> {
        self.place.read()
    }
}

impl PlaceRecord {
    pub(super) fn new(place: &EntryPlace) -> Self {
        Self {
            server: place.server.to_string(),
            service: place.service.to_string(),
            account: place.account.to_string(),
            through: place.through.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn read(&self) -> Option<EntryPlace> {
        Some(EntryPlace {
            server: self.server.parse().ok()?,
            service: self.service.parse().ok()?,
            account: self.account.parse().ok()?,
            through: self.through.as_ref().map(|name| name.parse()).transpose().ok()?,
        })
    }
}
