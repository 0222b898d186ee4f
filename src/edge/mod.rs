//! From hostile bytes to a checked request.
//!
//! Everything that a browser, or something that plays one, can send is judged here once: which origin it
//! is for, whether it can mean only one thing, and whether one of our own pages may have caused it (Fetch
//! Metadata, W3C; `Origin`, RFC 6454). What passes is an [`EdgeRequest`]; the raw request goes no further.

mod cookies;
mod fetch;
mod forwarded;
mod gate;
mod headers;
mod place;
mod request;
mod websocket;

pub use cookies::Cookies;
pub use fetch::Destination;
pub use fetch::FetchContext;
pub use fetch::Initiator;
pub use forwarded::Forwarding;
pub use forwarded::ForwardingHeader;
pub use gate::Arrival;
pub use gate::BACKCHANNEL_LOGOUT;
pub use gate::EdgeError;
pub use gate::FRONTCHANNEL_LOGOUT;
pub use gate::RESERVED;
pub use headers::Framing;
pub use place::Origins;
pub use place::PanelOrigin;
pub use place::PanelStyle;
pub use place::Place;
pub use request::EdgeRequest;
pub use request::check;
pub use websocket::Handshake;
pub use websocket::accept;
