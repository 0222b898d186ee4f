//! Seeing inside: the log. (What happened to whom is the audit room's.)

mod chain;
mod log;
mod redact;

pub use chain::Chain;
pub use log::LogError;
pub use log::start;
pub use redact::redacted_path;
