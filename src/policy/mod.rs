//! May this person open this service of this server as this account: the decision, and its reason.
//!
//! A pure function of a directory and what a sign-in proved: no I/O, no clock, no configuration. A person
//! belongs to every role group that lists one of their `IdP` groups, byte for byte; only role groups with
//! the connect permission give anything; what they give adds up. Nothing is allowed that is not written.
//! An allowed request becomes a [`Grant`], which only this room makes and which the rooms behind ask for.

mod denial;
mod grant;
mod index;
mod reason;
mod request;

pub use denial::Denial;
pub use grant::Grant;
pub use index::Decision;
pub use index::Policy;
pub use index::Standing;
pub use reason::Reason;
pub use request::AccessRequest;
pub use request::Reach;
