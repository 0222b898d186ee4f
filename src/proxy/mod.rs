//! One request out, one answer back, streaming.

mod body;
mod forward;

pub use body::Guarded;
pub use forward::Answer;
pub use forward::ProxyError;
pub use forward::forward;
