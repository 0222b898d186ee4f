//! The cPanel double, held against its specification: one test per behaviour, in both positions of its switch.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod api;
mod browser;
mod client;
mod faults;
mod hops;
mod observe;
mod pages;
mod password;
mod session;
mod session_end;
mod streams;
mod table;
mod transport;
