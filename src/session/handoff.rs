//! From the console to a panel origin: a ticket for the entrance, then a code. Each works once, for 30 seconds.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Target;
use crate::session::entry::Entry;
use crate::session::entry::EntryRecord;
use crate::session::entry::PlaceRecord;
use crate::session::person::SessionId;
use crate::store::Key;

/// A hand-off that was redeemed: the entry it makes, and the page it leads to.
#[derive(Debug)]
pub struct Handoff {
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
