//! From the console to a panel origin: a ticket for the entrance, then a code. Each works once, for 30 seconds.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Target;
use crate::model::Timestamp;
use crate::model::Token256;
use crate::session::entry::Entry;
use crate::session::entry::EntryPlace;
use crate::session::entry::EntryRecord;
use crate::session::entry::PlaceRecord;
use crate::session::person::SessionId;
use crate::store::Key;

/// A ticket that was shown in its session, and that somebody has to spend.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    /// What it leads to.
    pub place: EntryPlace,
    pub(super) token: Token256,
    /// When it was shown: then it was in time, however long a server takes to open meanwhile.
    pub(super) at: Timestamp,
}

/// A hand-off that was shown by its browser, and that somebody has to spend: the entry it makes, and the page it
/// leads to.
#[derive(Debug)]
#[must_use]
pub struct Handoff {
    pub(super) code: Token256,
    pub(super) at: Timestamp,
    /// The entry.
    pub entry: Entry,
    /// The panel's page.
    pub landing: Target,
}

/// A ticket as it lies sealed in the store: what a person asked for on one of our own pages.
#[derive(Serialize, Deserialize)]
pub(super) struct TicketRecord {
    pub(super) session: SessionId,
    pub(super) place: PlaceRecord,
}

/// A hand-off as it lies sealed in the store, under its code.
#[derive(Serialize, Deserialize)]
pub(super) struct HandoffRecord {
    pub(super) entry: EntryRecord,
    pub(super) landing: String,
    /// SHA-256 of the verifier that the panel origin's cookie holds (PKCE, RFC 7636, with S256).
    pub(super) challenge: Key,
}
