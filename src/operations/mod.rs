//! The operations address: `/healthz`, `/readyz` and `/metrics`, for probes and collectors and nobody else.
//!
//! Plain HTTP on an address of its own, apart from everything that people reach; it knows nothing of
//! sessions and panels, and shows no value that a request or a person brought along.

mod endpoints;
mod ready;

pub use endpoints::Operations;
