//! Bytes in, bytes out: listening, TLS, HTTP/1.1 by hand.
//!
//! Written by hand because a library would tidy up what matters here: the case of header names,
//! reason phrases, how a body ends, what is refused.

mod body;
mod connection;
mod head;
mod io;
mod listener;
mod serve;
pub(super) mod tls;
mod write;

pub(super) use body::Incoming;
pub(super) use connection::Connection;
pub(super) use connection::Moved;
pub(super) use head::Request;
pub(super) use io::Io;
pub(super) use listener::Listeners;
pub(super) use serve::Peer;
