//! The record of who did what: written before the act, for good.
//!
//! An event is one line of JSON with a versioned schema (`docs/audit.md`). Acts that open access wait until
//! their event is on disk; if it cannot be written, the act does not happen. Every act that was begun is
//! closed, whatever becomes of it. No field can hold a secret: events are built from names and ids only.

mod act;
mod event;
mod file;

pub use act::Act;
pub use event::Event;
pub use event::Kind;
pub use event::Outcome;
pub use event::Subject;
pub use file::AuditError;
pub use file::AuditLog;
