//! Panelgate: an identity-aware gateway to cPanel & WHM servers.
//!
//! `ARCHITECTURE.md` shows the rooms of this house and which may know which.

pub mod console;
pub mod identity;
pub mod model;
pub mod store;
