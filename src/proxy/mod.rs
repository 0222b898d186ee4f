//! One request out, one answer back, streaming.

mod body;
mod deliver;
mod forward;
mod frames;
mod held;
mod peek;
mod tunnel;
mod way;

pub use body::Guarded;
pub use body::Pace;
pub use deliver::deliver;
pub use forward::Answer;
pub use forward::ProxyError;
pub use forward::forward;
pub use held::HeldBodies;
pub use held::Keeper;
pub use tunnel::Connected;
pub use tunnel::Tunnel;
pub use tunnel::connect;
