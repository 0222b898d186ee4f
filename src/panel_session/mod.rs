//! Signed-in cpsrvd sessions that we hold for people: opened once, reused, renewed, never shared.
//!
//! One per (session, server, service, account), with one cookie jar and one pool of connections each. We
//! choose the security token, so a session that cpsrvd has dropped is opened again under the same one, and
//! open pages go on working.

mod open;
mod registry;
mod rest;
mod signed;

pub use open::Claim;
pub use open::OpenError;
pub use open::PanelSession;
pub use registry::Cut;
pub use registry::CutBecause;
pub use registry::Hosted;
pub use registry::PanelSessions;
pub use registry::Place;
pub use registry::ServerIdentity;
pub use registry::Vacancy;
pub use rest::Cause;
pub use rest::Resting;
pub use signed::Incoming;
pub use signed::Mismatch;
pub use signed::SignedRequest;
