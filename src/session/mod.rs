//! A person's session: cookie ↔ principal, its lifetime, and the entries to panel origins that end with it.
//!
//! A cookie holds 256 random bits and nothing else. Its SHA-256 is the key of an entry's record, which is
//! sealed with the cookie and the server's key together ([`crate::store`]) and holds the session's own key.
//! That one opens the session's record in the same way, so whichever of the person's cookies comes, the
//! session can be read and written, and without any it cannot. What revocation needs stands beside the
//! sealed record: keyed hashes of the person and of the provider's session, and a label for operators.
//!
//! Live sessions are kept in memory beside the store, so that a request seldom touches it. Ending a session
//! cancels its token, which cuts everything that runs under it.

mod again;
mod drawer;
mod entries;
mod entry;
mod handoff;
mod keys;
mod notices;
mod orders;
mod pending;
mod person;
mod record;
mod renewal;
mod roll;
mod sessions;
mod share;
#[cfg(test)]
mod tests;
mod thread;

pub use drawer::Drawer;
pub use drawer::Found;
pub use entry::Entry;
pub use entry::EntryPlace;
pub use entry::SecretDigits;
pub use handoff::Handoff;
pub use handoff::Ticket;
pub use keys::KeyUse;
pub use keys::KeyUses;
pub use notices::Heard;
pub use orders::Done;
pub use orders::Ending;
pub use orders::ORDER_LIFETIME;
pub use orders::Order;
pub use orders::Taken;
pub use pending::PendingLogins;
pub use person::Lifetimes;
pub use person::Session;
pub use person::SessionId;
pub use person::SessionTag;
pub use renewal::Renewal;
pub use roll::Listed;
pub use roll::Whose;
pub use sessions::NewSession;
pub use sessions::SessionError;
pub use sessions::Sessions;
