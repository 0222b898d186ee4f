//! A person's session: cookie ↔ principal, its lifetime, and the entries to panel origins that end with it.
//!
//! A cookie holds 256 random bits and nothing else. Its SHA-256 is the record's key; the record itself is
//! sealed with the cookie and the server's key together ([`crate::store`]). Live sessions are kept in
//! memory beside the store, so that a request seldom touches it. Ending a session cancels its token, which
//! cuts everything that runs under it.

mod entry;
mod handoff;
mod pending;
mod person;
mod sessions;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use entry::EntryPlace;
pub use entry::SecretDigits;
pub use handoff::Handoff;
pub use pending::PendingLogins;
pub use person::Lifetimes;
pub use person::Session;
pub use person::SessionId;
pub use person::SessionTag;
pub use sessions::SessionError;
pub use sessions::Sessions;
