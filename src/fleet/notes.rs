//! Notes for the audit log: written into the store before an act, by whoever does it, and recorded by a process
//! that serves, which alone writes the log's chain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SecureRandom;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Clock;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::shield::History;
use crate::store;
use crate::store::Key;
use crate::store::Purpose;
use crate::store::Record;
use crate::store::SealError;
use crate::store::ServerKey;
use crate::store::Store;
use crate::store::StoreError;

/// Notes that wait to be recorded. A gateway that serves takes them within a second.
const NOTES: u32 = 100_000;

/// How long a note waits for a gateway that serves.
const LIFETIME: Duration = Duration::from_hours(24 * 3650);

/// How long one process has the notes to itself.
const LEASE: Duration = Duration::from_secs(30);

/// The name of that lease.
const LEASE_NAME: Key = *b"panelgate/fleet-notes/lease/v001";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A server entered the directory.
    Enrolled,
    /// A token was put into the vault by hand.
    Stored,
    /// A token was removed from the vault.
    Removed,
    /// A token was bound to what the directory says by now.
    Rebound,
    /// A new token is asked for.
    Creating,
    /// A new token was created, verified and is in use.
    Switched,
    /// An old token was revoked at its server.
    Revoked,
    /// A new token was given up; the old one stays in use.
    RolledBack,
    /// The change of a token failed.
    RotationFailed,
    /// Records were sealed with another master key.
    Rekeyed,
    /// All tokens were written into an encrypted file.
    Exported,
    /// Tokens came out of an encrypted file.
    Imported,
    /// A server's panels answer to strangers.
    ShieldOpened,
    /// They answer no longer.
    ShieldClosed,
    /// What is wrong with a server is something else than before.
    Troubled,
    /// Nothing is wrong with a server any more.
    Well,
    /// An operator accepts how a server is now.
    Accepted,
    /// A new server key takes the place of the one before.
    ServerKeyRotated,
    /// The server key of before is removed.
    ServerKeyForgotten,
    /// What is believed about cpsrvd is held against a server.
    Probed,
}

impl Act {
    /// The reason's code in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Stored => "stored",
            Self::Removed => "removed",
            Self::Rebound => "rebound",
            Self::Creating => "creating",
            Self::Switched => "switched",
            Self::Revoked => "revoked",
            Self::RolledBack => "rolled_back",
            Self::RotationFailed => "rotation_failed",
            Self::Rekeyed => "rekeyed",
            Self::Exported => "exported",
            Self::Imported => "imported",
            Self::ShieldOpened => "shield_opened",
            Self::ShieldClosed => "shield_closed",
            Self::Troubled => "troubled",
            Self::Well => "well",
            Self::Accepted => "accepted",
            Self::ServerKeyRotated => "server_key_rotated",
            Self::ServerKeyForgotten => "server_key_forgotten",
            Self::Probed => "probed",
        }
    }
}

/// One note. It holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// What was done.
    pub act: Act,
    /// The server, if it is about one.
    pub server: Option<String>,
    /// The token's owner.
    pub account: Option<String>,
    /// Who did it: an operator, as the machine knows them, or the gateway.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What else there is to say.
    pub detail: String,
}

/// A note that is to be recorded now.
#[derive(Debug)]
pub struct Noted {
    /// The note.
    pub note: Note,
    key: Key,
}

/// Why a note could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The store did not do it.
    #[error("what is about to be done cannot be noted for the audit log")]
    Store(#[source] StoreError),
    /// Sealing failed.
    #[error("a note for the audit log cannot be sealed or opened")]
    Seal(#[source] SealError),
    /// The random source failed.
    #[error("no random numbers for a note")]
    Random,
}

/// The notes in a store.
#[derive(Clone)]
pub struct Notes {
    store: Store,
    key: ServerKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom + Send + Sync>,
    by: String,
    node: Key,
}

impl Notes {
    /// The notes of `by` in a store.
    pub fn new(
        store: Store,
        key: ServerKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom + Send + Sync>,
        by: &str,
    ) -> Result<Self, NoteError> {
        let node = Token256::random(&*random).map_err(|_| NoteError::Random)?.digest();
        Ok(Self { store, key, clock, random, by: by.to_owned(), node })
    }

    /// What was seen of the servers' panels from outside, in the same store.
    pub fn shield(&self) -> History {
        History::new(self.store.clone(), self.key.clone(), Arc::clone(&self.clock))
    }

    /// Notes what is about to be done. Without it, it must not be done.
    pub async fn write(&self, act: Act, server: &str, account: &str, detail: &str) -> Result<(), NoteError> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let at = self.clock.now();
        let note = Note {
            act,
            server: named(server),
            account: named(account),
            by: self.by.clone(),
            at,
            detail: detail.to_owned(),
        };
        let key = Token256::random(&*self.random).map_err(|_| NoteError::Random)?.digest();
        let label = store::seal_label(&self.key, Purpose::FleetNote, &key, &note).map_err(NoteError::Seal)?;
        let (owner, marks, sealed) = (None, [None, None], Vec::new());
        let expires_at = at.plus(LIFETIME);
        let record = Record { purpose: Purpose::FleetNote, key, owner, marks, expires_at, sealed, label };
        self.store.put_bounded(&record, NOTES, at).await.map_err(NoteError::Store)
    }

    /// The notes that wait, in the order in which they were written; none while another process has them.
    pub async fn waiting(&self) -> Result<Vec<Noted>, NoteError> {
        let now = self.clock.now();
        let found = self.store.labelled(Purpose::FleetNote, now).await.map_err(NoteError::Store)?;
        if found.is_empty() || !self.lease(now).await? {
            return Ok(Vec::new());
        }
        // Looked for again: what another process had recorded meanwhile is gone.
        let found = self.store.labelled(Purpose::FleetNote, now).await.map_err(NoteError::Store)?;
        let mut notes = Vec::new();
        for labelled in found {
            let opened = store::open_label(&self.key, Purpose::FleetNote, &labelled.key, labelled.label);
            notes.push(Noted { note: opened.map_err(NoteError::Seal)?, key: labelled.key });
        }
        Ok(notes)
    }

    async fn lease(&self, now: Timestamp) -> Result<bool, NoteError> {
        self.store.lease(&LEASE_NAME, &self.node, now.plus(LEASE), now).await.map_err(NoteError::Store)
    }

    /// A note is on record.
    pub async fn recorded(&self, noted: Noted) -> Result<(), NoteError> {
        let removed = self.store.remove_with_owned(Purpose::FleetNote, &noted.key).await;
        removed.map(|_| ()).map_err(NoteError::Store)
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").field("by", &self.by).finish_non_exhaustive()
    }
}
