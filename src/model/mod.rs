//! The nouns that every room shares.
//!
//! Plain values with their checks: no I/O, no async, nothing of this crate above. A value of one of
//! these types has been parsed once and carries the proof of it; nobody checks it again.

mod account;
mod client_addr;
mod clock;
mod conditions;
mod directory;
mod host;
mod ids;
mod origin;
mod provider;
mod right;
mod secret;
mod service;
mod subject;
mod target;

pub use account::Account;
pub use account::InvalidAccount;
pub use client_addr::ClientAddr;
pub use clock::Clock;
pub use clock::SystemClock;
pub use clock::Timestamp;
pub use conditions::AcrValue;
pub use conditions::Conditions;
pub use conditions::InvalidAcrValue;
pub use conditions::InvalidNetwork;
pub use conditions::Network;
pub use conditions::Strength;
pub use directory::Access;
pub use directory::Directory;
pub use directory::DirectoryVersion;
pub use directory::RoleGroup;
pub use directory::Rule;
pub use directory::Server;
pub use directory::Source;
pub use directory::SpkiPin;
pub use directory::Trust;
pub use host::Host;
pub use host::InvalidHost;
pub use ids::InvalidLabel;
pub use ids::ProviderId;
pub use ids::ReferenceId;
pub use ids::RoleGroupName;
pub use ids::ServerId;
pub use origin::InvalidOrigin;
pub use origin::Origin;
pub use origin::Scheme;
pub use provider::AssertionAudience;
pub use provider::GroupValues;
pub use provider::GroupsFrom;
pub use provider::IdTokenAlgorithm;
pub use provider::PushedRequests;
pub use provider::RsaPadding;
pub use provider::UnknownAlgorithm;
pub use right::Right;
pub use secret::SecretRef;
pub use secret::Token256;
pub use service::Service;
pub use service::UnknownService;
pub use subject::IdpGroup;
pub use subject::Subject;
pub use target::MalformedTarget;
pub use target::Target;
