//! A browser's entry to one panel origin.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::identity::PrincipalRecord;
use crate::model::Account;
use crate::model::ServerId;
use crate::model::Service;
use crate::model::Timestamp;
use crate::session::person::Session;
use crate::session::person::SessionId;

/// What an entry leads to, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPlace {
    /// The server.
    pub server: ServerId,
    /// The service.
    pub service: Service,
    /// The account.
    pub account: Account,
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
    pub(super) session: SessionId,
    pub(super) session_created_at: Timestamp,
    pub(super) principal: PrincipalRecord,
    server: String,
    service: String,
    account: String,
    pub(super) security_token: SecretDigits,
}

impl EntryRecord {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            session: entry.session.id(),
            session_created_at: entry.session.created_at(),
            principal: entry.session.principal().record().clone(),
            server: entry.place.server.to_string(),
            service: entry.place.service.to_string(),
            account: entry.place.account.to_string(),
            security_token: entry.security_token.clone(),
        }
    }

    /// Where it leads; nothing if an older version wrote names that are none today.
    pub(super) fn place(&self) -> Option<EntryPlace> {
        Some(EntryPlace {
            server: self.server.parse().ok()?,
            service: self.service.parse().ok()?,
            account: self.account.parse().ok()?,
        })
    }
}
