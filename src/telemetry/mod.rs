//! Seeing inside: the log, what is counted and measured, and what is wrong. (What happened to whom is the
//! audit room's.)

mod chain;
mod format;
mod found;
mod health;
mod lines;
mod log;
mod metrics;
mod redact;
mod request_line;
mod servers;
mod shielded;
mod traces;
mod waits;

pub use chain::Chain;
pub use health::Check;
pub use health::Health;
pub use lines::Log;
pub use lines::left_out;
pub use log::LogError;
pub use log::start;
pub use metrics::Metrics;
pub use metrics::Open;
pub use metrics::PanelAct;
pub use metrics::RequestPlace;
pub use redact::RedactedPath;
pub use request_line::RequestLine;
pub use servers::ServerState;
pub use shielded::Shielded;
pub use traces::Sending;
pub use traces::TraceError;
pub use traces::TraceSettings;
pub use traces::Traced;
pub use traces::Traces;
pub use waits::Step;
pub use waits::Waits;
