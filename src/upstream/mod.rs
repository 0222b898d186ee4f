//! A verified connection to one server, and nothing about what is said over it.
//!
//! One [`Upstream`] per server of the directory: where it is, what its certificate must be, how long
//! things may take. It makes [`Client`]s; each has a pool of connections of its own, so that two panel
//! sessions never share one.

mod body;
mod client;
mod connect;
mod ending;
mod interim;
mod knock;
mod line;
mod look;
mod moved;
mod pool;
mod trust;

pub use body::Body;
pub use body::BoxError;
pub use body::empty;
pub use body::full;
pub use body::streamed;
pub use client::Client;
pub use client::SendError;
pub use client::Upstream;
pub use client::UpstreamLimits;
pub use connect::ConnectError;
pub use ending::Ending;
pub use knock::Knocked;
pub use knock::Knocker;
pub use knock::Speech;
pub use look::LookError;
pub use look::Looker;
pub use look::Presented;
pub use look::look;
pub use pool::AnswerBody;
pub use trust::TrustError;
pub use trust::TrustSettings;
pub use trust::client_config;
