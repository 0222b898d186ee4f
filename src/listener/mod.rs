//! Sockets: bind, accept, TLS, limits on connections, and a graceful end.
//!
//! Knows connections, and of HTTP only how to run it. What a request means is the caller's business.

mod accept;
mod activity;
mod bind;
mod crowd;
mod front;
mod gathered;
mod heads;
mod http1;
mod limits;
mod linger;
mod remembered;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod watch;
mod wire;

pub use accept::Listener;
pub use bind::BindError;
pub use bind::bind;
pub use bind::try_bind;
pub use crowd::Counted;
pub use crowd::Crowd;
pub use front::Front;
pub use limits::ListenerLimits;
pub use serve::Accepted;
pub use tls::Certificates;
pub use tls::Held;
pub use tls::Offer;
pub use tls::TlsError;
pub use tls::server_config;
