//! Durable, shared state: records that are sealed before they get here.

mod seal;

pub use seal::Purpose;
pub use seal::SealError;
pub use seal::ServerKey;
pub use seal::Unsealed;
pub use seal::open;
pub use seal::seal;
