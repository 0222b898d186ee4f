//! The OpenID Connect relying party: who is asking, proven.

mod principal;

pub use principal::Principal;
pub use principal::PrincipalRecord;
