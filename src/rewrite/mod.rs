//! What passes between a browser and a server, header by header. Pure functions.
//!
//! Both directions are allowlists: what is not named here does not pass. Towards the server a request
//! looks as if it had come from a browser at the server's own address; towards the browser the envelope
//! (framing, isolation, caching) is ours and cannot be weakened by a server.

mod address;
mod caching;
mod framing;
mod html;
mod link;
mod request;
mod response;
mod security;

pub use address::HOP;
pub use address::Leads;
pub use address::PanelAddresses;
pub use framing::refuses_frames;
pub use html::PageLinks;
pub use request::handshake_headers;
pub use request::request_headers;
pub use response::Unsafe;
pub use response::handshake_answer;
pub use response::response_headers;
pub use security::own_headers;
