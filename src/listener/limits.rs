//! The limits of a listener.

use std::time::Duration;

/// What is bounded on the browser's side.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at once; more wait in the kernel.
    pub connections: usize,
    /// Connections at once from one address; more are closed.
    pub connections_per_address: usize,
    /// Time for a TLS handshake.
    pub tls_handshake: Duration,
    /// Time for a request's head to arrive; an idle HTTP/1.1 connection is kept as long.
    pub request_head: Duration,
    /// Size of a request's head, in bytes.
    pub request_head_bytes: usize,
    /// Header lines in a request.
    pub request_headers: usize,
    /// Requests at once on an HTTP/2 connection.
    pub http2_streams: u32,
    /// Streams that a peer may have reset before they were taken up, on an HTTP/2 connection.
    pub http2_resets: usize,
    /// Time that an idle HTTP/2 connection is kept.
    pub keep_alive: Duration,
}
