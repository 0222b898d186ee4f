//! The record of who did what: written before the act, for good.
//!
//! An event is one line of JSON with a versioned schema (`docs/audit.md`). Acts that open access wait until
//! their event is on disk; if it cannot be written, the act does not happen. Every act that was begun is
//! closed, whatever becomes of it. Records of requests do not wait; those that find no room are counted.
//! The lines form a chain through all files, which [`verify`] follows. No field can hold a secret: events
//! are built from names and ids only.

mod act;
mod answered;
mod archive;
mod batch;
mod chain;
mod event;
mod file;
mod known;
mod log;
mod people;
mod queue;
mod report;
mod syslog;
#[cfg(test)]
mod tests;
mod verify;
mod writer;
mod written;

pub use act::Act;
pub use answered::Answered;
pub use chain::InvalidLink;
pub use chain::Link;
pub use event::Event;
pub use event::Kind;
pub use event::Outcome;
pub use file::FileSettings;
pub use log::AuditError;
pub use log::AuditLog;
pub use log::AuditSettings;
pub use log::Need;
pub use people::LastRead;
pub use people::last_read;
pub use report::Deed;
pub use report::Reported;
pub use report::Search;
pub use report::Stay;
pub use report::report;
pub use syslog::reach as reach_syslog;
pub use verify::At;
pub use verify::Finding;
pub use verify::Verified;
pub use verify::verify;
