//! Panelgate: an identity-aware gateway to cPanel & WHM servers.
//!
//! `ARCHITECTURE.md` shows the rooms of this house and which may know which.

pub mod cli;
pub mod config;
pub mod identity;
pub mod model;
pub mod policy;
pub mod store;
pub mod vault;
