//! Panelgate: an identity-aware gateway to cPanel & WHM servers.
//!
//! `ARCHITECTURE.md` shows the rooms of this house and which may know which.

pub mod audit;
pub mod cli;
pub mod compose;
pub mod config;
pub mod console;
pub mod doctor;
pub mod edge;
pub mod fleet;
pub mod gateway;
pub mod identity;
pub mod listener;
pub mod model;
pub mod operations;
pub mod panel;
pub mod panel_session;
pub mod policy;
pub mod proxy;
pub mod rewrite;
pub mod session;
pub mod shield;
pub mod store;
pub mod telemetry;
pub mod upstream;
pub mod vault;
pub mod whmcs;
