//! The relying party against the lab's provider and against a certified one.
//!
//! Tests that play a module of the OpenID Foundation's conformance suite carry its id, with underscores.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]

#[path = "identity/browser.rs"]
mod browser;
#[path = "identity/callbacks.rs"]
mod callbacks;
#[path = "identity/certified.rs"]
mod certified;
#[path = "identity/client.rs"]
mod client;
#[path = "identity/conformance.rs"]
mod conformance;
#[path = "identity/directories.rs"]
mod directories;
#[path = "identity/faults.rs"]
mod faults;
#[path = "identity/groups.rs"]
mod groups;
#[path = "identity/harness.rs"]
mod harness;
#[path = "identity/keys.rs"]
mod keys;
#[path = "identity/products.rs"]
mod products;
#[path = "identity/refresh.rs"]
mod refresh;
#[path = "identity/sign_in.rs"]
mod sign_in;
#[path = "identity/tokens.rs"]
mod tokens;
