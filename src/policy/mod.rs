//! May this person open this service of this server as this account: the decision, and its reason.
//!
//! A pure function of a directory and what a sign-in proved: no I/O, no clock, no configuration. A person
//! belongs to every role group that lists one of their `IdP` groups, byte for byte; only role groups with
//! the connect permission give anything; what they give adds up. Nothing is allowed that is not written.
//! For reviewers, [`matrix`] shows everything that is written, [`diff`] what a change of the directory gives
//! and takes, and [`Review::explain`] why an answer is what it is and what would turn it.
//! An allowed request becomes a [`Grant`], which only this room makes and which the rooms behind ask for.

mod circumstances;
mod denial;
mod difference;
mod entitlement;
mod expectation;
mod explain;
mod grant;
mod index;
mod reason;
mod region;
mod request;
mod ways;

pub use circumstances::Circumstances;
pub use circumstances::Claimant;
pub use circumstances::Provenance;
pub use denial::Denial;
pub use difference::Change;
pub use difference::Direction;
pub use difference::Holding;
pub use difference::Verdict;
pub use difference::diff;
pub use difference::verdict;
pub use entitlement::Entitlement;
pub use entitlement::Scope;
pub use entitlement::Whom;
pub use entitlement::matrix;
pub use expectation::Expectation;
pub use expectation::InvalidExpectation;
pub use explain::Explanation;
pub use explain::Membership;
pub use explain::Review;
pub use grant::Grant;
pub use index::Decision;
pub use index::Policy;
pub use index::Standing;
pub use reason::Reason;
pub use request::AccessRequest;
pub use request::Question;
pub use request::Reach;
pub use request::Supposed;
pub use ways::Way;
