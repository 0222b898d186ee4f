//! Signed-in cpsrvd sessions that we hold for people: opened once, reused, renewed, never shared.
//!
//! One per (session, server, service, account), with one cookie jar and one pool of connections each. We
//! choose the security token, so a session that cpsrvd has dropped is opened again under the same one, and
//! open pages go on working. One that is let go is ended at its server where that ends no other. A customer
//! of a reseller is opened only after the server has said that it is one.

mod ending;
mod hosted;
mod open;
mod places;
mod registry;
mod rest;
mod shared;
mod sharing;
mod signed;
mod slot;
mod together;
mod vacancy;
mod ways;

pub use hosted::Hosted;
pub use hosted::ServerIdentity;
pub use open::Claim;
pub use open::OpenError;
pub use open::PanelSession;
pub use places::NoPlace;
pub use places::PanelLimits;
pub use places::PlaceLimits;
pub use places::Placed;
pub use places::Places;
pub use registry::Cut;
pub use registry::CutBecause;
pub use registry::PanelSessions;
pub use registry::Place;
pub use registry::place_of;
pub use rest::Cause;
pub use rest::Resting;
pub use signed::Incoming;
pub use signed::Mismatch;
pub use signed::SignedRequest;
pub use vacancy::Vacancy;
pub use ways::Ways;
